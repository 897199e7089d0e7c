"""The model that is shipped, on sound and words: it has learned something, and it is the one its cards describe."""

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import soundfile

from streamer.engines.engine import blank_feed
from streamer.features.decimate import Decimator
from streamer.features.spectrogram import ColumnStream
from streamer.features.words import WordVectors, word_matrix
from streamer.network import checkpoint, contract
from streamer.records import Word

ROOT = Path(__file__).parents[2]
MODEL, VECTORS = ROOT / "models" / "stream", ROOT / "models" / "words-en"
DEMO = ROOT / "streamer" / "data" / "demo.flac"
RATE = contract.STREAM_RATE_HZ
SOUND, WORDS = 1, 2
"""Rows of the logits."""

Feed = dict[str, np.ndarray]


@pytest.fixture(scope="module")
def session() -> onnxruntime.InferenceSession:
    card = checkpoint.verify(MODEL)
    assert card.heads == ("joint", "sound", "words")
    assert card.vectors is not None
    table = (VECTORS / "vectors.safetensors").read_bytes()
    assert checkpoint.sha256(table) == card.vectors.sha256
    onnx = checkpoint.read_onnx(MODEL, card)
    assert onnx is not None
    return onnxruntime.InferenceSession(onnx, providers=["CPUExecutionProvider"])


def blank() -> Feed:
    return dict(blank_feed(checkpoint.read_card(MODEL).shapes).arrays)


def answer(session: onnxruntime.InferenceSession, feed: Feed) -> np.ndarray:
    wanted = {i.name for i in session.get_inputs()}
    logits = np.asarray(session.run(None, {name: x for name, x in feed.items() if name in wanted})[0])
    row: np.ndarray = logits[0]
    return row


def heard(session: onnxruntime.InferenceSession, sound: np.ndarray) -> np.ndarray:
    columns = ColumnStream().push(Decimator().push(sound.astype(np.float32)))
    n = min(columns.shape[1], contract.N_COLUMNS)
    feed = blank()
    feed["picture"][0, :, contract.N_COLUMNS - n :] = columns[:, columns.shape[1] - n :]
    feed["columns"][0, contract.N_COLUMNS - n :] = True
    logits: np.ndarray = answer(session, feed)[SOUND]
    return logits


def test_it_hears_most_moods_of_voices_it_never_met(session: onnxruntime.InferenceSession) -> None:
    sound, rate = soundfile.read(DEMO, dtype="float32")
    assert rate == RATE
    cues = json.loads(DEMO.with_suffix(".json").read_text())
    right = 0
    for cue in cues:
        logits = heard(session, sound[round((cue["start_s"] - 0.3) * RATE) : round(cue["end_s"] * RATE)])
        right += contract.EMOTIONS[int(logits[: contract.N_EMOTIONS].argmax())] == cue["emotion"]
    assert right >= 10  # of 15; chance is 2.5


def test_with_nobody_speaking_it_is_none_of_the_six(session: onnxruntime.InferenceSession) -> None:
    rng = np.random.default_rng(0)
    t = np.arange(10 * RATE) / RATE
    for sound in (np.zeros(10 * RATE), 0.05 * rng.standard_normal(10 * RATE), 0.3 * np.sin(2 * np.pi * 440 * t)):
        assert heard(session, sound).argmax() == contract.N_EMOTIONS


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
def test_it_reads_plain_cases(session: onnxruntime.InferenceSession, text: str, emotion: str) -> None:
    end = 8 * RATE
    words = [
        Word(w, 4 * RATE + i * 4000, 4 * RATE + i * 4000 + 3000, 1.0, final=True) for i, w in enumerate(text.split())
    ]
    matrix, mask, spans = word_matrix(words, WordVectors.load(VECTORS), 0, end)
    feed = blank()
    feed["words"][0], feed["word_mask"][0], feed["word_spans"][0] = matrix, mask, spans
    logits = answer(session, feed)[WORDS]
    assert contract.EMOTIONS[int(logits[: contract.N_EMOTIONS].argmax())] == emotion
