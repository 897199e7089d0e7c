"""The paper's attention network: its size, its shapes, and what it must not be moved by."""

import pytest
import torch

from streamer.network import contract
from streamer.network.attention import ALL_1D, Attention, AttentionConfig
from tests.networks import answer, inputs, network
from tests.unit.counting import account, n_parameters

DOT_MACS = 2 * 10 * 100 * 32
"""e . f of equation 1 and the sum over words of equation 2, at the most; no layer that could be watched."""


def test_parameters_and_multiply_adds_are_those_of_the_design() -> None:
    net = Attention()
    assert n_parameters(net) == 10_544_518
    assert n_parameters(net.head) == 10_422_662
    assert round((account(net).macs + DOT_MACS) / 1e6) == 489


def test_the_fast_profile_has_its_own_size() -> None:
    net = Attention(ALL_1D)
    assert n_parameters(net) == 3_947_782
    assert account(net).macs == pytest.approx(21.8e6, rel=0.002)


def test_every_intermediate_shape() -> None:
    shapes = account(Attention().eval()).shapes
    assert (
        shapes.items()
        >= {
            "sound.blocks.0": (32, 100, 200),
            "sound.blocks.1": (32, 50, 100),
            "sound": (1600, 100),
            "f": (32, 100),
            "words.blocks.0": (32, 20),
            "words.blocks.1": (32, 10),
            "e": (32, 10),
            "third.blocks.0": (32, 100, 200),
            "third.blocks.1": (32, 50, 100),
            "third.blocks.2": (32, 25, 50),
            "third.blocks.3": (32, 12, 25),
            "third": (384, 25),
            "head.hidden.0": (1024,),
            "head.hidden.1": (512,),
            "head.hidden.2": (128,),
            "head.out": (6,),
            "": (1, 6),
        }.items()
    )


def test_every_intermediate_shape_of_the_fast_profile() -> None:
    shapes = account(Attention(ALL_1D).eval()).shapes
    assert shapes.items() >= {"sound": (32, 100), "f": (32, 100), "e": (32, 10), "third": (32, 100)}.items()


def test_the_attention_can_be_seen() -> None:
    picture, columns, words, word_mask, _ = inputs(2)
    columns[0] = torch.arange(contract.N_COLUMNS) >= 120
    with torch.inference_mode():
        seen = Attention().eval().attend(picture, columns, words, word_mask)
    assert seen.per_group.shape == (2, 10, 100)
    assert seen.per_column.shape == (2, 400)
    assert torch.allclose(seen.per_group.sum(2), torch.ones(2, 10))
    assert not seen.per_column[0, :120].any()
    assert float(seen.per_column[0, 120:].mean()) == pytest.approx(1.0, abs=1e-5)
    assert float(seen.per_column.std()) > 0.01


def test_without_words_the_picture_is_heard_as_it_is() -> None:
    net = Attention(ALL_1D).eval()
    picture, columns, words, word_mask, spans = inputs(1)
    columns[:] = True
    word_mask[:] = False
    assert (net.attend(picture, columns, words, word_mask).per_column == 1.0).all()
    heard = net.head(net.third(picture, columns)[0].flatten(1))
    assert torch.equal(net(picture, columns, words, word_mask, spans)[:, 0], heard)


def test_the_words_weigh_the_picture() -> None:
    net = Attention(ALL_1D).eval()
    arrays = inputs(1)
    picture, columns, words, word_mask, _ = arrays
    weights = net.attend(picture, columns, words, word_mask).per_column
    weighted = picture * columns[:, None] * weights[:, None]
    heard = net.head(net.third(weighted, columns)[0].flatten(1))
    assert torch.allclose(answer(net, arrays)[:, 0], heard, atol=1e-6)
    assert not torch.allclose(answer(net, [picture, columns, -words, word_mask, arrays[4]])[:, 0], heard, atol=1e-6)


def test_seven_classes_are_a_matter_of_configuration() -> None:
    net = network("attention", {"flat": True, "n_classes": 7})
    assert answer(net, inputs(1)).shape == (1, 1, 7)
    assert Attention(AttentionConfig(flat=True)).config.n_classes == 6
