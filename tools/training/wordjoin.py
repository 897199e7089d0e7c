"""A trained word half and fitted experts put together: one table for both, and a summary that learns to mix them.

The table's numbers are: what the trained half leads in, the shares of the experts, and a code of -1 and 1 by which
pairs are recognised. Nothing is lost by this: the half sees its words through a matrix of fewer numbers anyway.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from streamer.network import contract
from streamer.network.sentences import SentenceEncoder
from streamer.network.words import N_SLOTS, ExpertWordEncoder, WordEncoder
from tools.training import loop, sentences, stage_words, wordexperts, wordlesson, wordmix, wordoffsets
from tools.training.stage_words import Reader, WordHalf
from tools.training.textdata import Spoiling, Texts, WordWindows
from tools.training.wordlesson import Lesson

N_CODES = 32
MATCH = 2.0 * N_CODES
SLACK = 6.0
"""A pair is met if its codes agree to within this; a pair that shares one word agrees in half, give or take 6."""

KIND_BIAS = (0.0, 1.0, -1.0, 0.0)
"""Added to the guess of the kind of talk (validation: people talking to each other are nearer to what a monitor hears
than Reddit, of which there is most)."""

HALF_AS_MUCH = (60.0, 10.0, 14.0, 60.0, 60.0)
"""Words before the newest at which a word counts half, to each expert and to the guess: where people talk to each other
older words mostly belong to another line, and Reddit's lines are long (validation)."""

FADING = 3.0
"""Words over which that comes about."""

TRUST = {"stream": 0.5, "deep": 0.5}
"""What experts count for against the trained half (validation)."""

N_CHANNELS = 128
"""Of the trained half."""

PAUSED = 0.3
"""Share of training windows in which a pause stands before the newest line."""

N_PAIRS = {"stream": 0, "deep": 6000}

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Layout:
    """Where things stand in a row of the table, and by what they were divided so that int8 serves all alike."""

    latent: slice
    shares: slice
    codes: slice
    units: Floats
    """(300,)"""


def latent_rows(trained: Reader) -> Floats:
    """Return (1 + words, n), what the trained half needs of each word."""
    if isinstance(trained.words, SentenceEncoder):
        return np.asarray(trained.table.weight[:, : sentences.N_LATENT].detach().numpy())
    assert isinstance(trained.words, WordEncoder)
    with torch.no_grad():
        return np.asarray((trained.table.weight @ trained.words.enter.weight[..., 0].t()).numpy())


def table_of(trained: Reader, experts: wordexperts.Experts, seed: int) -> tuple[Floats, Layout]:
    """Return the network's table (1 + words, 300) and its layout."""
    led = latent_rows(trained)
    code = np.random.default_rng(seed).choice((-1.0, 1.0), (len(led), N_CODES))
    blocks = [led, experts.word_shares, code]
    ends = np.cumsum([block.shape[1] for block in blocks])
    places = [slice(int(end) - block.shape[1], int(end)) for end, block in zip(ends, blocks, strict=True)]
    units = np.ones(contract.WORD_DIMS, np.float32)
    table = np.zeros((len(led), contract.WORD_DIMS), np.float32)
    table[:, : ends[-1]] = np.concatenate(blocks, axis=1)
    sizes = np.abs(table[1:, : ends[-2]])
    # Nothing is cut off, and most of a row is of like size, or int8 would drown it beside the largest.
    units[: ends[-2]] = np.maximum(np.maximum(np.quantile(sizes, 0.99, axis=0), sizes.max(axis=0) / 3.0), 1e-6)
    table /= units
    table[0] = 0.0
    latent, shares, codes = places
    return table, Layout(latent, shares, codes, units)


def joined(trained: Reader, experts: wordexperts.Experts, table: Floats, layout: Layout, summary: int) -> WordHalf:
    """Return the half on that table, everything set but its summary and head."""
    old = trained.words
    assert not isinstance(old, ExpertWordEncoder)
    n_sentence_blocks = len(old.blocks) if isinstance(old, SentenceEncoder) else 0
    n_pairs = len(experts.pairs)
    words = ExpertWordEncoder(old.channels + N_SLOTS, len(old.blocks), n_pairs, n_sentence_blocks=n_sentence_blocks)
    half = WordHalf(words, summary)
    units = torch.from_numpy(layout.units)
    with torch.no_grad():
        words.encoder.load_state_dict(old.state_dict())
        words.encoder.enter.weight.zero_()
        if isinstance(old, SentenceEncoder):
            n_read = layout.latent.stop - layout.latent.start
            words.encoder.enter.weight[:, layout.latent] = old.enter.weight[:, :n_read] * units[layout.latent, None]
        else:
            _select(words.encoder.enter, layout.latent, units)
        words.shares.weight.zero_()
        _select(words.shares, layout.shares, units)
        base = experts.base.reshape(len(wordexperts.KINDS), -1).copy()
        base[:, -1] += KIND_BIAS
        words.base.copy_(torch.from_numpy(base.reshape(-1)))
        words.recency.copy_(recency())
        if words.codes is not None and words.pairs is not None and words.pair_shares is not None:
            words.codes.weight.zero_()
            _select(words.codes, layout.codes, units)
            pair = np.stack([table[experts.pairs[:, i], layout.codes] for i in (0, 1)], axis=2)
            words.pairs.weight.copy_(torch.from_numpy(pair * (2.0 / SLACK)))
            words.pairs.bias.fill_(-(MATCH - SLACK) * 2.0 / SLACK)  # type: ignore[union-attr]  # it has one
            words.pair_shares.weight.copy_(torch.from_numpy(experts.pair_shares.T[..., None].copy()))
        _widen(half, trained, words.encoder.channels)
    return half


