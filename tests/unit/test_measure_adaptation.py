"""The streams that the harm test is made of, and the figures that follow from their answers."""

import numpy as np
import pytest

from streamer.network import contract
from tools import measure_adaptation as tool
from tools.measure_adaptation import Tally
from tools.scenes import SCENES, Stream

OWN = ["happy", "sad", "neutral", "sad", "fear", "neutral", "happy"]
ALL = [*OWN, "angry", "neutral"]


def arranged(scene: str, emotions: list[str] = ALL, seed: int = 0) -> list[Stream]:
    return SCENES[scene](emotions, len(OWN), np.random.default_rng(seed))


@pytest.mark.parametrize("scene", list(SCENES))
def test_each_own_emotional_clip_is_judged_once_and_nothing_else(scene: str) -> None:
    judged = [said.place for stream in arranged(scene) for said in stream if said.judged]
    assert sorted(judged) == [0, 1, 3, 4, 6]


def test_a_mostly_neutral_stream_is_four_fifths_neutral_everywhere() -> None:
    (stream,) = arranged("80 % neutral")
    kinds = [ALL[said.place] in contract.EMOTIONS for said in stream]
    assert kinds == [False, False, False, False, True] * 5
    assert {said.place for said in stream if not said.judged} == {2, 5}
    assert arranged("80 % neutral", ["happy"] * 7 + ["neutral"]) == []


def test_a_single_emotion_is_a_stream_of_its_own() -> None:
    assert sorted(sorted(ALL[said.place] for said in stream) for stream in arranged("a single emotion")) == [
        ["fear"], ["happy", "happy"], ["sad", "sad"],
    ]  # fmt: skip


def test_a_stranger_speaks_first_and_is_not_judged() -> None:
    (stream,) = arranged("another speaker before")
    assert sorted(said.place for said in stream[:2]) == [7, 8]
    assert not any(said.judged for said in stream[:2])
    assert len(stream) == len(ALL)
    assert arranged("another speaker before", OWN) == []


def test_short_streams_are_short() -> None:
    assert [len(stream) for stream in arranged("1 to 3 utterances")] == [3, 2]


def test_blocks_go_by_emotion() -> None:
    (stream,) = arranged("blocked by emotion")
    assert [ALL[said.place] for said in stream] == ["happy", "happy", "sad", "sad", "fear", "neutral", "neutral"]


def test_figures_and_their_table() -> None:
    better = Tally(truth=[0, 0, 1, 1], answer=[0, 0, 1, 1], other=[0, 1, 1, 0], groups=[0, 0, 1, 1])
    same = Tally(truth=[0, 1], answer=[0, 0], other=[0, 0], groups=[0, 0])
    found = tool.figures({"one": better, "two": same, "none": Tally()}, 0)
    assert found["one"] | {} == {
        "n": 4, "speakers": 2, "over": "speakers", "with": 1.0, "without": 0.5, "gain": 0.5, "gain_ci95": [0.5, 0.5],
    }  # fmt: skip
    assert (found["two"]["gain"], found["two"]["gain_ci95"], found["two"]["over"]) == (0.0, [0.0, 0.0], "clips")
    assert (found["all corpora"]["gain"], found["all corpora"]["gain_ci95"]) == (0.25, [0.25, 0.25])
    table = tool.markdown({"scenes": {"random order": found, "short": {}}, "split": "valid", "seed": 0})
    assert "| stream | without | with | gain | one | two |\n" in table
    assert "| random order | 0.500 | 0.750 | +0.250 [+0.250, +0.250] | +0.500 [+0.500, +0.500] | +0.000 [" in table
    assert "| short | – | – | – | – | – |\n" in table
