"""The speaker's running mean: what their voice has been like so far, so that who is always loud is not angry.

Causal, and the same in training, live and in `evaluate`. Numbers only: no sound and no words, in memory alone.

An utterance counts once, with the embedding of its last window, and not before the next one begins: what is judged is
never in the mean. One that goes on counts every `MONOLOGUE_SAMPLES` of new sound as well, so that somebody who makes no
pause becomes known, too.
"""

from typing import Final

import numpy as np

from streamer.engines.engine import Embedding
from streamer.network import contract

MONOLOGUE_SAMPLES: Final = 8 * contract.STREAM_RATE_HZ
"""New sound in one utterance that counts by itself (choice: about one picture)."""

SHORTEST_REST_SAMPLES: Final = MONOLOGUE_SAMPLES // 2
"""New sound that the end of a long utterance must hold to count once more: the rest has counted already."""


class SpeakerMean:
    """Mean of one speaker's embeddings, drawn to 0 while little is known."""

    def __init__(self, size: int, prior: float, strength: float, warm_up: int) -> None:
        """Start with nobody; `size` is P.

        After t utterances x_1 ... x_t the mean is `strength` * sum(x_i) / (t + `prior`), and 0 while t < `warm_up`.
        """
        self._prior = prior
        self._strength = strength
        self._warm_up = warm_up
        self._nobody: Embedding = np.zeros(size, np.float32)
        self._nobody.flags.writeable = False
        self.forget()

    def forget(self) -> None:
        """Know nobody, as in the beginning."""
        self._sum = np.zeros(len(self._nobody), np.float64)
        self._counted = 0
        self._utterance: int | None = None
        self._newest = self._nobody
        """Embedding of the last window of the utterance at hand, and where that window ends."""
        self._end = 0
        self._since = 0
        """Up to where the sound of the utterance at hand has counted: its first window's end, if nothing has."""
        self._pieces = 0

    def mean(self, utterance: int) -> Embedding:
        """Return (P,), the mean of all that was finished before `utterance`, or 0 while that is too little."""
        total, counted = self._sum, self._counted
        if self._utterance is not None and utterance != self._utterance and self._rest_counts():
            total, counted = total + self._newest, counted + 1
        if counted == 0 or counted < self._warm_up:
            return self._nobody
        return (self._strength * total / (counted + self._prior)).astype(np.float32)

    def take(self, utterance: int, end: int, embedding: Embedding) -> None:
        """Take what a window sounds like that ends at `end`; its utterance is the one at hand, or a newer one.

        Windows that come late, and embeddings that are no numbers, are passed over.
        """
        if not np.isfinite(embedding).all():
            return
        if self._utterance is None or utterance > self._utterance:
            self._finish()
            self._utterance, self._since, self._pieces = utterance, end, 0
        elif utterance < self._utterance or end <= self._end:
            return
        self._newest, self._end = np.array(embedding, np.float32), end
        if end - self._since >= MONOLOGUE_SAMPLES:
            self._count()

    def _rest_counts(self) -> bool:
        return self._pieces == 0 or self._end - self._since >= SHORTEST_REST_SAMPLES

    def _finish(self) -> None:
        if self._utterance is not None and self._rest_counts():
            self._count()

    def _count(self) -> None:
        self._sum += self._newest
        self._counted += 1
        self._pieces += 1
        self._since = self._end
