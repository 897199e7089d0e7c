"""Windows: when they come, where they begin and end, what they hold, and why the network is not asked."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from streamer.features.decimate import Decimator
from streamer.features.mel import frames_of_columns, mel_frames
from streamer.features.speech import SpeechTimeline
from streamer.features.windows import Windower, WindowRules
from streamer.features.words import WordVectors
from streamer.network import contract
from streamer.records import Chunk, Samples, Stage, State, Transcript, Window, Word

RATE = contract.STREAM_RATE_HZ
HOP = contract.DEFAULT_HOP_COLUMNS * contract.LIVE_STEP_SAMPLES * contract.SAMPLES_PER_PICTURE_SAMPLE
FIRST_END = contract.samples_of(contract.DEFAULT_HOP_COLUMNS) * contract.SAMPLES_PER_PICTURE_SAMPLE


def vectors() -> WordVectors:
    names = ("so", "happy", "today")
    table = np.random.default_rng(0).integers(-127, 127, (len(names), contract.WORD_DIMS)).astype(np.int8)
    return WordVectors({name: i for i, name in enumerate(names)}, table, np.full(len(names), 0.01, np.float32))


def loudness(block: Samples) -> float:
    return float(np.abs(block).max())


class Ear:
    """A timeline and a windower, fed together as the monitor feeds them."""

    def __init__(self, clock: Callable[[], float] = lambda: 0.0, *, with_mels: bool = False) -> None:
        self.timeline = SpeechTimeline(loudness)
        self.windower = Windower(self.timeline, vectors(), WindowRules(), clock, with_mels=with_mels)

    def hear(self, samples: Samples, start: int = 0, *, muted: bool = False, silent: bool = False) -> list[Window]:
        chunk = Chunk(samples, start, captured_s=(start + len(samples)) / RATE, muted=muted, silent_device=silent)
        self.timeline.push(chunk)
        return self.windower.push(chunk)


def noise(seconds: float, level: float = 0.2, seed: int = 0) -> Samples:
    return (level * np.random.default_rng(seed).standard_normal(int(seconds * RATE))).astype(np.float32)


def speech(seconds: float) -> Samples:
    return np.clip(noise(seconds, 0.5), -1, 1)


def transcript(at_s: float, *words: str, final: bool = False, utterance: int = 0) -> Transcript:
    at = int(at_s * RATE)
    said = tuple(
        Word(w, at - (len(words) - i) * 3_200, at - (len(words) - i - 1) * 3_200, 0.9, final)
        for i, w in enumerate(words)
    )
    return Transcript(utterance, said, at, final)


def test_there_is_one_window_per_hop_and_it_ends_where_its_last_column_ends() -> None:
    ear = Ear()
    windows = ear.hear(noise(10)) + ear.windower.finish()
    assert [window.end for window in windows] == [FIRST_END + i * HOP for i in range(len(windows))]
    assert len(windows) == contract.columns_in(10 * RATE // 2) // contract.DEFAULT_HOP_COLUMNS


def test_a_window_never_spans_more_than_its_picture() -> None:
    windows = Ear().hear(noise(12))
    assert windows[0].start == 0
    assert windows[-1].end - windows[-1].start == 8.08 * RATE


def test_the_newest_column_is_last_and_what_was_not_heard_is_masked() -> None:
    first = Ear().hear(noise(1))[0]
    assert first.columns.tolist() == [False] * 392 + [True] * 8
    assert not first.picture[:, :392].any()
    assert first.picture[:, 392:].all()


def test_neighbouring_windows_share_all_columns_but_one_hop() -> None:
    windows = Ear().hear(noise(10))
    np.testing.assert_array_equal(windows[-2].picture[:, 8:], windows[-1].picture[:, :-8])


def test_words_count_from_the_position_at_which_they_were_known() -> None:
    ear = Ear()
    ear.windower.hear(transcript(2.016, "so", "happy"))  # 63 blocks
    windows = ear.hear(speech(4))
    assert {window.n_words for window in windows if window.end < 2.016 * RATE} == {0}
    assert {window.n_words for window in windows if window.end >= 2.016 * RATE} == {2}


def test_the_newest_word_is_last_and_lies_where_it_was_said() -> None:
    ear = Ear()
    ear.windower.hear(transcript(2.0, "so", "happy"))
    last = ear.hear(speech(4))[-1]
    assert last.word_mask.tolist() == [False] * 38 + [True] * 2
    said_ago_columns = (last.end - 2 * RATE) / 320
    half_segment_columns = contract.SEGMENT_SAMPLES / contract.LIVE_STEP_SAMPLES / 2
    newest_middle = contract.N_COLUMNS - 0.5
    expected = newest_middle - said_ago_columns + half_segment_columns
    assert last.word_spans[-1, 1] == pytest.approx(expected, abs=0.1)


def test_a_later_transcript_replaces_the_earlier_one_and_raises_the_revision() -> None:
    ear = Ear()
    ear.windower.hear(transcript(1.5, "so"))
    ear.windower.hear(transcript(2.0, "so", "happy"))
    ear.windower.hear(transcript(2.5, "so", "happy", "today", final=True))
    windows = ear.hear(speech(4))
    assert [window.revision for window in windows] == sorted(window.revision for window in windows)
    assert (windows[0].stage, windows[-1].stage) == (Stage.AUDIO, Stage.FINAL)
    assert Stage.PARTIAL in {window.stage for window in windows}
    assert (windows[-1].revision, windows[-1].n_words) == (3, 3)


def test_words_leave_with_the_window() -> None:
    ear = Ear()
    ear.windower.hear(transcript(2.0, "so", "happy", final=True))
    assert ear.hear(speech(12))[-1].n_words == 0


def test_silence_is_no_speech_and_the_start_of_speech_is_too_little() -> None:
    windows = Ear().hear(np.concatenate((noise(2, 0.01), speech(2), noise(3, 0.01))))
    states = [window.state for window in windows]
    order = [state for i, state in enumerate(states) if i == 0 or state is not states[i - 1]]
    assert order == [State.NO_SPEECH, State.TOO_LITTLE, State.SPEECH, State.NO_SPEECH]


def test_what_was_said_before_a_pause_no_longer_counts_once_enough_was_said_after_it() -> None:
    pause_s, second_s = 2.5, 3.5
    windows = Ear().hear(np.concatenate((noise(0.5, 0.01), speech(2), noise(1, 0.01), speech(2))))
    before = [window for window in windows if pause_s < window.end / RATE < second_s]
    after = [window for window in windows if window.end / RATE > second_s + 1]
    assert all(window.start < 0.6 * RATE for window in before)
    assert after
    assert all(second_s - 0.4 < window.start / RATE < second_s for window in after)
    for window in after:
        n_shown = contract.columns_in((window.end - window.start) // 2)
        assert window.columns.tolist() == [False] * (400 - n_shown) + [True] * n_shown
        assert window.picture[:, 400 - n_shown - 100].any(), "the picture keeps what the mask takes away"


def test_a_muted_or_silent_device_says_so() -> None:
    ear = Ear()
    assert {window.state for window in ear.hear(speech(2), muted=True)} == {State.MUTED}
    assert {window.state for window in ear.hear(speech(2), 2 * RATE, silent=True)} == {State.DEVICE_SILENT}


def test_a_short_hole_is_filled_and_a_long_one_starts_a_new_picture() -> None:
    ear = Ear()
    ear.hear(noise(2, 0.01))
    short = ear.hear(noise(1, 0.01), 2 * RATE + HOP)[-1]
    assert short.columns.sum() == contract.columns_in((3 * RATE + HOP) // 2) // 8 * 8
    fresh = ear.hear(noise(1), 100 * RATE)
    assert fresh[0].start == 100 * RATE
    assert fresh[0].columns.sum() == 8


def test_a_window_knows_when_its_last_sample_was_captured() -> None:
    for window in Ear().hear(noise(2)):
        assert window.captured_s == pytest.approx(window.end / RATE)


def mels_of(sound: Samples) -> NDArray[np.float32]:
    """Return the mel frames of all columns of a sound that begins with a window's first column."""
    decimator = Decimator()
    halved = np.concatenate((decimator.push(sound), decimator.flush()))
    return frames_of_columns(mel_frames(halved), contract.columns_in(len(halved)))


