"""The paper's baseline: its size and shapes; and what holds for both of the paper's networks in both profiles."""

import math

import pytest
import torch

from streamer.network.shallow import ALL_1D, Shallow
from tests.networks import PROFILES, answer, inputs, network
from tests.unit.counting import account, n_parameters


def test_parameters_and_multiply_adds_are_those_of_the_notes() -> None:
    net = Shallow()
    assert n_parameters(net) == 10_649_606
    assert round(account(net).macs / 1e6) == 277
    assert n_parameters(Shallow(ALL_1D)) == 2_454_982
    assert account(Shallow(ALL_1D)).macs == pytest.approx(12.2e6, rel=0.005)


def test_every_intermediate_shape() -> None:
    shapes = account(Shallow().eval()).shapes
    assert (
        shapes.items()
        >= {
            "sound.blocks.0": (32, 100, 200),
            "sound.blocks.1": (32, 50, 100),
            "sound.blocks.2": (32, 25, 50),
            "sound.blocks.3": (32, 12, 25),
            "words.blocks.0": (32, 20),
            "words.blocks.1": (32, 10),
            "words.blocks.2": (32, 5),
            "head.hidden.0": (1024,),
            "head.hidden.2": (128,),
            "": (1, 6),
        }.items()
    )
    assert Shallow().state_dict()["head.hidden.0.weight"].shape == (1024, 9600 + 160)


@pytest.mark.parametrize("garbage", [-3.0, 1e30, math.nan, math.inf])
@pytest.mark.parametrize("profile", PROFILES)
def test_what_stands_in_padding_cannot_change_the_answer(profile: str, garbage: float) -> None:
    net = network(*PROFILES[profile])
    picture, columns, words, word_mask, spans = inputs(2)
    clean = answer(net, [picture, columns, words, word_mask, spans])
    picture = picture.masked_fill(~columns[:, None], garbage)
    words = words.masked_fill(~word_mask[:, None], garbage)
    spans = spans.masked_fill(~word_mask[:, :, None], garbage)
    assert torch.isfinite(clean).all()
    assert torch.equal(answer(net, [picture, columns, words, word_mask, spans]), clean)


@pytest.mark.parametrize("profile", PROFILES)
def test_what_is_held_does_change_the_answer(profile: str) -> None:
    net = network(*PROFILES[profile])
    arrays = inputs(1)
    for place in (0, 2):
        changed = [array.clone() for array in arrays]
        changed[place] *= 0.5
        assert not torch.allclose(answer(net, changed), answer(net, arrays), atol=1e-6)


@pytest.mark.parametrize("profile", PROFILES)
def test_silence_no_words_and_no_columns_give_numbers(profile: str) -> None:
    net = network(*PROFILES[profile])
    for columns in (True, False):
        for said in (True, False):
            picture, _, words, _, spans = inputs(1)
            masks = torch.full((1, 400), columns), torch.full((1, 40), said)
            logits = answer(net, [picture * 0.0, masks[0], words, masks[1], spans])
            assert torch.isfinite(logits).all()


@pytest.mark.parametrize("profile", PROFILES)
def test_a_batch_of_two_equals_two_batches_of_one(profile: str) -> None:
    net = network(*PROFILES[profile])
    arrays = inputs(2)
    arrays[3][1] = False
    singly = [answer(net, [array[i : i + 1] for array in arrays]) for i in range(2)]
    assert torch.allclose(answer(net, arrays), torch.cat(singly), atol=1e-5)


@pytest.mark.parametrize("profile", PROFILES)
def test_every_parameter_learns(profile: str) -> None:
    net = network(*PROFILES[profile])
    net(*inputs(2)).square().sum().backward()
    idle = [name for name, parameter in net.named_parameters() if parameter.grad is None or not parameter.grad.any()]
    # A bias on f adds the same to the scores of all times, which the softmax over time forgets.
    assert set(idle) <= {"f.bias"}
