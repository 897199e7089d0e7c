"""Who speaks when: the clips of one speaker as the utterances of one stream, as the running mean hears them. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Literal, TypeAlias

import numpy as np

from streamer.evaluation.examples import WINDOW_SAMPLES
from streamer.evaluation.manifest import Row
from streamer.records import Window

Order: TypeAlias = Literal["random", "file"]


def turns(rows: Sequence[Row], order: Order, seed: int) -> list[list[int]]:
    """Return the places of the rows, one list per speaker in the order of speaking; nobody's rows stand alone.

    Random: drawn from the seed and the speaker's first line, so that no other speaker changes it. The file's order
    flatters nobody where it goes by emotion, and is not how people speak.
    """
    streams: dict[str | int, list[int]] = {}
    for place, row in enumerate(rows):
        streams.setdefault(row.speaker or place, []).append(place)
    if order == "file":
        return list(streams.values())
    return [
        [places[i] for i in np.random.default_rng([seed, rows[places[0]].line]).permutation(len(places)).tolist()]
        for places in streams.values()
    ]


def spoken_at(windows: Iterator[Window], utterance: int, start: int) -> Iterator[Window]:
    """Yield the windows of a clip as those of an utterance that begins at `start` in its speaker's stream."""
    for window in windows:
        yield replace(window, utterance=utterance, start=window.start + start, end=window.end + start)


def next_start(end: int) -> int:
    """Return where the next utterance begins: far enough for nothing of the last to be in its windows."""
    return end + WINDOW_SAMPLES
