"""The cached engine computes what is new, and begins anew where a window does not go on from the one before."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from streamer.engines.cached_engine import CachedEngine, Graph
from streamer.engines.engine import Feed, feed_of
from streamer.network import checkpoint, contract
from streamer.network.cached import parts
from streamer.records import Window
from tests.harness.cached_parts import graph, shapes_of, small_stream
from tests.laws.test_cached import SHAPES
from tests.unit.test_windows import RATE, Ear, noise, speech, transcript

SOUND = np.concatenate((noise(0.5, 0.01), speech(10.0)))


class Watched:
    """An engine that tells what it computed: new columns, and words read."""

    def __init__(self) -> None:
        self.columns: list[int] = []
        self.slots: list[int] = []
        made = parts(small_stream())
        step, words, heads = (graph(made[name].module) for name in checkpoint.CACHED_FILES)
        stepping = self._watched(step, "picture", self.columns)
        self.engine = CachedEngine(stepping, self._watched(words, "words", self.slots), heads, shapes_of(made))
        self.columns.clear()  # what silence leaves behind was made

    def _watched(self, run: Graph, name: str, lengths: list[int]) -> Graph:
        def noted(given: Mapping[str, NDArray[Any]]) -> Any:  # noqa: ANN401  what the graph answers
            lengths.append(given[name].shape[-1])
            return run(given)

        return noted

    def ask(self, window: Window) -> None:
        self.engine.run(feed_of(window, SHAPES))


@pytest.fixture(scope="module")
def windows() -> list[Window]:
    ear = Ear()
    ear.windower.hear(transcript(6.0, "so", "happy"))
    ear.windower.hear(transcript(7.0, "so", "happy", "today"))
    return ear.hear(SOUND)


def test_a_hop_costs_its_own_columns_and_words_are_read_when_they_change(windows: list[Window]) -> None:
    watched = Watched()
    for window in windows:
        watched.ask(window)
    assert len(windows) > 55
    anew = [n for n in watched.columns if n != contract.DEFAULT_HOP_COLUMNS]
    assert len(anew) <= 2  # where the evidence begins with the utterance
    assert watched.slots == [2, 3, 4]  # a slot more than there are words; two, while nothing is said


def test_windows_that_were_passed_over_are_caught_up_with(windows: list[Window]) -> None:
    watched = Watched()
    for window in (windows[40], windows[46], windows[47]):
        watched.ask(window)
    assert watched.columns[1:] == [6 * contract.DEFAULT_HOP_COLUMNS, contract.DEFAULT_HOP_COLUMNS]


def test_the_same_window_again_costs_no_sound(windows: list[Window]) -> None:
    watched = Watched()
    watched.ask(windows[40])
    watched.ask(windows[40])
    assert len(watched.columns) == 1


def test_a_new_start_costs_no_more_than_what_is_shown(windows: list[Window]) -> None:
    watched = Watched()
    watched.ask(windows[-1])
    watched.ask(windows[5])
    assert int(windows[5].columns.sum()) == 48
    assert watched.columns == [contract.N_COLUMNS, 48]


def test_what_a_caller_writes_into_its_arrays_afterwards_does_no_harm(windows: list[Window]) -> None:
    watched, fresh = Watched(), Watched()
    first, second = (feed_of(window, SHAPES) for window in windows[40:42])
    mine = Feed({name: array.copy() for name, array in first.arrays.items()}, first.end, first.utterance)
    watched.engine.run(mine)
    for name, array in second.arrays.items():
        mine.arrays[name][:] = array
    found = watched.engine.run(Feed(mine.arrays, mine.end, mine.utterance))
    wanted = fresh.engine.run(second)
    np.testing.assert_allclose(found.logits, wanted.logits, atol=1e-4, rtol=0)


def test_a_window_without_sound_or_words_is_answered(windows: list[Window]) -> None:
    watched = Watched()
    feed = feed_of(windows[40], SHAPES)
    nothing = {name: np.zeros_like(array) for name, array in feed.arrays.items()}
    answer = watched.engine.run(Feed(nothing, RATE, utterance=-1))
    assert watched.columns == []
    assert np.isfinite(answer.logits).all()
    assert answer.embedding is not None
    assert not answer.embedding.any()
