"""The paper's two networks as they are trained, and the switches and controls of the study.

All share names and shapes of weights with `streamer.network.attention` and `shallow` (but for the ensemble's wider
head), and take pictures cut to their newest columns: what is cut is masked, its features are zero, and zeros are put
back before the dense layers. Cutting saves most of the time where clips are short.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from streamer.network.attention import ALL_1D as ATTENTION_1D
from streamer.network.attention import Attention, AttentionConfig
from streamer.network.layers import DenseHead, attention_over_time, extend, keep, mean_attention
from streamer.network.shallow import ALL_1D as SHALLOW_1D
from streamer.network.shallow import Shallow, ShallowConfig

SYNC_COLUMNS = 3.0
"""Half width at least of a word's place in time, in columns of the paper profile: 0.15 s."""


def whole(maps: Tensor, n_columns: int) -> Tensor:
    """Return (B, K, n_columns): zeros at the left for the columns that were cut off."""
    return functional.pad(maps, (n_columns - maps.shape[2], 0))


class TrainedShallow(Shallow):
    """The baseline; takes cut pictures."""

    def forward(self, picture: Tensor, columns: Tensor, words: Tensor, word_mask: Tensor, word_spans: Tensor) -> Tensor:
        """Return logits (B, 1, C); T may be any multiple of 2^P up to the contract's."""
        del word_spans
        sound, _ = self.sound(picture, columns)  # (B, K, t)
        text, _ = self.words(words, word_mask)  # (B, K, L / 8)
        features = torch.cat((whole(sound, self.sound.n_columns).flatten(1), text.flatten(1)), dim=1)
        logits: Tensor = self.head(features)  # (B, C)
        return logits.unsqueeze(1)


