"""The paper's networks in training form: the same answers as the networks themselves, and what each switch changes."""

import pytest
import torch
from torch import Tensor

from streamer.network import contract, registry
from tools.training import batches, variants

WIDE = contract.N_COLUMNS


def pictures(held: int, batch: int = 3) -> batches.Batch:
    """Return random inputs with sound in the newest `held` columns and words in the newest 9 slots."""
    chance = torch.Generator().manual_seed(1)
    columns = torch.zeros((batch, WIDE), dtype=torch.bool)
    columns[:, -held:] = True
    columns[1, : -held // 2] = False
    mask = torch.zeros((batch, contract.N_WORDS), dtype=torch.bool)
    mask[:, -9:] = True
    mask[2] = False
    spans = torch.sort(torch.rand((batch, contract.N_WORDS, 2), generator=chance) * held + WIDE - held, dim=2).values
    picture = torch.rand((batch, *contract.PICTURE_SHAPE), generator=chance) * columns.unsqueeze(1)
    words = torch.randn((batch, *contract.WORDS_SHAPE), generator=chance)
    return batches.Batch((picture, columns, words, mask, spans), torch.zeros(batch, dtype=torch.int64))


def made(network: str, profile: str, variant: str = "plain") -> tuple[torch.nn.Module, torch.nn.Module]:
    """Return the training form and the network itself with the same weights."""
    torch.manual_seed(0)
    config = variants.settings(network, profile, {"dense": [16, 8]})
    trained = variants.make(config, variant).eval()
    bare = type(trained).__mro__[1](config).eval() if variant == "plain" else trained
    if variant == "plain":
        bare.load_state_dict(trained.state_dict())
    return trained, bare


def said(network: torch.nn.Module, batch: batches.Batch) -> Tensor:
    with torch.inference_mode():
        answer: Tensor = network(*batch.inputs)
    return answer


@pytest.mark.parametrize("profile", ["1-D", "2-D"])
@pytest.mark.parametrize("network", ["attention", "shallow"])
def test_a_cut_picture_gives_the_answer_of_the_whole_one(network: str, profile: str) -> None:
    trained, bare = made(network, profile)
    batch = pictures(held=90)
    cut = batches.cut(batch)
    assert cut.inputs[0].shape[2] == 96
    assert type(bare) is type(registry.create(network, {}))
    torch.testing.assert_close(said(trained, cut), said(bare, batch), rtol=1e-4, atol=1e-5)


def test_a_batch_without_sound_can_be_cut() -> None:
    batch = pictures(held=90)
    empty = batches.Batch((batch.inputs[0] * 0, torch.zeros_like(batch.inputs[1]), *batch.inputs[2:]), batch.label)
    assert batches.cut(empty).inputs[0].shape[2] == batches.GRID
    assert said(made("attention", "1-D")[0], batches.cut(empty)).isfinite().all()


@pytest.mark.parametrize("variant", ["plain", "ensemble", "synced", "even"])
def test_padding_changes_nothing_unless_masking_is_off(variant: str) -> None:
    network, _ = made("attention", "1-D", variant)
    batch = pictures(held=90)
    dirty = batch.inputs[2].clone()
    dirty[2] = 7.0  # this row's words are all masked
    changed = batches.Batch((*batch.inputs[:2], dirty, *batch.inputs[3:]), batch.label)
    torch.testing.assert_close(said(network, changed), said(network, batch))
    unmasked, _ = made("attention", "1-D", "unmasked")
    assert not torch.allclose(said(unmasked, changed)[2], said(unmasked, batch)[2])


def test_words_do_nothing_where_attention_is_1() -> None:
    network, _ = made("attention", "1-D", "even")
    batch = pictures(held=90)
    other = batches.Batch((*batch.inputs[:2], -batch.inputs[2], *batch.inputs[3:]), batch.label)
    torch.testing.assert_close(said(network, other), said(network, batch))
    plain, _ = made("attention", "1-D")
    assert not torch.allclose(said(plain, other), said(plain, batch))


def test_a_synced_word_looks_where_it_was_said() -> None:
    network = variants.make(variants.settings("attention", "1-D", {"dense": [8]}), "synced").eval()
    assert isinstance(network, variants.Synced)
    with torch.no_grad():
        network.e.weight.zero_()  # nothing but the time is left
        network.e.bias.zero_()  # type: ignore[union-attr]  # a 1x1 convolution with a bias
    batch = pictures(held=90)
    spans = torch.zeros_like(batch.inputs[4])
    spans[:, -4:] = torch.tensor([WIDE - 40.0, WIDE - 36.0])
    inputs = (*batch.inputs[:4], spans)
    network.requires_grad_(requires_grad=False)
    whole, _ = network.weights(inputs)
    assert int(whole[0, -1].argmax()) in ((WIDE - 40) // 4, (WIDE - 36) // 4)
    assert float(whole[0, -1].max()) > 0.2
    torch.testing.assert_close(whole[0, -2, -10:], torch.full((10,), whole[0, -2, -1].item()))  # no time: no bias
    cut = batches.cut(batches.Batch(inputs, batch.label))
    narrow, _ = network.weights(cut.inputs)
    torch.testing.assert_close(narrow[0, -1], whole[0, -1, -narrow.shape[2] :])


def test_what_there_is_not_is_refused() -> None:
    with pytest.raises(ValueError, match="wanted attention or shallow"):
        variants.settings("stream", "1-D", {})
    with pytest.raises(ValueError, match="wanted plain"):
        variants.make(variants.settings("shallow", "1-D", {}), "even")
    with pytest.raises(TypeError, match="kernel"):
        variants.settings("attention", "1-D", {"kernel": 3})


@pytest.mark.parametrize("network", ["attention", "shallow"])
def test_the_half_precision_pass_stays_near(network: str) -> None:
    trained, _ = made(network, "1-D")
    batch = batches.cut(pictures(held=90))
    with torch.autocast("cpu", torch.bfloat16):
        half = trained(*batch.inputs)
        half.float().square().mean().backward()
    assert half.dtype == torch.bfloat16
    exact = said(trained, batch)
    assert float((half.detach().float() - exact).abs().max()) < 0.05 * float(exact.abs().max())
    assert all(p.grad is not None and p.grad.isfinite().all() for p in trained.parameters())
