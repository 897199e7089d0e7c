"""What stands between the recordings and the network in one evaluation: noise, telephone. Drawn from the seed."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from streamer.errors import EmostreamError, UsageError
from streamer.evaluation import disturbance
from streamer.evaluation.manifest import Row
from streamer.evaluation.recordings import heard
from streamer.records import Samples

N_VOICES: Final = 6
"""Voices of babble at once."""
N_KEPT: Final = 40
"""Recordings, of as many speakers as there are, from which the voices are taken."""


class Voices:
    """Recordings that babble is made of, read once."""

    def __init__(self, rows: Sequence[Row], seed: int) -> None:
        order = np.random.default_rng(seed).permutation(len(rows)).tolist()
        turns: dict[str, int] = {}
        queue: list[tuple[int, int]] = []
        for place in order:
            if rows[place].path:
                turns[rows[place].speaker] = turns.get(rows[place].speaker, -1) + 1
                queue.append((turns[rows[place].speaker], place))
        self._kept: list[tuple[Row, Samples]] = []
        for _, place in sorted(queue, key=lambda entry: entry[0]):
            if len(self._kept) == N_KEPT:
                break
            self._keep(rows[place])

    def beside(self, row: Row, rng: np.random.Generator) -> list[Samples]:
        """Return voices of others than the row's speaker, of anybody where it has none; raises UsageError."""
        others = [
            sound
            for kept, sound in self._kept
            if kept.path != row.path and (not row.speaker or kept.speaker != row.speaker)
        ]
        if not others:
            message = "--noise babble is made of other speakers, and the manifest has none; wanted white or a file"
            raise UsageError(message)
        return [others[i] for i in rng.permutation(len(others))[:N_VOICES].tolist()]

    def _keep(self, row: Row) -> None:
        try:
            sound = heard(row.path) if row.path else None
        except EmostreamError:
            return  # it is told when its own turn comes
        if sound is not None and disturbance.speech_power(sound) > disturbance.FAINTEST_POWER:
            self._kept.append((row, sound))


class Room:
    """Puts sound into noise and through a telephone."""

    def __init__(self, noise: str | Samples | Voices | None, snr_db: float, *, telephone: bool) -> None:
        self._noise = noise
        self._snr_db = snr_db
        self._telephone = telephone

    def through(self, sound: Samples, row: Row, rng: np.random.Generator) -> Samples:
        """Return what of the sound arrives; `row` is whose it is."""
        noise = self._background(len(sound), row, rng)
        if noise is not None:
            sound = disturbance.with_noise(sound, noise, self._snr_db)
        return disturbance.telephone(sound) if self._telephone else sound

    def _background(self, n: int, row: Row, rng: np.random.Generator) -> Samples | None:
        if self._noise is None:
            return None
        if isinstance(self._noise, Voices):
            return disturbance.babble(n, self._noise.beside(row, rng), rng)
        if isinstance(self._noise, str):
            return disturbance.white(n, rng)
        return disturbance.looped(self._noise, n, rng)