class TrainedAttention(Attention):
    """The attention network; takes cut pictures. Subclasses change one thing each."""

    def bias(self, spans: Tensor, word_mask: Tensor, columns: Tensor) -> Tensor | None:
        """Return what is added to the logits of equation 1, (B, m, n); here nothing."""
        del spans, word_mask, columns
        return None

    def encode(self, batch: tuple[Tensor, ...]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return f (B, K, n) and e (B, K, m) with their masks (B, n) and (B, m)."""
        picture, columns, words, word_mask, _ = batch
        sound, heard = self.sound(picture, columns)
        text, said = self.words(words, word_mask)
        return keep(self.f(sound), heard), heard, keep(self.e(text), said), said

    def weights(self, batch: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        """Return equation 1 (B, m, n) and the weight of every column (B, T)."""
        f, heard, e, said = self.encode(batch)
        bias = self.bias(batch[4], batch[3], batch[1])
        a = attention_over_time(e, f, heard) if bias is None else biased_attention(e, f, heard, bias)
        return a, extend(mean_attention(a, said, heard), 2**self.config.poolings)

    def masks(self, columns: Tensor, word_mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return the masks that the network goes by."""
        return columns, word_mask

    def features(self, batch: tuple[Tensor, ...]) -> Tensor:
        """Return (B, features) of the third CNN."""
        _, per_column = self.weights(batch)
        maps, _ = self.third(batch[0] * per_column.unsqueeze(1), batch[1])
        return whole(maps, self.third.n_columns).flatten(1)

    def forward(self, picture: Tensor, columns: Tensor, words: Tensor, word_mask: Tensor, word_spans: Tensor) -> Tensor:
        """Return logits (B, 1, C)."""
        columns, word_mask = self.masks(columns, word_mask)
        logits: Tensor = self.head(self.features((picture, columns, words, word_mask, word_spans)))
        return logits.unsqueeze(1)


def biased_attention(e: Tensor, f: Tensor, heard: Tensor, bias: Tensor) -> Tensor:
    """Return equation 1 with `bias` (B, m, n) added before the softmax over time."""
    looked_at = heard | ~heard.any(1, keepdim=True)
    logits = e.transpose(1, 2) @ f + bias
    return torch.softmax(logits.masked_fill(~looked_at.unsqueeze(1), -torch.inf), dim=2)


class Unmasked(TrainedAttention):
    """Loss masking off: padding is treated as sound and words."""

    def masks(self, columns: Tensor, word_mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return masks that hold everything."""
        return torch.ones_like(columns), torch.ones_like(word_mask)


class Even(TrainedAttention):
    """Control: attention replaced by 1, so that the words can do nothing."""

    def __init__(self, config: AttentionConfig | None = None) -> None:
        super().__init__(config)
        for part in (self.sound, self.words, self.f, self.e):
            part.requires_grad_(requires_grad=False)

    def weights(self, batch: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        """Return equal weights."""
        columns = batch[1]
        heard = columns.reshape(len(columns), -1, 2**self.config.poolings).any(2).to(batch[0].dtype)
        share = heard / heard.sum(1, keepdim=True).clamp(min=1.0)
        return share.unsqueeze(1), torch.ones(columns.shape, dtype=heard.dtype, device=heard.device)


class Ensemble(TrainedAttention):
    """The paper's remark: the original features beside the attended ones (mean and maximum of f and e over time)."""

    def __init__(self, config: AttentionConfig | None = None) -> None:
        super().__init__(config)
        c = self.config
        n_in = self.third.n_features * self.third.n_columns + 4 * c.kernels
        self.head = DenseHead(n_in, c.dense, c.n_classes, c.dropout)
        for layer in self.head.modules():
            if isinstance(layer, nn.Linear):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                nn.init.zeros_(layer.bias)

    def features(self, batch: tuple[Tensor, ...]) -> Tensor:
        """Return the third CNN's features and the pooled original ones."""
        f, heard, e, said = self.encode(batch)
        per_column = extend(mean_attention(attention_over_time(e, f, heard), said, heard), 2**self.config.poolings)
        maps, _ = self.third(batch[0] * per_column.unsqueeze(1), batch[1])
        parts = [whole(maps, self.third.n_columns).flatten(1)]
        for values, mask in ((f, heard), (e, said)):
            there = mask.unsqueeze(1)
            parts.append(values.sum(2) / there.sum(2).clamp(min=1))  # padding is zero already
            parts.append(torch.where(there.any(2), values.masked_fill(~there, -torch.inf).amax(2), 0.0))
        return torch.cat(parts, dim=1)


class Synced(TrainedAttention):
    """The paper's future work: a word looks where it was said, by a bell around its time added to equation 1."""

    def bias(self, spans: Tensor, word_mask: Tensor, columns: Tensor) -> Tensor | None:
        """Return (B, m, n) from `spans` (B, L, 2) in columns of a whole picture; 0 for groups without a time."""
        side = 2**self.config.poolings
        n_all = self.third.n_columns * 2**self.config.third_poolings
        timed = (word_mask & (spans[..., 1] > 0.0)).reshape(len(spans), -1, side)  # (B, m, side)
        grouped = spans.reshape(len(spans), -1, side, 2)
        start = grouped[..., 0].masked_fill(~timed, torch.inf).amin(2)  # (B, m)
        end = grouped[..., 1].masked_fill(~timed, -torch.inf).amax(2)
        known = timed.any(2)
        middle = torch.where(known, (start + end) / 2.0, 0.0).unsqueeze(2)
        width = torch.where(known, ((end - start) / 2.0).clamp(min=SYNC_COLUMNS), 1.0).unsqueeze(2)
        n_cells = columns.shape[1] // side
        place = (torch.arange(n_cells, device=spans.device) + 0.5) * side + (n_all - columns.shape[1])
        return torch.where(known.unsqueeze(2), -0.5 * ((place - middle) / width).square(), 0.0)


ATTENTIONS: Mapping[str, type[TrainedAttention]] = {
    "plain": TrainedAttention,
    "unmasked": Unmasked,
    "even": Even,
    "ensemble": Ensemble,
    "synced": Synced,
}


def settings(network: str, profile: str, given: Mapping[str, Any]) -> AttentionConfig | ShallowConfig:
    """Return the network's config: `profile` "2-D" or "1-D", then what is given by name.

    Raises: ValueError for an unknown network or profile, TypeError for an unknown key.
    """
    flat: dict[str, tuple[AttentionConfig | ShallowConfig, AttentionConfig | ShallowConfig]] = {
        "attention": (AttentionConfig(), ATTENTION_1D),
        "shallow": (ShallowConfig(), SHALLOW_1D),
    }
    if network not in flat or profile not in ("1-D", "2-D"):
        message = f"found network {network!r} and profile {profile!r}, wanted attention or shallow and 1-D or 2-D"
        raise ValueError(message)
    base = flat[network][profile == "1-D"]
    changed = {key: tuple(v) if isinstance(v, list) else v for key, v in given.items()}
    return type(base)(**(asdict(base) | changed))


def make(config: AttentionConfig | ShallowConfig, variant: str = "plain") -> TrainedAttention | TrainedShallow:
    """Return the network in training form; `variant` is one of ATTENTIONS, shallow knows "plain" only."""
    if isinstance(config, AttentionConfig) and config.even:
        variant = "even"
    if isinstance(config, AttentionConfig) and variant in ATTENTIONS:
        return ATTENTIONS[variant](config)
    if isinstance(config, ShallowConfig) and variant == "plain":
        return TrainedShallow(config)
    message = f"found variant {variant!r}, wanted plain, or for attention one of {', '.join(ATTENTIONS)}"
    raise ValueError(message)
