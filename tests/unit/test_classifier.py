"""The classifier: which model it finds, what it refuses, and that its estimates carry what the window carried."""

import asyncio
import math
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from streamer.engines.classifier import Choice, Classifier, find_model
from streamer.engines.engine import Answer, Feed, Logits
from streamer.engines.exported import key
from streamer.engines.verdict import Calibration
from streamer.errors import ModelError, UsageError
from streamer.network import checkpoint
from streamer.network.card import VectorsNote
from streamer.records import State
from tests.networks import card, rewrite_card, window, write_model

CPU = Choice("small", "cpu")


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("shipped")).parent


@pytest.fixture
def models(shipped: Path, tmp_path: Path) -> Path:
    """A copy that a test may spoil."""
    shutil.copytree(shipped, tmp_path / "models")
    return tmp_path / "models"


@pytest.fixture
def classifier(shipped: Path) -> Iterator[Classifier]:
    with Classifier.open([shipped], replace(CPU, unsure_below=0.0)) as opened:
        yield opened


def refusal(models: Path, choice: Choice = CPU) -> str:
    with pytest.raises(ModelError) as caught:
        Classifier.open([models], choice, cache=models / "cache")
    assert caught.value.exit_code == 3
    return str(caught.value)


class Says:
    """An engine that always says the same."""

    device = "cpu"

    def __init__(self, *logits: float) -> None:
        self.logits: Logits = np.array([logits], np.float32)
        self.threads: set[str] = set()

    def run(self, feed: Feed) -> Answer:
        self.threads.add(threading.current_thread().name)
        return Answer(self.logits, None)


def saying(*logits: float) -> Classifier:
    return Classifier(Says(*logits), card(), Calibration.of(card()))


def test_an_estimate_carries_what_the_window_carried(classifier: Classifier) -> None:
    asked = window()
    estimate = classifier.classify(asked, queue_s=0.25)
    for name in ("start", "end", "stage", "utterance", "revision", "n_words", "captured_s", "features_s"):
        assert getattr(estimate, name) == getattr(asked, name), name
    assert estimate.state is State.SPEECH
    assert estimate.probabilities is not None
    assert sum(estimate.probabilities) == pytest.approx(1.0)
    assert estimate.queue_s == 0.25
    assert estimate.model_s > 0.0
    assert (classifier.name, classifier.device, classifier.vectors_name) == ("small", "cpu", None)


@pytest.mark.parametrize("state", [state for state in State if state is not State.SPEECH])
def test_a_window_without_speech_is_not_asked(classifier: Classifier, state: State) -> None:
    estimate = classifier.classify(window(state=state))
    assert (estimate.state, estimate.probabilities, estimate.model_s) == (state, None, 0.0)


def test_an_unsure_network_says_so_and_still_gives_its_probabilities() -> None:
    estimate = saying(0.1, 0.0, 0.0, 0.0, 0.0, 0.0).classify(window())
    assert estimate.state is State.UNSURE
    assert estimate.probabilities is not None
    assert saying(9.0, 0.0, 0.0, 0.0, 0.0, 0.0).classify(window()).state is State.SPEECH


def test_answers_that_are_no_numbers_are_counted() -> None:
    classifier = saying(0.0, math.nan, 0.0, 0.0, 0.0, 0.0)
    estimate = classifier.classify(window())
    assert (estimate.state, estimate.probabilities) == (State.UNSURE, None)
    classifier.classify(window(state=State.NO_SPEECH))
    assert classifier.non_finite == 1


