"""A card is read back as it was written, and every other card is refused by a sentence that names the entry."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.network.card import (
    INPUT_SHAPES,
    LABEL_SETS,
    AdaptationNote,
    Card,
    VectorsNote,
    card_from_json,
    card_to_json,
    input_shapes,
    shape_text,
)
from streamer.network.entries import CheckpointError
from tests.networks import card


def entries() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(card_to_json(card()))
    return loaded


def refusal(changed: object) -> str:
    with pytest.raises(CheckpointError) as caught:
        card_from_json(json.dumps(changed).encode(), "card.json")
    return str(caught.value)


@given(
    labels=st.sampled_from(LABEL_SETS),
    threshold=st.floats(0, 0.99),
    temperature=st.floats(0.01, 100),
    command=st.text(),
    vectors=st.none() | st.builds(VectorsNote, st.just("words-en"), st.just("0" * 64)),
    sound=st.sampled_from(["picture", "mels"]),
    adaptation=st.none() | st.builds(AdaptationNote, st.floats(0, 9), st.floats(0, 1), st.integers(0, 9)),
    figures=st.dictionaries(st.text(), st.integers() | st.text() | st.lists(st.floats(0, 1))),
)
def test_what_was_written_is_read(  # noqa: PLR0917  what hypothesis draws
    labels: tuple[str, ...],
    threshold: float,
    temperature: float,
    command: str,
    vectors: VectorsNote | None,
    sound: str,
    adaptation: AdaptationNote | None,
    figures: dict[str, Any],
) -> None:
    made = Card(
        name="a",
        network="stream",
        config={"n_classes": 7},
        labels=labels,
        heads=("joint", "sound"),
        temperatures=(temperature, 1.0),
        head_weights=(0.0, 2.0),
        threshold=threshold,
        licence="MIT",
        command=command,
        vectors=vectors,
        figures=figures,
        shapes=input_shapes(sound, 576 if adaptation else None),
        adaptation=adaptation,
        tensors={"scale": (), "f.weight": (32, 32, 1)},
    )
    assert card_from_json(card_to_json(made), "card.json") == made


def test_a_card_older_than_adaptation_has_none() -> None:
    older = entries()
    del older["adaptation"]
    assert card_from_json(json.dumps(older).encode(), "card.json") == card()


@pytest.mark.parametrize("key", [key for key in entries() if key != "adaptation"])
def test_every_entry_is_needed(key: str) -> None:
    changed = entries()
    del changed[key]
    assert f"card.json: entry {key!r} is missing; install or train the model again" in refusal(changed)


@pytest.mark.parametrize("key", [*entries()])
def test_no_entry_takes_a_truth_value(key: str) -> None:
    assert refusal(entries() | {key: True}).startswith("card.json: ")


def test_an_unknown_entry_is_refused() -> None:
    said = refusal(entries() | {"thresold": 0.3})
    assert said == "card.json: entry 'thresold' is not known to this program; install or train the model again"


LABELS = "happy, angry, sad, surprised, disgusted, fear"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"schema": "emostream.card/2"}, "card.json: schema is 'emostream.card/2', wanted 'emostream.card/1'"),
        (
            {"labels": ["angry", "happy"]},
            f"card.json: the labels are angry, happy, wanted {LABELS} in this order, then none or nothing",
        ),
        (
            {"heads": ["joint", "video"]},
            "card.json: the heads are joint, video, wanted some of joint, sound, words, each once",
        ),
        ({"heads": []}, "card.json: the heads are , wanted some of joint, sound, words, each once"),
        (
            {"temperatures": [1.0, 2.0]},
            "card.json: found 1 heads, 2 temperatures, 1 head_weights, wanted as many of each",
        ),
        (
            {"temperatures": [0.0]},
            "card.json: wanted temperatures above 0, and head_weights from 0 up that are not all 0",
        ),
        (
            {"head_weights": [0]},
            "card.json: wanted temperatures above 0, and head_weights from 0 up that are not all 0",
        ),
        ({"threshold": 1.0}, "card.json: threshold is 1.0, wanted 0 to under 1"),
        ({"threshold": "high"}, "card.json: threshold is 'high', wanted a finite number"),
        ({"step_samples": 0}, "card.json: step_samples is 0, wanted a whole number from 1 up"),
        ({"name": "../up"}, "card.json: name is '../up', wanted text of the form [A-Za-z0-9][A-Za-z0-9_.-]{0,63}"),
        ({"tensors": {"f": [1, -1]}}, "card.json: tensors: f[1] is -1, wanted a whole number from 0 up"),
        (
            {"files": {"a": {"sha256": "ab", "bytes": 1}}},
            "card.json: files: a: sha256 is 'ab', wanted text of the form [0-9a-f]{64}",
        ),
        ({"trained_on": [{"corpus": "x"}]}, "card.json: trained_on[0]: entry 'licence' is missing"),
        ({"vectors": {"name": "w"}}, "card.json: vectors: entry 'sha256' is missing"),
    ],
)
def test_a_wrong_entry_is_named(change: dict[str, Any], said: str) -> None:
    assert refusal(entries() | change) == f"{said}; install or train the model again"


def test_a_network_for_other_pictures_is_refused() -> None:
    changed = entries()
    changed["shapes"]["picture"] = [128, 400]
    assert refusal(changed) == (
        "card.json: input picture is 128x400, but this program makes 200x400; install or train the model again"
    )
    del changed["shapes"]["picture"]
    assert "input picture is missing, but" in refusal(changed)


@pytest.mark.parametrize(
    ("shapes", "said"),
    [
        ({"mels": [80, 799]}, "input mels is 80x799, but this program makes 80x800"),
        ({"mels": [80, 800], "columns": [300]}, "input mels is 80x800, but this program makes 80x600"),
        ({"mels": [80, 804], "columns": [402]}, "input columns is 402, wanted a multiple of 4 from 8 to 400"),
        ({"mels": [80, 8], "columns": [4]}, "input columns is 4, wanted a multiple of 4 from 8 to 400"),
        ({"mels": [80, 800], "columns": []}, "input columns is a single number, wanted a multiple of 4"),
        ({"picture": [200, 300], "columns": [300]}, "input picture is 200x300, but this program makes 200x400"),
        (
            {"picture": [200, 400], "mels": [80, 800]},
            "the inputs are columns, words, word_mask, word_spans, picture, mels, wanted mels, columns, words",
        ),
        (
            {"mels": [80, 800], "speaker": [3, 4]},
            "the inputs are columns, words, word_mask, word_spans, mels, speaker, ",
        ),
    ],
)
def test_other_inputs_are_refused(shapes: dict[str, list[int]], said: str) -> None:
    shared = {name: list(shape) for name, shape in INPUT_SHAPES.items() if name != "picture"}
    assert f"card.json: {said}" in refusal(entries() | {"shapes": shared | shapes})


@pytest.mark.parametrize("speaker", [[3, 4], [], [0], [65_537]])
def test_a_speaker_is_one_row(speaker: list[int]) -> None:
    shapes = {name: list(shape) for name, shape in input_shapes("picture", 4).items()}
    assert "input speaker is " in refusal(entries() | {"shapes": shapes | {"speaker": speaker}})


def test_adaptation_needs_a_network_that_takes_a_speaker() -> None:
    adaptation = {"prior": 3.0, "strength": 1.0, "warm_up": 2}
    assert "there is an adaptation, but no input speaker" in refusal(entries() | {"adaptation": adaptation})
    assert "adaptation: warm_up is 1.5" in refusal(entries() | {"adaptation": adaptation | {"warm_up": 1.5}})


@pytest.mark.parametrize("text", [b"", b"{", b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_json_is_refused(text: bytes) -> None:
    with pytest.raises(CheckpointError, match=r"^card.json is not JSON \("):
        card_from_json(text, "card.json")


def test_what_is_no_object_is_refused() -> None:
    assert refusal([1]) == "card.json: found [1], wanted a JSON object; install or train the model again"


def test_infinity_is_no_number() -> None:
    text = card_to_json(card()).replace(b'"threshold": 0.4', b'"threshold": Infinity')
    with pytest.raises(CheckpointError, match="threshold is inf, wanted a finite number"):
        card_from_json(text, "card.json")


def test_shapes_are_read_by_people() -> None:
    assert [shape_text(shape) for shape in ((200, 400), (3,), ())] == ["200x400", "3", "a single number"]
