"""Whisper tiny.en itself, in its child process, on spoken English."""

import itertools
import logging
from collections.abc import AsyncIterator

import numpy as np
import psutil
import pytest
import pytest_asyncio

from streamer.engines.transcriber import RecogniserSpec
from streamer.network import contract
from streamer.records import Samples, SpeechSound, Transcript
from tests.harness.listening import Listening, children, listening, texts
from tests.harness.speech import spoken, utterance
from tests.signals import noise, silence, tone

HAPPY = "I am so happy to see you my dear friend"
ASKING = "What are you doing in my house? Get out of here now"
STEPS = RecogniserSpec(engine="whisper", lock_step=True)

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def ears() -> AsyncIterator[Listening]:
    """One child for all tests that leave it alive."""
    async with listening(STEPS) as ears:
        yield ears


def shifted(said: list[Transcript], by: int) -> list[tuple[int, bool, list[tuple[str, int, int, float, bool]]]]:
    return [
        (t.at - by, t.final, [(w.text, w.start - by, w.end - by, w.confidence, w.final) for w in t.words]) for t in said
    ]


async def test_a_sentence_becomes_its_words_with_times_inside_it(ears: Listening) -> None:
    start, sound = 1_000_000, spoken(HAPPY)
    said = await ears.hear(utterance(0, start, sound))
    final = said[-1]
    assert [t.final for t in said] == [False] * (len(said) - 1) + [True]
    assert len(set(texts(final.words)) & set(HAPPY.lower().split())) >= 8
    assert final.at == start + len(sound)
    assert all(start <= w.start <= w.end <= start + len(sound) for w in final.words)
    assert all(a.end <= b.start for a, b in zip(final.words, final.words[1:], strict=False))
    words = {w.text: w for w in final.words}
    assert words["i"].start < start + 8_000
    assert words["friend"].end > start + len(sound) - 16_000
    assert all(0 < w.confidence <= 1 and w.final for w in final.words)


async def test_words_come_while_the_sentence_is_spoken_and_the_mark_at_its_end(ears: Listening) -> None:
    said = await ears.hear(utterance(1, 0, spoken(ASKING)))
    assert len(said) >= 3
    assert said[0].at == contract.STREAM_RATE_HZ
    assert 1 <= len(said[0].words) < len(said[-1].words)
    assert not any(w.final for w in said[0].words)
    assert "?" in [w.text for w in said[-1].words]
    mark = next(w for w in said[-1].words if w.text == "?")
    assert mark.start == mark.end


async def test_the_pieces_make_no_difference(ears: Listening) -> None:
    runs = [
        shifted(await ears.hear(utterance(20 + piece, start, spoken(HAPPY), piece), settle_each=piece > 600), start)
        for start, piece in ((0, 512), (777_777, 1_600), (5_000_000, 31_337), (100, 1_000_000))
    ]
    assert runs[0] == runs[1] == runs[2] == runs[3]


@pytest.mark.parametrize(
    "sound",
    [
        silence(48_000),
        noise(48_000, level_db=-40),
        noise(48_000, level_db=-15),
        tone(48_000, 440),
        silence(10),
        silence(0),
    ],
    ids=["silence", "faint noise", "noise", "tone", "ten samples", "nothing"],
)
async def test_there_are_no_words_where_nobody_speaks(ears: Listening, sound: Samples) -> None:
    said = await ears.hear([SpeechSound(3, 0, sound, last=False), SpeechSound(3, len(sound), silence(0), last=True)])
    assert all(t.words == () for t in said)


async def test_samples_that_are_no_numbers_do_no_harm(ears: Listening) -> None:
    sound = spoken(HAPPY).copy()
    sound[::100] = np.nan
    said = await ears.hear(utterance(4, 0, sound))
    assert said[-1].final


async def test_a_long_utterance_is_cut_and_keeps_the_words_of_its_beginning(ears: Listening) -> None:
    sentences = (HAPPY, ASKING, "Please tell me where the railway station is", "The weather is beautiful today")
    sound = np.concatenate([spoken(text) for text in (*sentences, HAPPY)])
    assert len(sound) > 14 * contract.STREAM_RATE_HZ
    said = await ears.hear(utterance(5, 0, sound), settle_each=True)
    final = said[-1].words
    assert texts(final).count("friend") == 2
    assert {"house", "railway", "station", "beautiful"} <= set(texts(final))
    assert all(a.end <= b.start for a, b in itertools.pairwise(final))
    # After the cut the settled words stay word for word.
    settled = next(t for t in said if any(w.final for w in t.words) and not t.final)
    kept = tuple(w for w in settled.words if w.final)
    assert len(kept) > 10
    assert final[: len(kept)] == kept


