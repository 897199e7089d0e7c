"""Recordings of which the truth is known, made from the clips of the corpora: what the mood's rules are chosen on.

joined    what `emostream evaluate --stream` joins: every clip once, the emotions in random order
talk      one emotion lasts over several clips, 10 to 60 s, as it does when people talk; neutral speech between
calm      neutral speech with an emotional clip now and then

A third of them lies in noise. A third has a recogniser: lines of the text corpora with the label of the clip, spread
over it, known when they have been heard to their end. Voice and words are then independent given the label, which
real speech is not.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from streamer.errors import EmostreamError
from streamer.evaluation import disturbance, examples, joining, manifest
from streamer.evaluation.joining import Clip, Joined
from streamer.evaluation.manifest import NEUTRAL
from streamer.evaluation.recordings import heard
from streamer.network import contract

MOST_CLIPS: Final = 60
"""Clips of one speaker in one recording: nobody shall outweigh all others."""
FEWEST_CLIPS: Final = 5
LASTING_S: Final = (10.0, 60.0)
MOST_TIMES: Final = 2
"""How often one clip may be heard while an emotion lasts."""
NOISY: Final = 0.34
"""Share of recordings that lie in noise."""
WORDED: Final = 0.34
"""Share of recordings in which words are known."""
MOST_WORDS_A_SECOND: Final = 4.0
SNR_DB: Final = (5.0, 20.0)
CALM: Final = 8
"""Neutral clips to an emotional one in calm talk."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much is made."""

    joins: int = 1
    """Recordings of each kind of every speaker."""
    speakers: int | None = None
    """At most so many of each corpus; None: all."""
    clips: int = MOST_CLIPS
    """At most so many of a speaker in one recording."""


@dataclass(frozen=True, slots=True)
class Recording:
    """One recording and where it comes from."""

    kind: str
    corpus: str
    speaker: str
    joined: Joined


def recordings(corpora: Path, split: str, seed: int, size: Size = Size()) -> Iterator[Recording]:
    """Yield recordings of each kind of the speakers of the split who have emotions to show.

    The same seed gives the same sound.
    """
    lines = _lines(corpora, split)
    for place, path in enumerate(sorted(corpora.glob("*/manifest.csv"))):
        read = manifest.read(path)
        if not any(row.split == split for row in read.rows):
            continue
        by_speaker: dict[str, list[manifest.Row]] = {}
        for row in manifest.of_split(read, split):
            by_speaker.setdefault(row.speaker, []).append(row)
        for number, (speaker, rows) in enumerate(list(by_speaker.items())[: size.speakers]):
            for turn in range(size.joins):
                rng = np.random.default_rng([seed, place, number, turn])
                clips = _clips(rows, size.clips, rng)
                if rng.random() < WORDED:
                    clips = [_worded(clip, lines, rng) for clip in clips]
                if len(clips) >= FEWEST_CLIPS:
                    yield from _of_speaker(path.parent.name, speaker, clips, rng)


def _lines(corpora: Path, split: str) -> dict[str, list[str]]:
    """Return what is said under each label in the text corpora."""
    lines: dict[str, list[str]] = {}
    for path in sorted((corpora / "text").glob("*.csv.gz")):
        for row in manifest.read(path).rows:
            if row.split == split and row.emotion in manifest.LABELS:
                lines.setdefault(row.emotion, []).append(row.text)
    return lines


def _worded(clip: Clip, lines: dict[str, list[str]], rng: np.random.Generator) -> Clip:
    """Return the clip with a line that fits its label and length, with punctuation or without."""
    known = lines.get(clip.emotion, [])
    most = int(MOST_WORDS_A_SECOND * len(clip.samples) / contract.STREAM_RATE_HZ)
    plain = bool(rng.random() < 0.5)
    said = examples.spoken_tokens(known[int(rng.integers(len(known)))], plain=plain) if known else []
    return replace(clip, said=tuple(said[:most]))


def _of_speaker(corpus: str, speaker: str, clips: list[Clip], rng: np.random.Generator) -> Iterator[Recording]:
    emotional = [clip for clip in clips if clip.emotion != NEUTRAL]
    neutral = [clip for clip in clips if clip.emotion == NEUTRAL]
    if not emotional:
        return
    made = {"joined": joining.join(clips, rng)}
    if neutral:
        power = float(np.median([disturbance.speech_power(clip.samples) for clip in clips]))
        made["talk"] = joining.laid_out(_lasting(emotional, neutral, rng), power, rng)
        made["calm"] = joining.laid_out(_calm(emotional, neutral, rng), power, rng)
    for kind, joined in made.items():
        yield Recording(kind, corpus, speaker, _in_a_room(joined, rng))


def _clips(rows: Sequence[manifest.Row], most: int, rng: np.random.Generator) -> list[Clip]:
    """Return at most `most` clips of a speaker, drawn at random."""
    clips = []
    for i in rng.permutation(len(rows))[:most].tolist():
        path = rows[i].path
        try:
            sound = heard(path) if path else np.zeros(0, np.float32)
        except EmostreamError:
            continue
        clip = joining.without_margins(Clip(sound, rows[i].emotion))
        if disturbance.speech_power(clip.samples) > disturbance.FAINTEST_POWER:
            clips.append(clip)
    return clips


def _lasting(emotional: list[Clip], neutral: list[Clip], rng: np.random.Generator) -> list[Clip]:
    """Return clips so that each emotion lasts for `LASTING_S`, over and over if need be, neutral ones between."""
    parts: list[Clip] = []
    for emotion in rng.permutation(sorted({clip.emotion for clip in emotional})).tolist():
        parts += _lasting_for(float(rng.uniform(*LASTING_S)), [one for one in emotional if one.emotion == emotion], rng)
        if rng.random() < 0.7:
            parts += _lasting_for(float(rng.uniform(*LASTING_S)) / 2, neutral, rng)
    return parts


def _lasting_for(length_s: float, clips: list[Clip], rng: np.random.Generator) -> list[Clip]:
    parts = [clips[i] for _ in range(MOST_TIMES) for i in rng.permutation(len(clips)).tolist()]
    ends = np.cumsum([len(part.samples) for part in parts])
    return parts[: int(np.searchsorted(ends, length_s * contract.STREAM_RATE_HZ)) + 1]


def _calm(emotional: list[Clip], neutral: list[Clip], rng: np.random.Generator) -> list[Clip]:
    few = [emotional[i] for i in rng.permutation(len(emotional))[: max(1, len(emotional) // 10)].tolist()]
    parts: list[Clip] = []
    for clip in few:
        parts += [neutral[i] for i in rng.integers(len(neutral), size=CALM).tolist()]
        parts.append(clip)
    return parts


def _in_a_room(joined: Joined, rng: np.random.Generator) -> Joined:
    if rng.random() >= NOISY:
        return joined
    noise = disturbance.white(len(joined.samples), rng)
    return replace(joined, samples=disturbance.with_noise(joined.samples, noise, float(rng.uniform(*SNR_DB))))
