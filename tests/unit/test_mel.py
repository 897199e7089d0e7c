"""Mel frames: Whisper's filters and powers, the same for any split of the sound, in step with the columns."""

import numpy as np
import pytest
from faster_whisper.feature_extractor import FeatureExtractor
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.features.mel import LOWEST_POWER, ColumnMels, MelStream, filters, frames_of_columns, mel_frames
from streamer.features.spectrogram import picture_columns
from streamer.network import contract
from streamer.records import Samples

RATE = contract.PICTURE_RATE_HZ
WHISPER = FeatureExtractor()
SOUND: Samples = (0.1 * np.random.default_rng(3).standard_normal(2 * RATE)).astype(np.float32)


def test_filters_are_those_of_whisper() -> None:
    theirs = WHISPER.get_mel_filters(sr=contract.STREAM_RATE_HZ, n_fft=400, n_mels=contract.N_MELS)
    ours = filters()
    assert ours.shape == (80, 101)
    np.testing.assert_allclose(ours, theirs[:, :101], atol=1e-6, rtol=0)
    assert not theirs[:40, 101:].any()  # what is cut off is above 4 kHz


@pytest.mark.parametrize("hz", [200.0, 1_000.0, 3_400.0])
def test_a_tone_has_the_powers_that_whisper_gives_it(hz: float) -> None:
    t = np.arange(contract.STREAM_RATE_HZ) / contract.STREAM_RATE_HZ
    tone = (0.25 * np.sin(2 * np.pi * hz * t)).astype(np.float32)
    theirs = 4.0 * WHISPER(tone)[:, 50] - 4.0  # log10 of power, nothing more than 8 below the loudest
    # Half as many samples under the taper: half the amplitude.
    ours = mel_frames(tone[::2])[:, 50] + np.log10(4.0)
    np.testing.assert_allclose(np.maximum(ours, ours.max() - 8.0)[:60], theirs[:60], atol=0.02)


def test_silence_is_the_lowest_power() -> None:
    frames = mel_frames(np.zeros(1_000, np.float32))
    assert frames.dtype == np.float32
    assert (frames == np.float32(np.log10(LOWEST_POWER))).all()


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 2 * RATE), max_size=20) | st.integers(20, 300).map(lambda n: [*range(0, 2 * RATE, n)]))
def test_any_split_gives_the_same_frames_bit_by_bit(cuts: list[int]) -> None:
    stream = MelStream()
    pieces = [stream.push(piece) for piece in np.split(SOUND, sorted(cuts))]
    assert np.concatenate(pieces, axis=1).tobytes() == mel_frames(SOUND).tobytes()


def test_frames_are_ten_milliseconds_apart() -> None:
    click = np.zeros(RATE, np.float32)
    click[4_000] = 1.0
    loud = np.flatnonzero(mel_frames(click).max(axis=0) > -5.0)
    # Frame j lies under samples 80 j to 80 j + 200; the taper is nearly 0 at its ends.
    assert {49, 48} <= set(loud.tolist()) <= {50, 49, 48}


def test_a_column_has_the_two_newest_frames_that_are_whole_when_it_is() -> None:
    frames = np.arange(contract.N_MELS * 500, dtype=np.float32).reshape(500, contract.N_MELS).T  # all different
    numbers = {tuple(frames[:, j].tolist()): j for j in range(500)}
    chosen = frames_of_columns(frames, 200)
    for k in (0, 1, 7, 199):
        column_end = contract.samples_of(k + 1)
        whole = (column_end - contract.MEL_SEGMENT_SAMPLES) // contract.MEL_STEP_SAMPLES
        assert [numbers[tuple(chosen[:, 2 * k + i].tolist())] for i in (0, 1)] == [whole - 1, whole]


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(0, 2 * RATE), max_size=12))
def test_column_by_column_the_frames_are_there_when_the_column_is(cuts: list[int]) -> None:
    coming = ColumnMels()
    n_samples, n_taken, taken = 0, 0, []
    for piece in np.split(SOUND, sorted(cuts)):
        coming.push(piece)
        n_samples += len(piece)
        n_new = contract.columns_in(n_samples) - n_taken
        taken.append(coming.take(n_new))
        assert taken[-1].shape == (contract.N_MELS, 2 * n_new)
        n_taken += n_new
    assert n_taken == picture_columns(SOUND).shape[1]
    assert np.concatenate(taken, axis=1).tobytes() == frames_of_columns(mel_frames(SOUND), n_taken).tobytes()
