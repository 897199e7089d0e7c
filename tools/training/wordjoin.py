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
from torch.nn import functional

from streamer.network import contract
from streamer.network.pooling import Summary
from streamer.network.words import N_SLOTS, SLOT_SCALE, ExpertWordEncoder, WordEncoder
from tools.training import loop, stage_words, wordexperts, wordfast, wordoffsets
from tools.training.stage_words import Reader, WordHalf
from tools.training.textdata import Texts, WordWindows

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

TRUST = {"stream": 0.5, "deep": 0.6}
"""What experts count for against the trained half; the better ones, which know pairs, for more (validation)."""

N_PAIRS = {"stream": 0, "deep": 6000}

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Layout:
    """Where things stand in a row of the table, and by what they were divided so that int8 serves all alike."""

    latent: slice
    shares: dict[str, slice]
    """By network: experts without pairs weigh words otherwise than those with."""
    codes: slice
    units: Floats
    """(300,)"""


def table_of(trained: Reader, experts: Mapping[str, wordexperts.Experts], seed: int) -> tuple[Floats, Layout]:
    """Return the table (1 + words, 300) for all networks, and its layout."""
    assert isinstance(trained.words, WordEncoder)
    with torch.no_grad():
        led = (trained.table.weight @ trained.words.enter.weight[..., 0].t()).numpy()
    code = np.random.default_rng(seed).choice((-1.0, 1.0), (len(led), N_CODES))
    blocks = [led, *(own.word_shares for own in experts.values()), code]
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
    layout = Layout(places[0], dict(zip(experts, places[1:-1], strict=True)), places[-1], units)
    return table, layout


def joined(
    name: str, trained: Reader, experts: wordexperts.Experts, table: Floats, layout: Layout, summary: int
) -> WordHalf:
    """Return the half of network `name` on that table, everything set but its summary and head."""
    old = trained.words
    assert isinstance(old, WordEncoder)
    words = ExpertWordEncoder(old.channels + N_SLOTS, len(old.blocks), len(experts.pairs))
    half = WordHalf(words, summary)
    units = torch.from_numpy(layout.units)
    with torch.no_grad():
        for values in (words.encoder.enter.weight, words.shares.weight):
            values.zero_()
        _select(words.encoder.enter, layout.latent, units)
        _select(words.shares, layout.shares[name], units)
        _copy(words.encoder.enter.bias, old.enter.bias)
        words.encoder.blocks.load_state_dict(old.blocks.state_dict())
        words.encoder.norm.load_state_dict(old.norm.state_dict())
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


def places_among_heads(n_latent: int, n_heads: int) -> Tensor:
    """Return the channels of `ExpertWordEncoder` that hold the latent vector, in its order."""
    width, slots = n_latent // n_heads, N_SLOTS // n_heads
    return torch.cat([torch.arange(width) + head * (width + slots) for head in range(n_heads)])


def _widen(half: WordHalf, trained: Reader, n_latent: int) -> None:
    """Let the wider pooling weigh words as the trained one does."""
    new, old = half.word_pooling, trained.pooling
    at = places_among_heads(n_latent, old.distance.shape[0])
    new.score_in.weight.zero_()
    new.score_in.weight[:, at] = old.score_in.weight
    _copy(new.score_in.bias, old.score_in.bias)
    new.score_out.load_state_dict(old.score_out.state_dict())
    new.distance.copy_(old.distance)
    new.slope.fill_(-20.0)
    new.slope[at] = old.slope


def all_shares(experts: wordexperts.Experts, rows: NDArray[np.int64]) -> Floats:
    """Return (N, S, 40), as `ExpertWordEncoder.all_shares` but by looking pairs up."""
    n_rows = len(experts.word_shares)
    shares = experts.word_shares[rows]
    if len(experts.pairs):
        known = experts.pairs[:, 0] * n_rows + experts.pairs[:, 1]
        met = rows[:, :-1] * n_rows + rows[:, 1:]
        at = np.minimum(np.searchsorted(known, met), len(known) - 1)
        shares[:, 1:] += experts.pair_shares[at] * (known[at] == met)[..., None]
    return shares.transpose(0, 2, 1)


