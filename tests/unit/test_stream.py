"""The network `stream`: shapes, size, masks, and the equations against a slow plain form."""

import numpy as np
import pytest
import torch
from torch import Tensor

from streamer.network import contract
from streamer.network.sides import GRID, HEADS, Attention
from streamer.network.stream import Stream

Inputs = tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]


def network() -> Stream:
    torch.manual_seed(3)
    made = Stream()
    for name, buffer in made.named_buffers():
        if name.endswith("running_var"):
            buffer.fill_(0.1)
    return made.eval()


def inputs(batch: int = 2) -> Inputs:
    generator = torch.Generator().manual_seed(5)
    picture = torch.rand(batch, *contract.PICTURE_SHAPE, generator=generator)
    columns = torch.arange(contract.N_COLUMNS).expand(batch, -1) >= 120
    words = torch.randn(batch, *contract.WORDS_SHAPE, generator=generator)
    word_mask = torch.arange(contract.N_WORDS).expand(batch, -1) >= 30
    starts = torch.linspace(150, 380, contract.N_WORDS)
    spans = torch.stack((starts, starts + 10), dim=-1).expand(batch, -1, -1)
    speaker = torch.randn(batch, network().embedding_size, generator=generator)
    return picture, columns, words, word_mask, spans.clone(), speaker


@torch.inference_mode()
def answer(made: Stream, given: Inputs) -> Tensor:
    logits: Tensor = made(*given)[0]
    return logits


def test_shape_and_size() -> None:
    made = network()
    assert answer(made, inputs()).shape == (2, len(HEADS), contract.N_EMOTIONS + 1)
    assert sum(p.numel() for p in made.parameters()) < 1_000_000


def test_what_is_masked_has_no_influence_even_if_it_is_no_number() -> None:
    made, given = network(), inputs()
    picture, columns, words, word_mask, spans, speaker = (x.clone() for x in given)
    picture[:, :, :120] = torch.nan
    words[:, :, :30] = torch.nan
    spans[:, :30] = torch.nan
    spoiled = answer(made, (picture, columns, words, word_mask, spans, speaker))
    torch.testing.assert_close(spoiled, answer(made, given), rtol=0, atol=0)


@pytest.mark.parametrize("gone", [(1,), (3,), (1, 3)])
def test_nothing_heard_or_said_gives_finite_logits(gone: tuple[int, ...]) -> None:
    given = [x.clone() for x in inputs()]
    for position in gone:
        given[position][:] = False
    assert torch.isfinite(answer(network(), tuple(given))).all()  # type: ignore[arg-type]


def test_each_head_hears_only_its_own_evidence() -> None:
    made, given = network(), inputs()
    before = answer(made, given)
    other_words = answer(made, (*given[:2], -given[2], *given[3:]))
    torch.testing.assert_close(other_words[:, 1], before[:, 1], rtol=0, atol=0)
    assert not torch.allclose(other_words[:, 2], before[:, 2])
    assert not torch.allclose(other_words[:, 0], before[:, 0])
    other_sound = answer(made, (1 - given[0], *given[1:]))
    torch.testing.assert_close(other_sound[:, 2], before[:, 2], rtol=0, atol=0)
    assert not torch.allclose(other_sound[:, 1], before[:, 1])


def test_word_times_matter_only_where_known() -> None:
    made, given = network(), inputs()
    unknown = answer(made, (*given[:4], torch.zeros_like(given[4]), given[5]))
    assert not torch.allclose(unknown[:, 0], answer(made, given)[:, 0], atol=1e-6)
    torch.testing.assert_close(unknown[:, 1:], answer(made, given)[:, 1:])


def test_a_latent_column_depends_on_its_own_columns_alone() -> None:
    """The law that a cached form rests on: the same sound gives the same latent column wherever the window stands."""
    made = network()
    picture = inputs(1)[0]
    heard = torch.ones(1, contract.N_COLUMNS, dtype=torch.bool)
    with torch.inference_mode():
        whole, _ = made.sound(picture, heard)
        older, _ = made.sound(picture[..., : -2 * GRID], heard[:, : -2 * GRID])
    torch.testing.assert_close(older, whole[..., :-2], rtol=1e-4, atol=1e-5)


def test_equations_against_their_plain_form() -> None:
    torch.manual_seed(1)
    attention = Attention(6, 5, 4).eval()
    e, f = torch.randn(1, 5, 3), torch.randn(1, 6, 7)
    word_mask = torch.tensor([[True, False, True]])
    mask = torch.tensor([[False, False, True, True, True, True, True]])
    bias = torch.randn(1, 3, 7)
    with torch.inference_mode():
        found = attention(e, word_mask, f, mask, bias)[0].numpy()
        q, k = attention.query(e)[0].numpy(), attention.key(f)[0].numpy()
    scale = attention.log_scale.detach().exp().item() / 2.0
    combined = np.zeros(7)
    for i in (0, 2):
        scores = np.array([scale * q[:, i] @ k[:, t] + float(bias[0, i, t]) for t in range(2, 7)])
        a = np.exp(scores) / np.exp(scores).sum()  # equation 1
        combined[2:] += a / 2 * 5  # equation 2: mean over two valid words, times five valid columns
    np.testing.assert_allclose(found, combined, atol=1e-5)
    assert found[2:].mean() == pytest.approx(1.0, abs=1e-5)


def test_without_words_every_moment_weighs_the_same() -> None:
    attention = Attention(6, 5, 4).eval()
    none = torch.zeros(1, 3, dtype=torch.bool)
    with torch.inference_mode():
        weights = attention(
            torch.zeros(1, 5, 3), none, torch.randn(1, 6, 7), torch.ones(1, 7) > 0, torch.zeros(1, 3, 7)
        )
    assert torch.all(weights == 1)
