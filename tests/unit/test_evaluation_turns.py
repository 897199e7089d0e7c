"""Whose turn it is to speak: one stream per speaker, in a drawn order or the file's, and every row once."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from streamer.evaluation import turns
from streamer.evaluation.examples import WINDOW_SAMPLES
from streamer.evaluation.manifest import Row
from tests.networks import window


def rows(speakers: list[str]) -> list[Row]:
    return [Row(line, None, "", "sad", speaker, "", "") for line, speaker in enumerate(speakers, 2)]


SPEAKERS = st.lists(st.sampled_from(["", "a", "b", "c"]), max_size=40)


@given(SPEAKERS, st.integers(0, 5), st.sampled_from(["random", "file"]))
def test_every_row_speaks_once_in_its_speakers_stream(speakers: list[str], seed: int, order: turns.Order) -> None:
    streams = turns.turns(rows(speakers), order, seed)
    assert sorted(place for stream in streams for place in stream) == list(range(len(speakers)))
    assert all(len({speakers[place] for place in stream}) == 1 for stream in streams)
    assert len(streams) == len(set(speakers) - {""}) + speakers.count("")


@given(SPEAKERS)
def test_the_files_order_is_kept(speakers: list[str]) -> None:
    assert all(stream == sorted(stream) for stream in turns.turns(rows(speakers), "file", 0))


def test_a_drawn_order_comes_from_the_seed_and_from_no_other_speaker() -> None:
    (alone,) = turns.turns(rows(["a"] * 30), "random", 0)
    assert alone != list(range(30))
    assert turns.turns(rows(["a"] * 30 + ["b"] * 7), "random", 0)[0] == alone
    assert turns.turns(rows(["a"] * 30), "random", 1) != [alone]


def test_windows_of_a_clip_become_an_utterance_of_its_speaker() -> None:
    first, last = window(), replace(window(1), end=window().end + 2_560)
    moved = list(turns.spoken_at(iter([first, last]), 7, 1_000))
    assert [one.utterance for one in moved] == [7, 7]
    assert [(one.start, one.end) for one in moved] == [(1_000, first.end + 1_000), (1_000, last.end + 1_000)]
    assert moved[0].picture is first.picture
    assert turns.next_start(moved[-1].end) - moved[-1].end >= WINDOW_SAMPLES