async def test_a_hole_in_an_utterance_leaves_all_times_right(ears: Listening) -> None:
    sound = spoken(HAPPY)
    pieces = [
        s for s in utterance(6, 0, np.concatenate((sound, silence(8_000), sound))) if not 46_000 < s.start < 54_000
    ]
    said = await ears.hear(pieces)
    assert [t.final for t in said].count(True) == 1
    assert said[-1].final
    first, second = (w for w in said[-1].words if w.text == "happy")
    assert abs(second.start - first.start - len(sound) - 8_000) < 3_000
    assert all(a.end <= b.start for a, b in zip(said[-1].words, said[-1].words[1:], strict=False))


async def test_a_killed_child_is_replaced_and_only_what_it_had_is_lost(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    sound = np.concatenate((spoken(HAPPY), spoken(ASKING)))
    async with listening(STEPS) as ears:
        first, before = await ears.child(), [""]
        for piece in utterance(0, 0, sound):
            if piece.start == 40_000:
                before = texts(ears.said[-1].words)
                first.kill()
            ears.transcriber.offer(piece)
            await ears.transcriber.settle()
        second = await ears.child()
        status = ears.transcriber.status()
    assert second.pid != first.pid
    assert (status.restarts, status.state, status.reason) == (1, "ready", None)
    assert status.dropped <= 1
    assert "the recogniser stopped (SIGKILL)" in caplog.text
    final = texts(ears.said[-1].words)
    assert ears.said[-1].final
    assert "happy" in before
    assert final[: len(before)] == before
    assert {"house", "out", "here"} <= set(final)


async def test_a_child_that_hangs_is_killed_and_what_comes_late_is_dropped_and_counted() -> None:
    spec = RecogniserSpec(engine="whisper", deadline_s=4.0, deadline_factor=0.0, waiting_s=2.0)
    async with listening(spec) as ears:
        first = await ears.child()
        first.suspend()
        for piece in utterance(0, 0, silence(80_000)):
            ears.transcriber.offer(piece)
        status = ears.transcriber.status()
        assert status.dropped >= 50 - 20 - 1
        assert 0 < status.lag_s <= 5.0
        await ears.transcriber.settle()
        assert not psutil.pid_exists(first.pid)
        said = await ears.hear(utterance(1, 90_000, spoken(HAPPY)), settle_each=True)
        assert ears.transcriber.status().restarts >= 1
        assert ears.transcriber.status().lag_s == 0
    assert "happy" in texts(said[-1].words)


async def test_a_child_that_has_grown_is_replaced_between_two_utterances() -> None:
    async with listening(RecogniserSpec(engine="whisper", lock_step=True, memory_cap_mb=1.0)) as ears:
        first = await ears.child()
        one = await ears.hear(utterance(0, 0, spoken(HAPPY)))
        await ears.reaches("ready")
        two = await ears.hear(utterance(1, 100_000, spoken(HAPPY)))
        assert not psutil.pid_exists(first.pid)
        assert ears.transcriber.status().restarts == 0
    assert texts(one[-1].words) == texts(two[-1].words)


async def test_the_child_is_gone_at_the_end_even_if_it_hangs() -> None:
    async with listening(STEPS) as ears:
        child = await ears.child()
        assert child in children()
        child.suspend()
    assert not psutil.pid_exists(child.pid)


async def test_no_spoken_word_reaches_log_or_stderr(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    async with listening(STEPS) as ears:
        await ears.hear(utterance(0, 0, spoken(HAPPY)))
        child = await ears.child()
        child.send_signal(6)
        await ears.hear(utterance(1, 200_000, spoken(ASKING)))
        said = {w for t in ears.said for w in texts(t.words) if len(w) > 3}
        assert {"happy", "house"} <= said
        shown = caplog.text + "".join(capfd.readouterr()) + str(ears.transcriber.status())
    assert "SIGABRT" in shown
    assert [word for word in sorted(said) if word in shown.lower()] == []
