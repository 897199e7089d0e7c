"""Experts of words and pairs, the encoder that asks them, and how they are joined with a trained half."""

import math

import numpy as np
import pytest
import torch

from streamer.network import contract
from streamer.network.words import ExpertWordEncoder, WordEncoder, faded
from tools.training import corpora, wordexperts, wordjoin, wordmix
from tools.training.stage_words import Reader, WordHalf
from tools.training.textdata import Texts
from tools.training.wordexperts import Experts

N_WORDS = 30
N_SHARES = len(wordexperts.KINDS) * (len(corpora.LABELS) + 1) + 1


def experts(n_pairs: int) -> Experts:
    rng = np.random.default_rng(0)
    shares = rng.standard_normal((1 + N_WORDS, N_SHARES)).astype(np.float32)
    shares[:, -1] = rng.uniform(1.0, 9.0, 1 + N_WORDS)
    shares[0] = 0.0
    codes = np.sort(rng.choice(N_WORDS * N_WORDS, n_pairs, replace=False))
    pairs = np.stack((1 + codes // N_WORDS, 1 + codes % N_WORDS), axis=1)
    pair_shares = rng.standard_normal((n_pairs, N_SHARES)).astype(np.float32)
    pair_shares[:, -1] = 20.0
    return Experts(shares, pairs, pair_shares, rng.standard_normal(N_SHARES - 1).astype(np.float32))


def trained() -> Reader:
    torch.manual_seed(0)
    table = torch.randn(1 + N_WORDS, contract.WORD_DIMS)
    table[0] = 0.0
    return Reader(WordHalf(WordEncoder(16, 1), 8), table).eval()


def rows(n: int = 12) -> np.ndarray:
    drawn = np.random.default_rng(1).integers(0, 1 + N_WORDS, (n, contract.N_WORDS))
    drawn[:, :20] *= np.arange(n)[:, None] % 2
    drawn[-1] = 0
    return drawn


def test_the_evidence_is_the_mixture_of_what_the_experts_say() -> None:
    encoder = ExpertWordEncoder(32, 1, n_experts=2, n_classes=2)
    with torch.no_grad():
        encoder.base.copy_(torch.tensor([0.0, 1.0, 0.5, 0.0, 0.0, 0.0]))
        encoder.recency.fill_(1.0)
        encoder.recency[0, -2] = 0.5  # to the first expert alone
    shares = torch.zeros(1, 7, 3)
    shares[0, :, 1] = torch.tensor([3.0, 0.0, 0.0, 0.0, 0.0, 0.0, 9.0])
    shares[0, :, 2] = torch.tensor([3.0, 0.0, 0.0, 0.0, 6.0, 0.0, 16.0])
    mask = torch.tensor([[False, True, True]])
    # Length sqrt(9 + 16) = 5: the second expert's logits 0 and 6/5, the guess 0.5 and 0.
    first = [math.exp(x) for x in (4.5 / math.sqrt(9.0 / 4.0 + 16.0), 1.0)]
    second = [math.exp(x) for x in (0.0, 1.2)]
    guess = math.exp(0.5) / (math.exp(0.5) + 1.0)
    wanted = [
        math.log(guess * a / sum(first) + (1.0 - guess) * b / sum(second)) for a, b in zip(first, second, strict=True)
    ]
    assert encoder.evidence(shares, mask)[0].tolist() == pytest.approx(wanted, abs=1e-5)


def test_eight_empty_slots_halve_what_experts_hear_of_the_words_before_them() -> None:
    mask = torch.zeros(3, 12, dtype=torch.bool)
    mask[0, [1, 2, 11]] = True  # eight slots lie empty
    mask[1, -3:] = True
    assert faded(mask)[0, [1, 2, 11]].tolist() == pytest.approx([0.5, 0.5, 1.0])
    assert faded(mask)[1].tolist() == [0.0] * 9 + [1.0] * 3
    assert not faded(mask)[2].any()


@pytest.mark.parametrize("n_pairs", [0, 40])
def test_the_network_finds_the_shares_that_the_experts_gave(n_pairs: int) -> None:
    told = experts(n_pairs)
    table, layout = wordjoin.table_of(trained(), told, seed=0)
    assert not table[0].any()
    assert np.abs(table).max() <= 3.0 + 1e-5
    half = wordjoin.joined(trained(), told, table, layout, 8)
    said = rows()
    with torch.no_grad():
        words = torch.from_numpy(table)[torch.from_numpy(said)].transpose(1, 2)
        assert isinstance(half.words, ExpertWordEncoder)
        found = half.words.all_shares(words)
    np.testing.assert_allclose(found.numpy(), wordmix.all_shares(told, said), atol=1e-4)


def test_latent_words_stay_what_they_were_and_evidence_stands_beside_them() -> None:
    old, told = trained(), experts(5)
    table, layout = wordjoin.table_of(old, told, seed=0)
    half = wordjoin.joined(old, told, table, layout, 8)
    said = torch.from_numpy(rows())
    mask = said > 0
    with torch.no_grad():
        new = half.words(torch.from_numpy(table)[said].transpose(1, 2), mask)
        at = wordmix.places_among_heads(16, 4)
        torch.testing.assert_close(new[:, at], old.words(old.table(said).transpose(1, 2), mask), atol=1e-4, rtol=1e-4)
    assert new.shape == (12, 32, contract.N_WORDS)
    assert not new.transpose(1, 2)[~mask].any()


def test_the_half_answers_with_the_mean_of_both() -> None:
    old, told = trained(), experts(5)
    table, layout = wordjoin.table_of(old, told, seed=0)
    half = wordjoin.joined(old, told, table, layout, 8 + 2 * 7).eval()
    windows = rows()[:-1]
    wordmix.mix(half, old, told, windows, trust=0.6)
    said = torch.from_numpy(windows)
    with torch.no_grad():
        assert isinstance(half.words, ExpertWordEncoder)
        evidence = half.words.evidence(torch.from_numpy(wordmix.all_shares(told, windows)), said > 0)
        mean = 0.4 * torch.log_softmax(old(said), dim=1) + 0.6 * evidence
        found = Reader(half, torch.from_numpy(table)).eval()(said)
    # The layer norm's spread differs a little from window to window.
    off = torch.log_softmax(found, dim=1) - torch.log_softmax(mean, dim=1)
    assert off.abs().max() < 0.25 * mean.std()
    assert torch.corrcoef(torch.stack((found.flatten(), (mean - mean.mean(1, keepdim=True)).flatten())))[0, 1] > 0.95


def test_older_words_fade_where_people_talk_and_not_where_they_write() -> None:
    falling = wordjoin.recency()
    assert (falling[:, -1] == 1.0).all()
    assert (falling.diff() >= 0).all()
    for row, half in zip(falling, wordjoin.HALF_AS_MUCH, strict=True):
        if half < contract.N_WORDS:
            assert row[-1 - int(half)] == pytest.approx(0.5, abs=0.03)
        else:
            assert row[0] > 0.99


def test_masked_words_say_nothing_to_experts_and_the_newest_is_last() -> None:
    half = wordjoin.joined(trained(), *_on_table(experts(9)), 8)
    words = torch.randn(1, contract.WORD_DIMS, contract.N_WORDS)
    mask = torch.zeros(1, contract.N_WORDS, dtype=torch.bool)
    mask[:, -6:] = True
    mask[:, -2] = False
    with torch.no_grad():
        whole = half.words(words, mask)
        torch.testing.assert_close(half.words(torch.where(mask[:, None], words, torch.nan), mask), whole)
        torch.testing.assert_close(half.words(words[..., -8:], mask[:, -8:]), whole[..., -8:], atol=1e-5, rtol=1e-4)
        assert half.words(words[..., -1:], mask[:, -1:]).shape == (1, 32, 1)


def _on_table(told: Experts) -> tuple[Experts, np.ndarray, wordjoin.Layout]:
    return (told, *wordjoin.table_of(trained(), told, seed=0))


def test_counts_of_known_numbers() -> None:
    lists = [np.array([5, 7, 5, 6]), np.array([], np.int64), np.array([9, 7])]
    found = wordexperts.counted(lists, np.array([5, 7, 9]))
    assert found.toarray().tolist() == [[2, 1, 0], [0, 0, 0], [0, 1, 1]]
    assert wordexperts.counted(lists, np.zeros(0, np.int64)).shape == (3, 0)


def test_pairs_are_of_known_neighbours() -> None:
    assert wordexperts.codes(np.array([3, 0, 2, 4], np.int32), 10).tolist() == [24]
    assert not len(wordexperts.codes(np.array([3], np.int32), 10))


def test_experts_know_their_own_kind_and_the_pair_that_tells() -> None:
    # In films only the order of words 1 and 2 tells, on Reddit the words themselves.
    talk = {("meld", 0): [2, 1, 3], ("meld", 2): [1, 2, 3], ("goemotions", 0): [1], ("goemotions", 2): [2]}
    lines, said = [], []
    for (corpus, label), tokens in talk.items():
        lines += [corpora.Line("", corpus, label, "train")] * 30
        said += [np.array(tokens, np.int32)] * 30
    for corpus in ("dailydialog", "isear"):
        lines += [corpora.Line("", corpus, label, "train") for label in (0, 2)] * 3
        said += [np.array([5], np.int32)] * 6
    texts = Texts(list("abcdef"), np.zeros((7, contract.WORD_DIMS), np.float32), said, lines)
    told = wordexperts.fit(texts, np.array([6]), n_pairs=2)
    n_classes = len(corpora.LABELS)

    def sad_over_happy(shares: np.ndarray, kind: int) -> float:
        return float(shares[kind * (n_classes + 1) + 2] - shares[kind * (n_classes + 1)])

    assert sad_over_happy(told.word_shares[1], 0) < -0.1
    assert sad_over_happy(told.word_shares[2], 0) > 0.1
    assert len(told.pairs) == 2
    for pair, shares in zip(told.pairs.tolist(), told.pair_shares, strict=True):
        sign = {(2, 1): -1, (1, 3): -1, (1, 2): 1, (2, 3): 1}[tuple(pair)]
        assert sign * sad_over_happy(shares, 1) > 0.1
    assert not told.word_shares[0].any()
