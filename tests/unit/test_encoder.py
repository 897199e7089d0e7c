"""The speech encoder: Whisper's own numbers, and deaf to what is masked."""

from functools import cache

import numpy as np
import pytest
import soxr
import torch
from faster_whisper.feature_extractor import FeatureExtractor
from torch import Tensor

from streamer.network import contract
from streamer.network.encoder import LOUDEST_LOG10, Encoder
from streamer.records import Samples
from tests.unit.test_windows import speech
from tools.training import teacher

N_COLUMNS = 60


@cache
def whisper(n_blocks: int) -> Encoder:
    return teacher.encoder(teacher.installed(), n_blocks)


def mels(n_columns: int, seed: int = 0) -> Tensor:
    return torch.rand((1, contract.N_MELS, 2 * n_columns), generator=torch.Generator().manual_seed(seed)) * 6.0 - 5.0


def heard(n_columns: int) -> Tensor:
    return torch.ones((1, n_columns), dtype=torch.bool)


@torch.inference_mode()
def frames(given: Tensor, columns: Tensor, n_blocks: int = 3) -> Tensor:
    found: Tensor = whisper(n_blocks)(given, columns)
    return found


@pytest.mark.parametrize("n_blocks", [2, 3])
def test_it_is_the_teacher(n_blocks: int) -> None:
    reference = teacher.EarlyEncoder(teacher.read_ctranslate2(teacher.installed()), n_blocks)
    sound = speech(1.21)[::2]  # an even number of mel frames
    # Whisper takes a level as it comes; ours puts the loudest power where Whisper knows it from speech near full scale.
    found, loudest = ours(sound, n_blocks)
    gain = 10.0 ** ((LOUDEST_LOG10 - loudest) / 2.0)
    wanted = reference.frames(sound * np.float32(gain))
    assert np.abs(wanted).max() > 1.0
    np.testing.assert_allclose(found[: len(wanted)], wanted, atol=1e-3, rtol=0)


def ours(sound: Samples, n_blocks: int) -> tuple[np.ndarray, float]:
    """Return our frames (n, 384 a block) of the mel frames that the teacher hears, and the loudest power of these."""
    full = soxr.resample(sound, contract.PICTURE_RATE_HZ, contract.STREAM_RATE_HZ)
    log10 = 4.0 * FeatureExtractor()(full) - 4.0
    n_columns = log10.shape[1] // 2
    given = torch.from_numpy(log10[None, :, : 2 * n_columns].astype(np.float32))
    return frames(given, heard(n_columns), n_blocks)[0].T.numpy(), float(log10.max())


def test_level_is_taken_out() -> None:
    given = mels(N_COLUMNS)
    torch.testing.assert_close(
        frames(given + 2.0, heard(N_COLUMNS)), frames(given, heard(N_COLUMNS)), atol=1e-4, rtol=0
    )


@pytest.mark.parametrize("padding", [4, 100])
def test_columns_before_the_first_valid_one_change_nothing(padding: int) -> None:
    given = mels(N_COLUMNS)
    alone = frames(given, heard(N_COLUMNS))
    filler = torch.full((1, contract.N_MELS, 2 * padding), 9.0)
    columns = torch.cat((torch.zeros((1, padding), dtype=torch.bool), heard(N_COLUMNS)), dim=1)
    padded = frames(torch.cat((filler, given), dim=2), columns)
    torch.testing.assert_close(padded[..., padding:], alone, atol=2e-5, rtol=0)
    assert not padded[..., :padding].any()


def test_what_is_masked_has_no_influence_even_if_it_is_no_number() -> None:
    given, columns = mels(N_COLUMNS), heard(N_COLUMNS)
    columns[0, 10:14] = False
    before = frames(given, columns)
    given[..., 20:28] = torch.nan
    torch.testing.assert_close(frames(given, columns), before, rtol=0, atol=0)
    given[..., 20:28] = 50.0
    torch.testing.assert_close(frames(given, columns), before, rtol=0, atol=0)
    assert torch.isfinite(before).all()


def test_nothing_heard_is_nothing() -> None:
    assert not frames(mels(N_COLUMNS), ~heard(N_COLUMNS)).any()


def test_windows_of_a_batch_do_not_hear_each_other() -> None:
    one, other = mels(N_COLUMNS, 1), mels(N_COLUMNS, 2) + 3.0
    columns = torch.cat((heard(N_COLUMNS), heard(N_COLUMNS)))
    columns[1, :20] = False
    both = frames(torch.cat((one, other)), columns)
    torch.testing.assert_close(both[:1], frames(one, columns[:1]), atol=1e-5, rtol=0)
    torch.testing.assert_close(both[1:], frames(other, columns[1:]), atol=1e-5, rtol=0)
