"""The cached form that ships with `stream`: it answers as network.onnx does, for a twentieth of the work."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from streamer.engines.cached_engine import CachedEngine
from streamer.engines.classifier import Choice, Classifier
from streamer.engines.engine import blank_feed
from streamer.errors import ModelError
from streamer.network import checkpoint
from streamer.network.card import LABEL_SETS, Card, FileNote
from tests.house import ROOT
from tests.networks import window
from tools.prove_cached import DEMO, TOLERANCE, WANTED_RATIO, prove

FOLDER = ROOT / "models" / "stream"


@pytest.fixture
def card() -> Card:
    return checkpoint.read_card(FOLDER)


@pytest.fixture
def parts(card: Card) -> dict[str, bytes]:
    found = checkpoint.read_cached(FOLDER, card)
    assert tuple(found) == checkpoint.CACHED_FILES
    return found


def test_every_hop_is_answered_as_by_the_whole_network_for_a_twentieth_of_its_work() -> None:
    proof = prove(FOLDER, [DEMO], minutes=0.5, seed=3)
    assert sum(proof.states.values()) > 180
    assert proof.furthest <= TOLERANCE
    assert proof.ratio >= WANTED_RATIO


def test_parts_of_other_weights_are_refused(card: Card, parts: dict[str, bytes]) -> None:
    other = replace(card, files={**card.files, checkpoint.WEIGHTS_FILE: FileNote("0" * 64, 1)})
    with pytest.raises(ModelError) as caught:
        CachedEngine.open(parts, other, threads=1)
    assert str(caught.value) == (
        f"model {card.name}: cached-step.onnx was exported from other weights; install the model again"
    )


def test_parts_that_answer_otherwise_are_refused(card: Card, parts: dict[str, bytes]) -> None:
    with pytest.raises(ModelError, match=r"cached-heads.onnx answers logits of 1x3x7 and embedding of .*; install the"):
        CachedEngine.open(parts, replace(card, labels=LABEL_SETS[0]), threads=1)


def test_damaged_parts_are_refused(card: Card, parts: dict[str, bytes]) -> None:
    damaged = parts | {checkpoint.CACHED_WORDS: parts[checkpoint.CACHED_WORDS][:1000]}
    with pytest.raises(ModelError, match=r"cached-words.onnx is no network \(.*; install the model again$"):
        CachedEngine.open(damaged, card, threads=1)


def test_a_blank_window_is_answered(card: Card, parts: dict[str, bytes]) -> None:
    answer = CachedEngine.open(parts, card, threads=1).run(blank_feed(card.shapes))
    assert answer.logits.shape == (len(card.heads), len(card.labels))


def test_the_classifier_on_the_cpu_needs_the_cached_form_alone(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "models", tmp_path / "models", ignore=shutil.ignore_patterns(checkpoint.ONNX_FILE))
    with Classifier.open([tmp_path / "models"], Choice("stream", device="cpu")) as classifier:
        assert classifier.classify(window()).probabilities is not None
