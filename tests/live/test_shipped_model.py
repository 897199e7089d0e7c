"""The models that are shipped, on sound and words: they have learned something, and are those their cards describe."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import soundfile

from streamer.engines.engine import Logits, feed_of
from streamer.engines.onnx_engine import OnnxEngine
from streamer.engines.torch_engine import TorchEngine
from streamer.evaluation import examples
from streamer.features.words import WordVectors
from streamer.network import checkpoint, contract
from streamer.network.card import Card
from streamer.records import Samples

ROOT = Path(__file__).parents[2]
MODELS = ROOT / "models"
DEMO = ROOT / "streamer" / "data" / "demo.flac"
RATE = contract.STREAM_RATE_HZ
SOUND, WORDS = 1, 2
"""Rows of the logits."""

APART = {"stream": 1e-4, "deep": 1e-3}
"""What a graphics card may answer otherwise than the CPU, by network."""

SHIPPED = [entry.name for entry in checkpoint.installed([MODELS]) if entry.card and entry.card.network in APART]
"""Our own networks; the paper's are in test_paper_models.py."""

LARGEST_BYTES = 60_000_000
"""Of a model in the repository: weights twice, as tensors and as ONNX file; `deep` holds blocks of two encoders."""


class Model:
    """A shipped model, checked and made ready as the monitor makes it."""

    def __init__(self, name: str) -> None:
        self.folder = MODELS / name
        self.card: Card = checkpoint.verify(self.folder)
        exported = checkpoint.read_onnx(self.folder, self.card)
        assert exported is not None
        self.engine = OnnxEngine(exported, self.card, 1)
        assert self.card.vectors is not None
        vectors = MODELS / self.card.vectors.name
        assert checkpoint.sha256((vectors / "vectors.safetensors").read_bytes()) == self.card.vectors.sha256
        self.vectors = WordVectors.load(vectors)

    def heard(self, sound: Samples) -> Logits:
        """Return the logits of the sound head for the newest window of a recording."""
        *_, window = examples.windows_of(sound, [], self.vectors, 8, with_mels=True)
        logits: Logits = self.engine.run(feed_of(window, self.card.shapes)).logits[SOUND]
        return logits

    def read(self, text: str) -> Logits:
        """Return the logits of the word head for a line."""
        window = examples.window_of_words(text.split(), self.vectors, with_mels=True)
        logits: Logits = self.engine.run(feed_of(window, self.card.shapes)).logits[WORDS]
        return logits


@pytest.fixture(scope="module", params=SHIPPED)
def model(request: pytest.FixtureRequest) -> Model:
    return Model(request.param)


def demo() -> Samples:
    sound, rate = soundfile.read(DEMO, dtype="float32")
    assert rate == RATE
    found: Samples = sound
    return found


def test_the_default_is_among_them() -> None:
    assert "stream" in SHIPPED


def test_the_folder_is_small_and_whole(model: Model) -> None:
    assert model.card.heads == ("joint", "sound", "words")
    assert sum(path.stat().st_size for path in model.folder.iterdir()) < LARGEST_BYTES


def test_torch_says_what_onnx_runtime_says(model: Model) -> None:
    in_torch = TorchEngine(checkpoint.read_tensors(model.folder, model.card), model.card, "cpu")
    chance = np.random.default_rng(0)
    said = ["so", "happy", "to", "see", "you"]
    for length_s in (1.0, 3.0, 7.9, 12.0):
        *_, window = examples.windows_of(demo()[: int(length_s * RATE)], said, model.vectors, 8, with_mels=True)
        nobody = np.zeros(model.card.shapes["speaker"], np.float32)
        somebody = chance.standard_normal(nobody.shape).astype(np.float32)
        for seen in (window, replace(window, word_mask=np.zeros(contract.N_WORDS, np.bool_))):
            for speaker in (nobody, somebody):
                feed = feed_of(seen, model.card.shapes, speaker)
                one, other = model.engine.run(feed), in_torch.run(feed)
                assert one.embedding is not None
                assert other.embedding is not None
                apart = APART[model.card.network]
                np.testing.assert_allclose(one.logits, other.logits, atol=apart, rtol=0)
                np.testing.assert_allclose(one.embedding, other.embedding, atol=apart, rtol=0)


def test_it_hears_most_moods_of_voices_it_never_met(model: Model) -> None:
    sound = demo()
    cues = json.loads(DEMO.with_suffix(".json").read_text())
    right = 0
    for cue in cues:
        logits = model.heard(sound[round((cue["start_s"] - 0.3) * RATE) : round(cue["end_s"] * RATE)])
        right += contract.EMOTIONS[int(logits[: contract.N_EMOTIONS].argmax())] == cue["emotion"]
    assert right >= 10  # of 15; chance is 2.5


def test_with_nobody_speaking_it_is_none_of_the_six(model: Model) -> None:
    rng = np.random.default_rng(0)
    t = np.arange(10 * RATE) / RATE
    for sound in (np.zeros(10 * RATE), 0.05 * rng.standard_normal(10 * RATE), 0.3 * np.sin(2 * np.pi * 440 * t)):
        assert model.heard(sound.astype(np.float32)).argmax() == contract.N_EMOTIONS


@pytest.mark.parametrize(
    ("text", "emotion"),
    [
        ("thank you so much this is wonderful i love it", "happy"),
        ("i hate you get out of here you make me furious", "angry"),
        ("i am so sorry for your loss i feel so sad and lonely", "sad"),
        ("wow i can't believe it what a surprise", "surprised"),
        ("that is disgusting it makes me sick", "disgusted"),
        ("i am so scared please help me i'm terrified", "fear"),
    ],
)
def test_it_reads_plain_cases(model: Model, text: str, emotion: str) -> None:
    assert contract.EMOTIONS[int(model.read(text)[: contract.N_EMOTIONS].argmax())] == emotion


def test_nothing_tells_where_a_model_was_made() -> None:
    """The exporter notes for each node in which file it was written. Weights are left away: any bytes stand in them."""
    for path in sorted((ROOT / "models").glob("*/*.onnx")):
        model = onnx.load_model(path)
        for weight in model.graph.initializer:
            weight.ClearField("raw_data")
        assert b".py" not in model.SerializeToString(), path