def test_mels_are_made_only_where_they_are_wanted() -> None:
    assert all(window.mels is None for window in Ear().hear(noise(1)))


def test_the_newest_mel_frames_are_those_of_the_newest_column() -> None:
    sound = noise(10)
    windows = Ear(with_mels=True).hear(sound)
    frames = mels_of(sound)
    for i, window in enumerate(windows):
        n_frames = 2 * contract.DEFAULT_HOP_COLUMNS * (i + 1)
        shown = min(n_frames, contract.MELS_SHAPE[1])
        assert window.mels is not None
        assert window.mels.shape == contract.MELS_SHAPE
        assert np.array_equal(window.mels[:, -shown:], frames[:, n_frames - shown : n_frames])
        assert not window.mels[:, :-shown].any()


def test_mels_go_through_holes_and_new_beginnings_as_the_picture_does() -> None:
    ear = Ear(with_mels=True)
    first, later, fresh = noise(2), noise(1, seed=1), noise(1, seed=2)
    ear.hear(first)
    filled = ear.hear(later, 2 * RATE + HOP)[-1]
    whole = mels_of(np.concatenate((first, np.zeros(HOP, np.float32), later)))
    n_frames = 2 * contract.columns_in(filled.end // 2)
    assert filled.mels is not None
    assert np.array_equal(filled.mels[:, -n_frames:], whole[:, :n_frames])
    again = ear.hear(fresh, 100 * RATE)[0]
    assert again.mels is not None
    assert np.array_equal(again.mels[:, -16:], mels_of(fresh)[:, :16])
    assert not again.mels[:, :-16].any()
