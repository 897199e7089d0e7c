"""The network `deep`: shapes, size, masks, missing sides, and that it need hear only what is valid."""

from functools import cache

import pytest
import torch
from torch import Tensor

from streamer.network import contract, registry
from streamer.network.deep import HEARD_COLUMNS as N_COLUMNS
from streamer.network.deep import Deep
from streamer.network.sides import GRID, HEADS
from tests.networks import inputs

MELS, COLUMNS, WORDS, WORD_MASK, SPANS, SPEAKER = range(6)
N_HEARD = 200


@cache
def network() -> Deep:
    torch.manual_seed(3)
    made = Deep().eval()
    made.sound.encoder.positions.normal_(std=0.1)
    return made


def given(batch: int = 2) -> list[Tensor]:
    arrays = inputs(batch, 5, registry.inputs_of(network()))
    arrays[COLUMNS][:] = torch.arange(N_COLUMNS) >= N_COLUMNS - N_HEARD
    arrays[WORD_MASK][:] = torch.arange(contract.N_WORDS) >= 30
    starts = torch.linspace(150, 380, contract.N_WORDS)
    arrays[SPANS][:] = torch.stack((starts, starts + 10), dim=-1)
    return arrays


@torch.inference_mode()
def answer(arrays: list[Tensor]) -> tuple[Tensor, Tensor]:
    logits, embedding = network()(*arrays)
    return logits, embedding


def changed(which: int, value: Tensor) -> tuple[Tensor, Tensor]:
    arrays = given()
    arrays[which] = value
    return answer(arrays)


def test_shape_and_size() -> None:
    logits, embedding = answer(given())
    assert logits.shape == (2, len(HEADS), contract.N_EMOTIONS + 1)
    assert embedding.shape == (2, network().embedding_size)
    assert sum(p.numel() for p in network().parameters()) < 8_000_000


def test_cropping_to_the_valid_columns_changes_nothing() -> None:
    whole = given()
    for n_columns in (N_HEARD, N_HEARD + GRID, N_COLUMNS - GRID):
        cropped = list(whole)
        cropped[MELS] = whole[MELS][..., -2 * n_columns :]
        cropped[COLUMNS] = whole[COLUMNS][:, -n_columns:]
        for one, other in zip(answer(cropped), answer(whole), strict=True):
            torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)


def test_what_is_masked_has_no_influence_even_if_it_is_no_number() -> None:
    spoiled = given()
    spoiled[MELS][..., : -2 * N_HEARD] = torch.nan
    spoiled[WORDS][:, :, :30] = torch.nan
    spoiled[SPANS][:, :30] = torch.nan
    for one, other in zip(answer(spoiled), answer(given()), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


@pytest.mark.parametrize("gone", [(COLUMNS,), (WORD_MASK,), (COLUMNS, WORD_MASK)])
def test_a_missing_side_gives_finite_logits(gone: tuple[int, ...]) -> None:
    arrays = given()
    for which in gone:
        arrays[which][:] = False
    logits, embedding = answer(arrays)
    assert torch.isfinite(logits).all()
    assert embedding.any() == (COLUMNS not in gone)


def test_a_part_of_four_columns_counts_as_its_valid_columns_do() -> None:
    arrays = given(1)
    arrays[COLUMNS][:] = torch.arange(N_COLUMNS) >= N_COLUMNS - N_HEARD + 3
    with torch.inference_mode():
        latent, mask = network().sound(arrays[MELS], arrays[COLUMNS])
        frames = network().sound.encoder(arrays[MELS], arrays[COLUMNS])
    assert int(mask.sum()) == N_HEARD // GRID
    first = -N_HEARD // GRID
    torch.testing.assert_close(latent[..., first], frames[..., -N_HEARD + 3])


def test_each_head_hears_only_its_own_evidence() -> None:
    joint, sound, words = (answer(given())[0][:, i] for i in range(3))
    other = changed(WORDS, -given()[WORDS])[0]
    torch.testing.assert_close(other[:, 1], sound, rtol=0, atol=0)
    assert not torch.allclose(other[:, 2], words)
    assert not torch.allclose(other[:, 0], joint)
    other = changed(MELS, given()[MELS].flip(1))[0]
    torch.testing.assert_close(other[:, 2], words, rtol=0, atol=0)
    assert not torch.allclose(other[:, 1], sound)
    assert not torch.allclose(other[:, 0], joint)


def test_the_speaker_is_taken_from_the_sound_and_from_nothing_else() -> None:
    """A speaker whose mean is just this sound sounds like nobody in particular."""
    logits, embedding = answer(given())
    other, same = changed(SPEAKER, embedding)
    torch.testing.assert_close(same, embedding, rtol=0, atol=0)
    torch.testing.assert_close(other[:, 2], logits[:, 2], rtol=0, atol=0)
    torch.testing.assert_close(other[0, 1], other[1, 1])
    assert not torch.allclose(logits[0, 1], logits[1, 1])


def test_word_times_move_the_attention() -> None:
    unknown = changed(SPANS, torch.zeros_like(given()[SPANS]))[0]
    logits = answer(given())[0]
    assert not torch.allclose(unknown[:, 0], logits[:, 0], atol=1e-7)
    torch.testing.assert_close(unknown[:, 1:], logits[:, 1:])