async def test_estimates_come_from_one_thread_of_its_own_in_order() -> None:
    engine = Says(1.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    with Classifier(engine, card(), Calibration.of(card())) as classifier:
        windows = [replace(window(), utterance=i) for i in range(20)]
        estimates = await asyncio.gather(*(classifier.estimate(each, 0.5) for each in windows))
    assert [estimate.utterance for estimate in estimates] == list(range(20))
    assert {estimate.queue_s for estimate in estimates} == {0.5}
    assert engine.threads == {"classifier_0"}


def test_the_same_window_gives_the_same_estimate(classifier: Classifier) -> None:
    first, second = (replace(classifier.classify(window()), model_s=0.0) for _ in range(2))
    assert first == second


def test_the_first_folder_that_has_the_model_wins(models: Path, shipped: Path, tmp_path: Path) -> None:
    assert find_model([tmp_path / "nowhere", models, shipped], "small") == models / "small"


def test_a_model_that_is_not_there(models: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        Classifier.open([models, tmp_path / "mine"], Choice("stream"))
    assert caught.value.exit_code == 3
    assert str(caught.value) == (
        f"cannot find model 'stream': looked for stream/card.json in {models} and {tmp_path / 'mine'}; "
        "`emostream models list` shows what is there"
    )


@pytest.mark.parametrize("name", [checkpoint.WEIGHTS_FILE, checkpoint.ONNX_FILE])
def test_a_model_whose_hash_is_wrong(models: Path, name: str) -> None:
    content = bytearray((models / "small" / name).read_bytes())
    wanted = checkpoint.sha256(bytes(content))
    content[len(content) // 2] ^= 1
    (models / "small" / name).write_bytes(content)
    assert refusal(models) == (
        f"{models}/small/{name} has SHA-256 {checkpoint.sha256(bytes(content))[:12]}…, "
        f"but its card says {wanted[:12]}…: the file is damaged or not the one that was trained; "
        "install the model again"
    )


def test_a_model_whose_shape_is_wrong(models: Path) -> None:
    tensors = {**checkpoint.read_card(models / "small").tensors, "head.out.bias": (7,)}
    rewrite_card(models / "small", tensors=tensors)
    assert refusal(models) == (
        f"{models}/small/weights.safetensors: layer head.out.bias is 6, but its card wants 7; "
        "install or train the model again"
    )


def test_a_model_without_export_whose_shape_is_wrong(models: Path) -> None:
    made = checkpoint.read_card(models / "small")
    tensors = checkpoint.read_tensors(models / "small", made)
    checkpoint.write(models / "small", made, {**tensors, "head.out.bias": np.zeros(7, np.float32)})
    assert refusal(models) == (
        f"{models}/small/weights.safetensors: layer head.out.bias is 7, but network attention wants 6; "
        "install or train the model again"
    )


def test_a_model_for_other_pictures(models: Path) -> None:
    made = checkpoint.read_card(models / "small")
    rewrite_card(models / "small", shapes={**made.shapes, "picture": (128, 400)})
    assert refusal(models) == (
        f"{models}/small/card.json: input picture is 128x400, but this program makes 200x400; "
        "install or train the model again"
    )


def test_a_model_with_other_labels(models: Path) -> None:
    rewrite_card(models / "small", labels=("neutral", "happy"))
    assert refusal(models) == (
        f"{models}/small/card.json: the labels are neutral, happy, wanted happy, angry, sad, surprised, disgusted, "
        "fear in this order, then none or nothing; install or train the model again"
    )


def test_a_model_without_export_takes_the_one_of_the_cache(models: Path) -> None:
    made = checkpoint.read_card(models / "small")
    exported = checkpoint.read_onnx(models / "small", made)
    assert exported is not None
    alone = checkpoint.write(models / "small", made, checkpoint.read_tensors(models / "small", made))
    (models / "cache").mkdir()
    (models / "cache" / f"{key(alone)}-{checkpoint.sha256(exported)}.onnx").write_bytes(exported)
    with Classifier.open([models], CPU, cache=models / "cache") as classifier:
        assert classifier.classify(window()).probabilities is not None


def test_the_word_vectors_must_be_those_of_the_training(models: Path) -> None:
    sha256 = checkpoint.sha256(b"vectors")
    rewrite_card(models / "small", vectors=VectorsNote("words-en", sha256))
    assert refusal(models) == (
        "cannot find word vectors 'words-en' for model 'small': "
        f"looked for words-en/vectors.safetensors in {models}; `emostream models list` shows what is there"
    )
    (models / "words-en").mkdir()
    (models / "words-en" / "vectors.safetensors").write_bytes(b"vectors")
    with Classifier.open([models], CPU) as classifier:
        assert (classifier.vectors_name, classifier.vectors_folder) == ("words-en", models / "words-en")
    (models / "words-en" / "vectors.safetensors").write_bytes(b"others")
    assert refusal(models) == (
        f"{models}/words-en/vectors.safetensors has SHA-256 {checkpoint.sha256(b'others')[:12]}…, "
        f"but model small was trained with {sha256[:12]}…; install the model and its word vectors again"
    )


def test_asking_for_a_graphics_card_that_is_not_there(shipped: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")  # the driver hides the card of a machine that has one
    with pytest.raises(UsageError) as caught:
        Classifier.open([shipped], Choice("small", "cuda"))
    assert caught.value.exit_code == 2
    assert str(caught.value) == (
        "the device is to be cuda, but no NVIDIA graphics card and driver were found; "
        "put that right, or choose --device cpu or auto"
    )
    with Classifier.open([shipped], Choice("small", "auto")) as classifier:
        assert classifier.device == "cpu"


def test_the_cpu_path_imports_no_torch(shipped: Path) -> None:
    program = (
        "import sys, pathlib; from streamer.engines.classifier import Choice, Classifier\n"
        f"Classifier.open([pathlib.Path({str(shipped)!r})], Choice('small', 'cpu')).close()\n"
        "print([name for name in sys.modules if name.split('.')[0] in {'torch', 'onnx', 'gensim'}])"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert said.stdout == "[]\n"