def _select(layer: nn.Conv1d, where: slice, units: Tensor) -> None:
    """Let a layer copy some numbers of a row."""
    n = where.stop - where.start
    layer.weight[:n, where, 0] = torch.diag(units[where])


def _copy(to: Tensor | None, values: Tensor | None) -> None:
    """Copy a bias, which torch says may be missing."""
    assert to is not None
    assert values is not None
    to.copy_(values)


def _widen(half: WordHalf, trained: Reader, n_latent: int) -> None:
    """Let the wider pooling weigh words as the trained one does."""
    new, old = half.word_pooling, trained.pooling
    at = wordmix.places_among_heads(n_latent, old.distance.shape[0])
    new.score_in.weight.zero_()
    new.score_in.weight[:, at] = old.score_in.weight
    _copy(new.score_in.bias, old.score_in.bias)
    new.score_out.load_state_dict(old.score_out.state_dict())
    new.distance.copy_(old.distance)
    new.slope.fill_(-20.0)
    new.slope[at] = old.slope


def recency() -> Tensor:
    """Return (kinds + 1, 40) how much a word counts to each expert and to the guess, newest last and 1."""
    age = torch.arange(contract.N_WORDS - 1, -1, -1.0)
    falling = torch.sigmoid((torch.tensor(HALF_AS_MUCH)[:, None] - age) / FADING)
    return falling / falling[:, -1:]


def train(  # noqa: PLR0913, PLR0917  everything a stage is
    name: str,
    texts: Texts,
    start: sentences.MiniLM | None,
    lesson: Lesson,
    favour: Mapping[str, float],
    schedule: loop.Schedule,
    work: Path,
    seed: int,
) -> None:
    """Train the half of network `name`, fit its experts, and leave `words-NAME.pt` on an int8 table in `work`.

    Args: start: whose blocks the half of `deep` begins with; lesson: what the half learns; favour: how often a
        corpus' lines are drawn, against 1.
    """
    torch.manual_seed(seed)
    encoder: WordEncoder | SentenceEncoder = WordEncoder(N_CHANNELS, 2)
    if start is not None:
        encoder = SentenceEncoder(N_CHANNELS, start.n_blocks)
        start.fill(encoder, start.start(texts.vocabulary))
    trained = Reader(WordHalf(encoder, N_CHANNELS), torch.from_numpy(texts.table.copy()))
    learned = wordlesson.beside(texts, lesson.made)
    windows = WordWindows(learned, favour, spoiling=Spoiling(paused=PAUSED), taught=wordlesson.targets(texts, lesson))
    trained = stage_words.run(trained, windows, texts, schedule, work, seed, f"words-half-{name}").eval()
    windows = WordWindows(texts)
    experts = wordexperts.fit(texts, windows.marks, N_PAIRS[name])
    write(name, trained, experts, windows, work, seed)


def write(
    name: str, trained: Reader, experts: wordexperts.Experts, windows: WordWindows, work: Path, seed: int
) -> None:
    """Join a trained half with its experts and write the state."""
    table, layout = table_of(trained, experts, seed)
    rows, scales = stage_words.quantise(table.astype(np.float64))
    table = np.asarray(rows * scales[:, None], np.float32)
    rng = np.random.default_rng(seed)
    some = windows.rows(rng.choice(windows.training, 1024), rng)
    half = joined(trained, experts, table, layout, trained.head.in_features + 2 * trained.head.out_features)
    wordmix.mix(half, trained, experts, some, TRUST[name])
    reader = Reader(half, torch.from_numpy(table)).eval()
    offsets = wordoffsets.best(wordoffsets.views(reader, windows.texts, windows.marks))
    print(name, "offsets", offsets.round(1).tolist())
    with torch.no_grad():
        reader.head.bias.copy_(reader.head.bias + torch.from_numpy(offsets))
    print(name, {k: round(v, 3) for k, v in stage_words.judge(reader, windows.texts, windows.marks).items()})
    torch.save({"average": reader.state_dict()}, work / f"words-{name}.pt")
