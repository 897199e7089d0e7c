"""The three parts of the cached form: the same numbers as the network's own layers, whatever the pieces."""

import pytest
import torch

from streamer.network import checkpoint, contract
from streamer.network.cached import Judging, Reading, Step, parts
from streamer.network.stream import Stream
from tests.harness.cached_parts import small_stream
from tests.networks import network

PICTURE = torch.rand(1, *contract.PICTURE_SHAPE, generator=torch.Generator().manual_seed(2))


@pytest.fixture(scope="module")
def net() -> Stream:
    return small_stream()


@pytest.mark.parametrize("pieces", [(400,), (8,) * 50, (4, 12, 40, 4, 340)])
@torch.inference_mode()
def test_latent_columns_do_not_depend_on_the_pieces_of_the_picture(net: Stream, pieces: tuple[int, ...]) -> None:
    step = Step(net)
    memory = step.silence()
    made = []
    for piece in torch.split(PICTURE, list(pieces), dim=-1):
        latent, keys, scores, *memory = step(piece, *memory)
        made.append((latent, keys, scores))
    whole, _ = net.sound(PICTURE, torch.ones(1, contract.N_COLUMNS, dtype=torch.bool))
    wanted = (whole, net.attention.key(whole), net.sound_pooling.scores(whole))
    for found, one in zip(zip(*made, strict=True), wanted, strict=True):
        torch.testing.assert_close(torch.cat(found, dim=-1)[..., -one.shape[-1] :], one, rtol=0, atol=1e-5)


@torch.inference_mode()
def test_silence_is_what_zeros_leave_behind(net: Stream) -> None:
    step = Step(net)
    loud = tuple(torch.randn_like(kept) for kept in step.silence())
    zeros = torch.zeros(1, contract.N_BANDS, net.receptive_columns)
    for found, wanted in zip(step(zeros, *loud)[3:], step.silence(), strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)
    assert any(kept.abs().max() > 0.1 for kept in step.silence()[1:])  # zeros in, but not zeros inside


@pytest.mark.parametrize("n_words", [0, 1, 17, 40])
@torch.inference_mode()
def test_all_slots_but_one_before_the_first_word_may_be_left_out(net: Stream, n_words: int) -> None:
    words = torch.randn(1, *contract.WORDS_SHAPE, generator=torch.Generator().manual_seed(n_words))
    mask = torch.arange(contract.N_WORDS)[None] >= contract.N_WORDS - n_words
    mask[:, -5:-3] = False  # words that nobody knows
    queries, summary = Reading(net)(words, mask)
    first = max(0, contract.N_WORDS - max(n_words, 1) - 1)
    fewer, same = Reading(net)(words[..., first:], mask[:, first:])
    torch.testing.assert_close(fewer, queries[..., first:], rtol=0, atol=1e-5)
    torch.testing.assert_close(same, summary, rtol=0, atol=1e-5)


@torch.inference_mode()
def test_what_is_not_heard_has_no_influence_on_the_answer_even_if_it_is_no_number(net: Stream) -> None:
    given = dict(parts(net)[checkpoint.CACHED_HEADS].inputs)
    given["columns"] = torch.arange(contract.N_COLUMNS)[None] >= 200
    clean = Judging(net)(**given)
    spoiled = {name: given[name].clone() for name in ("f", "keys", "scores")}
    for kept in spoiled.values():
        kept[..., :20] = torch.nan
    for found, wanted in zip(Judging(net)(**given | spoiled), clean, strict=True):
        torch.testing.assert_close(found, wanted, rtol=0, atol=0)


def test_parts_leave_the_network_in_the_mode_in_which_it_was(net: Stream) -> None:
    made = parts(net)
    assert tuple(made) == checkpoint.CACHED_FILES
    assert not any(module.training for part in made.values() for module in part.module.modules())
    assert not any(module.training for module in net.modules())


@pytest.mark.parametrize("name", ["attention", "shallow"])
def test_other_networks_have_no_cached_form(name: str) -> None:
    assert parts(network(name)) == {}