@torch.no_grad()
def latent_of(trained: Reader, windows: NDArray[np.int64]) -> Tensor:
    """Return (N, 3 latent), what the trained half's pooling makes of windows (N, 40)."""
    assert isinstance(trained.words, WordEncoder)
    parts = []
    order = np.argsort(-np.argmax(windows > 0, axis=1), kind="stable")
    for part in np.array_split(windows, len(windows) // 256 + 1):
        width = contract.N_WORDS - int(np.argmax((part > 0).any(axis=0)))
        rows = torch.from_numpy(part[:, -width:])
        latent = wordfast.encoded(trained.words, wordfast.entered(trained, rows), rows > 0)
        parts.append(wordfast.pooled(trained.pooling, latent, rows > 0))
    return torch.cat(parts)[torch.from_numpy(np.argsort(order, kind="stable"))]


def pooled_beside(half: WordHalf, pooled: Tensor, evidence: Tensor, mask: Tensor) -> Tensor:
    """Return what the wider pooling would, (N, 3 W): the evidence is the same for every word that is there."""
    said = functional.pad(evidence * SLOT_SCALE, (0, N_SLOTS - evidence.shape[1])) * mask.any(dim=1, keepdim=True)
    n_heads = half.word_pooling.distance.shape[0]
    slots = said.unflatten(1, (n_heads, -1))  # type: ignore[no-untyped-call]
    parts = []
    for kind, values in enumerate(pooled.chunk(3, dim=1)):
        beside = torch.full_like(slots, 0.01) if kind == 1 else slots
        parts.append(torch.cat((values.unflatten(1, (n_heads, -1)), beside), dim=2).flatten(1, 2))  # type: ignore[no-untyped-call]
    return torch.cat(parts, dim=1)


def _layers(summary: Summary) -> tuple[nn.LayerNorm, nn.Linear]:
    norm, linear = summary.layers[0], summary.layers[2]
    assert isinstance(norm, nn.LayerNorm)
    assert isinstance(linear, nn.Linear)
    return norm, linear


@torch.no_grad()
def mix(
    half: WordHalf, trained: Reader, experts: wordexperts.Experts, windows: NDArray[np.int64], trust: float
) -> None:
    """Set summary and head to the geometric mean of both answers, the experts' by `trust`.

    The layer norm goes over more numbers than before: its mean and spread are brought back by what they are over some
    `windows` (N, 40).
    The trained summary stands first; each class has two units more, x and -x, whose GELU differ by just x.
    """
    assert isinstance(half.words, ExpertWordEncoder)
    mask = torch.from_numpy(windows > 0)
    evidence = half.words.evidence(torch.from_numpy(all_shares(experts, windows)), mask)
    narrow = latent_of(trained, windows)
    wide = pooled_beside(half, narrow, evidence, mask)
    n_heads = half.word_pooling.distance.shape[0]
    n_pooled = wide.shape[1]
    own = places_among_heads(n_pooled // 3 - N_SLOTS, n_heads)
    latent = torch.cat([own + kind * (n_pooled // 3) for kind in range(3)])
    slots = places_of_slots(n_pooled // 3, n_heads)[: evidence.shape[1]]
    old_norm, old_linear = _layers(trained.summary)
    norm, linear = _layers(half.word_summary)
    spread = (wide.var(dim=1, correction=0) + 1e-5).sqrt()
    ratio = float((spread / (narrow.var(dim=1, correction=0) + 1e-5).sqrt()).mean())
    moved = float(((wide.mean(dim=1) - narrow.mean(dim=1)) / spread).mean())
    norm.weight.fill_(1.0)
    norm.bias.zero_()
    norm.weight[latent] = old_norm.weight * ratio
    norm.bias[latent] = old_norm.bias + old_norm.weight * ratio * moved
    n_old, n_classes = old_linear.weight.shape[0], evidence.shape[1]
    linear.weight.zero_()
    linear.bias.zero_()
    linear.weight[:n_old, latent] = old_linear.weight
    linear.bias[:n_old] = old_linear.bias
    half.word_head.weight.zero_()
    half.word_head.weight[:, :n_old] = trained.head.weight * (1.0 - trust)
    half.word_head.bias.copy_(trained.head.bias * (1.0 - trust))
    for c in range(n_classes):
        for sign, unit in ((1.0, n_old + 2 * c), (-1.0, n_old + 2 * c + 1)):
            linear.weight[unit, slots[c]] = sign
            half.word_head.weight[c, unit] = sign * trust * float(spread.mean()) / SLOT_SCALE


def places_of_slots(channels: int, n_heads: int) -> Tensor:
    """Return the channels of `ExpertWordEncoder` that hold evidence, in its order."""
    latent = set(places_among_heads(channels - N_SLOTS, n_heads).tolist())
    return torch.tensor([c for c in range(channels) if c not in latent])


def recency() -> Tensor:
    """Return (kinds + 1, 40) how much a word counts to each expert and to the guess, newest last and 1."""
    age = torch.arange(contract.N_WORDS - 1, -1, -1.0)
    falling = torch.sigmoid((torch.tensor(HALF_AS_MUCH)[:, None] - age) / FADING)
    return falling / falling[:, -1:]


def train(texts: Texts, schedule: loop.Schedule, work: Path, seed: int) -> None:
    """Train one half, fit the experts of each network, and leave `words-NETWORK.pt` on one int8 table in `work`."""
    torch.manual_seed(seed)
    trained = Reader(WordHalf(WordEncoder(128, 2), 128), torch.from_numpy(texts.table.copy()))
    windows = WordWindows(texts)
    trained = stage_words.run(trained, windows, texts, schedule, work, seed).eval()
    experts = {name: wordexperts.fit(texts, windows.marks, n) for name, n in N_PAIRS.items()}
    write(trained, experts, windows, work, seed)


def write(
    trained: Reader, experts: Mapping[str, wordexperts.Experts], windows: WordWindows, work: Path, seed: int
) -> None:
    """Join a trained half with each network's experts and write the states."""
    table, layout = table_of(trained, experts, seed)
    rows, scales = stage_words.quantise(table.astype(np.float64))
    table = np.asarray(rows * scales[:, None], np.float32)
    rng = np.random.default_rng(seed)
    some = windows.rows(rng.choice(windows.training, 1024), rng)
    for name, own in experts.items():
        half = joined(name, trained, own, table, layout, trained.head.in_features + 2 * trained.head.out_features)
        mix(half, trained, own, some, TRUST[name])
        reader = Reader(half, torch.from_numpy(table)).eval()
        offsets = wordoffsets.best(wordoffsets.views(reader, windows.texts, windows.marks))
        print(name, "offsets", offsets.round(1).tolist())
        with torch.no_grad():
            reader.head.bias.copy_(reader.head.bias + torch.from_numpy(offsets))
        print(name, {k: round(v, 3) for k, v in stage_words.judge(reader, windows.texts, windows.marks).items()})
        torch.save({"average": reader.state_dict()}, work / f"words-{name}.pt")
