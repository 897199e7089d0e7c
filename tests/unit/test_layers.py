"""Equations 1 and 2 against a plain and slow reference, and the laws of masks."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from streamer.features import spectrogram
from streamer.network import contract
from streamer.network.layers import (
    DenseHead,
    PooledConv,
    SoundCnn,
    Thinning,
    WordCnn,
    attention_over_time,
    extend,
    keep,
    mean_attention,
    pool_mask,
)

D = 3


def test_thinning_takes_the_nearest_columns_newest_last() -> None:
    age = torch.arange(contract.N_COLUMNS - 1, -1, -1, dtype=torch.float32)
    picture = age.expand(2, contract.N_BANDS, -1)
    columns = (age < 100).expand(2, -1)
    thin, held = Thinning(contract.PAPER_STEP_SAMPLES)(picture, columns)
    assert thin.shape == picture.shape
    assert thin[0, 0, -6:].tolist() == [12, 10, 8, 5, 2, 0]
    assert not thin[0, 0, :240].any()
    assert not held[:, :240].any()
    assert int(held[0].sum()) == 40  # 100 columns of 20 ms are 40 of 50 ms
    same, mask = Thinning(contract.LIVE_STEP_SAMPLES)(picture, columns)
    assert same is picture
    assert mask is columns
    with pytest.raises(ValueError, match="shorter than the monitor"):
        Thinning(80)


def test_thinned_columns_are_those_of_the_longer_step() -> None:
    t = np.arange(8 * contract.PICTURE_RATE_HZ) / contract.PICTURE_RATE_HZ
    tone = np.sin(2 * np.pi * (300.0 + 200.0 * t) * t) * (0.3 + 0.2 * np.sin(2 * np.pi * 2.0 * t))
    sound = (tone + 0.01 * np.random.default_rng(0).standard_normal(len(t))).astype(np.float32)
    live, wanted = (
        spectrogram.picture_columns(sound, step) for step in (contract.LIVE_STEP_SAMPLES, contract.PAPER_STEP_SAMPLES)
    )
    n_live, n_wanted = live.shape[1], wanted.shape[1]
    picture = torch.zeros((1, *contract.PICTURE_SHAPE))
    picture[0, :, -n_live:] = torch.from_numpy(live)
    thin, held = Thinning(contract.PAPER_STEP_SAMPLES)(
        picture, torch.arange(contract.N_COLUMNS)[None] >= contract.N_COLUMNS - n_live
    )
    assert abs(int(held.sum()) - n_wanted) <= 1
    n = min(int(held.sum()), n_wanted)
    assert float(np.abs(thin[0, :, -n:].numpy() - wanted[:, -n:]).mean()) < 0.05


def plain_weights(e: Tensor, f: Tensor, groups: list[bool], columns: list[bool]) -> list[float]:
    """Equations 1 and 2 as they are written, one number at a time; e (D, m), f (D, n)."""
    held = [t for t, there in enumerate(columns) if there]
    said = [i for i, there in enumerate(groups) if there]
    weights = [1.0 if not said else 0.0] * len(columns)
    for i in said:
        scores = {t: math.exp(sum(float(e[d, i]) * float(f[d, t]) for d in range(D))) for t in held}
        for t in held:
            weights[t] += scores[t] / sum(scores.values()) * len(held) / len(said)
    return weights


@st.composite
def cases(draw: st.DrawFn) -> tuple[Tensor, Tensor, list[bool], list[bool]]:
    groups = draw(st.lists(st.booleans(), min_size=1, max_size=5))
    columns = draw(st.lists(st.booleans(), min_size=1, max_size=8).filter(any))
    chance = torch.Generator().manual_seed(draw(st.integers(0, 2**32)))
    e = torch.randn((D, len(groups)), generator=chance, dtype=torch.float64)
    f = torch.randn((D, len(columns)), generator=chance, dtype=torch.float64)
    return e, f, groups, columns


def weigh(e: Tensor, f: Tensor, groups: list[bool], columns: list[bool]) -> tuple[Tensor, Tensor]:
    held = torch.tensor([columns])
    a = attention_over_time(e[None], f[None], held)
    return a[0], mean_attention(a, torch.tensor([groups]), held)[0]


@given(cases())
def test_equations_agree_with_the_plain_reference(case: tuple[Tensor, Tensor, list[bool], list[bool]]) -> None:
    _, weights = weigh(*case)
    assert weights.tolist() == pytest.approx(plain_weights(*case), abs=1e-9)


@given(cases())
def test_attention_sums_to_one_over_time_and_is_nothing_on_padding(
    case: tuple[Tensor, Tensor, list[bool], list[bool]],
) -> None:
    e, f, groups, columns = case
    a, weights = weigh(e, f, groups, columns)
    held = torch.tensor(columns)
    assert torch.allclose(a.sum(1), torch.ones(len(groups), dtype=a.dtype))
    assert not a[:, ~held].any()
    assert float(weights[held].mean()) == pytest.approx(1.0)


@given(cases(), st.sampled_from([1e30, -1e30]))
def test_what_stands_in_padding_changes_no_weight(
    case: tuple[Tensor, Tensor, list[bool], list[bool]], garbage: float
) -> None:
    e, f, groups, columns = case
    _, weights = weigh(e, f, groups, columns)
    f[:, ~torch.tensor(columns)] = garbage
    assert torch.equal(weigh(e, f, groups, columns)[1], weights)


def test_without_words_every_weight_is_one() -> None:
    _, weights = weigh(torch.randn(D, 4), torch.randn(D, 6), [False] * 4, [True, False] * 3)
    assert weights.tolist() == [1.0] * 6


def test_without_any_column_the_attention_is_still_a_number() -> None:
    a, weights = weigh(torch.randn(D, 2), torch.randn(D, 4), [True, True], [False] * 4)
    assert torch.isfinite(a).all()
    assert torch.isfinite(weights).all()


def test_extend_repeats_each_weight() -> None:
    assert extend(torch.tensor([[1.0, 2.0]]), 4).tolist() == [[1.0] * 4 + [2.0] * 4]


@pytest.mark.parametrize("garbage", [1.0, math.nan, math.inf])
def test_keep_zeroes_whatever_stood_in_padding(garbage: float) -> None:
    maps = torch.full((1, 2, 3, 4), garbage)
    kept = keep(maps, torch.tensor([[False] * 4]))
    assert kept.tolist() == torch.zeros(1, 2, 3, 4).tolist()
    assert keep(torch.ones(1, 2, 2), torch.tensor([[True, False]])).tolist() == [[[1.0, 0.0], [1.0, 0.0]]]


def test_a_pooled_cell_is_held_if_either_half_is() -> None:
    mask = torch.tensor([[True, True, True, False, False, True, False, False]])
    assert pool_mask(mask).tolist() == [[True, True, True, False]]


@pytest.mark.parametrize("flat", [True, False])
def test_a_bias_does_not_leak_into_padding(flat: bool) -> None:
    block = PooledConv(1, 2, flat=flat)
    torch.nn.init.constant_(block.conv.bias, 5.0)  # type: ignore[arg-type]  # there is a bias
    maps, mask = block(torch.zeros((1, 1, 8) if flat else (1, 1, 4, 8)), torch.arange(8)[None] >= 4)
    assert mask.tolist() == [[False, False, True, True]]
    assert not maps[..., :2].any()
    assert (maps[..., 2:] == 5.0).all()


def test_poolings_that_divide_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="5 poolings do not divide 400 columns"):
        SoundCnn(4, 5, flat=True)
    with pytest.raises(ValueError, match="4 poolings do not divide 40 words"):
        WordCnn(4, 4)


def test_dropout_stands_on_the_last_hidden_layer_alone() -> None:
    head = DenseHead(4, (8, 8), 6, dropout=1.0).train()
    with torch.no_grad():
        assert torch.equal(head(torch.rand(3, 4)), head.out.bias.expand(3, 6))
    assert sum(isinstance(layer, torch.nn.Dropout) for layer in head.modules()) == 1
