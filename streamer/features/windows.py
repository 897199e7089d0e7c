"""Sound, speech and words to the windows that the network sees: one per hop, the same for any split of the sound."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from streamer.features.decimate import Decimator
from streamer.features.mel import ColumnMels
from streamer.features.spectrogram import ColumnStream
from streamer.features.speech import BLOCK_SAMPLES, SpeechTimeline
from streamer.features.words import PAUSE_SLOTS, WordVectors, word_matrix
from streamer.network import contract
from streamer.records import Chunk, Mels, Samples, Stage, State, Transcript, Window, Word

RATIO = contract.SAMPLES_PER_PICTURE_SAMPLE


@dataclass(frozen=True, slots=True)
class WindowRules:
    """When the network is asked at all."""

    hop_columns: int = contract.DEFAULT_HOP_COLUMNS
    hangover_s: float = 1.0
    """How long after the last speech the speaker still counts as speaking."""
    min_speech_s: float = 0.6
    """Speech that a window must hold."""


class Ring:
    """The last columns or frames, newest last; what is not yet heard is zero and masked."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self._newest = np.zeros(shape, np.float32)
        self.n_heard = 0

    def push(self, columns: NDArray[np.float32]) -> None:
        """Append (F, n) columns, n at most as many as there are."""
        n = columns.shape[1]
        self._newest = np.concatenate((self._newest[:, n:], columns), axis=1)
        self.n_heard += n

    @property
    def newest(self) -> NDArray[np.float32]:
        """Return the ring's content; it is never written again, so it may be handed on without a copy."""
        return self._newest


class MelRing:
    """The mel frames of the columns in the picture, for a network that takes them."""

    def __init__(self) -> None:
        self._coming = ColumnMels()
        self._ring = Ring(contract.MELS_SHAPE)

    def hear(self, samples: Samples) -> None:
        """Take the samples of which the next columns are made."""
        self._coming.push(samples)

    def push(self, n_columns: int) -> None:
        """Append the frames of the next columns."""
        self._ring.push(self._coming.take(n_columns))

    @property
    def newest(self) -> Mels:
        """Return the frames; never written again."""
        return self._ring.newest


class Transcripts:
    """What has been said, as it was known at any position of the stream."""

    def __init__(self) -> None:
        self._pending: deque[Transcript] = deque()
        self._known: dict[int, Transcript] = {}
        self._revisions: dict[int, int] = {}

    def hear(self, transcript: Transcript) -> None:
        """Take a transcript; it counts for windows that end no earlier than the block in which it became known.

        The recogniser hears whole blocks: what it knows at a position inside one is known when that block is complete,
        and for small chunks that is after windows have gone out that end between the two.
        """
        block_end = -(-transcript.at // BLOCK_SAMPLES) * BLOCK_SAMPLES
        self._pending.append(replace(transcript, at=block_end))

    def advance(self, start: int, end: int) -> None:
        """Learn all that was known at `end`, and forget utterances that ended before `start`."""
        while self._pending and self._pending[0].at <= end:
            new = self._pending.popleft()
            old = self._known.get(new.utterance)
            if (old.words if old else ()) != new.words:
                self._revisions[new.utterance] = self._revisions.get(new.utterance, 0) + 1
            self._known[new.utterance] = new
        newest = max(self._known, default=-1)
        for number in [n for n, t in self._known.items() if n != newest and t.at < start]:
            del self._known[number]
            self._revisions.pop(number, None)

    def revision(self, utterance: int) -> int:
        """Return how often the words of `utterance` have changed."""
        return self._revisions.get(utterance, 0)

    def stage(self, utterance: int) -> Stage:
        """Return what is known of the words of `utterance`."""
        transcript = self._known.get(utterance)
        if transcript is None or not transcript.words:
            return Stage.AUDIO
        return Stage.FINAL if all(word.final for word in transcript.words) else Stage.PARTIAL

    def words(self, start: int, end: int) -> list[Word]:
        """Return the words that touch `start` to `end`, in the order in which they were said."""
        said = [word for number in sorted(self._known) for word in self._known[number].words]
        return [word for word in said if word.end > start and word.start < end]


class Windower:
    """Sound in, windows out; words and speech are looked up by position."""

    def __init__(
        self,
        timeline: SpeechTimeline,
        vectors: WordVectors,
        rules: WindowRules,
        clock: Callable[[], float],
        *,
        with_mels: bool = False,
    ) -> None:
        self._timeline = timeline
        self._vectors = vectors
        self._rules = rules
        self._clock = clock
        self._with_mels = with_mels
        self._transcripts = Transcripts()
        self._arrivals: deque[tuple[int, float]] = deque()
        """End and arrival of the chunks that hold the next window's end."""
        self._why_not: State | None = None
        self._restart(0)

    def hear(self, transcript: Transcript) -> None:
        """Take what the recogniser knows; it shows in the next window."""
        self._transcripts.hear(transcript)

    def words(self) -> list[Word]:
        """Return the words of the newest window."""
        return self._transcripts.words(self._start, self._end)

    def push(self, chunk: Chunk) -> list[Window]:
        """Take sound that the timeline has already seen; return the windows whose last column it completes."""
        began = self._clock()
        samples = self._mend(chunk)
        self._next = chunk.end
        self._arrivals.append((chunk.end, chunk.captured_s))
        self._why_not = State.MUTED if chunk.muted else State.DEVICE_SILENT if chunk.silent_device else None
        return self._add(self._decimator.push(samples), began)

    def finish(self) -> list[Window]:
        """End the stream; return the windows that the decimator's look-ahead still held back."""
        return self._add(self._decimator.flush(), self._clock())

    def _add(self, picture_samples: Samples, began: float) -> list[Window]:
        columns = self._columns.push(picture_samples)
        if self._mels:
            self._mels.hear(picture_samples)
        windows = []
        while columns.shape[1]:
            missing = self._rules.hop_columns - self._ring.n_heard % self._rules.hop_columns
            heard, columns = columns[:, :missing], columns[:, missing:]
            self._ring.push(heard)
            if self._mels:
                self._mels.push(heard.shape[1])
            if self._ring.n_heard % self._rules.hop_columns == 0:
                now = self._clock()
                windows.append(self._window(began))
                began = now
        return windows

    def _restart(self, start: int) -> None:
        self._decimator = Decimator()
        self._columns = ColumnStream()
        self._ring = Ring(contract.PICTURE_SHAPE)
        self._mels = MelRing() if self._with_mels else None
        self._first = self._next = self._start = self._end = start

    def _mend(self, chunk: Chunk) -> Samples:
        """Fill a hole of up to one hop with silence; after a longer one the picture starts anew."""
        hole = chunk.start - self._next
        if hole == 0:
            return chunk.samples
        hop_samples = self._rules.hop_columns * contract.LIVE_STEP_SAMPLES * RATIO
        if 0 < hole <= hop_samples:
            return np.concatenate((np.zeros(hole, np.float32), chunk.samples))
        self._restart(chunk.start)
        return chunk.samples

    def _window(self, began: float) -> Window:
        self._end = end = self._first + contract.samples_of(self._ring.n_heard) * RATIO
        left_edge = end - contract.samples_of(contract.N_COLUMNS) * RATIO
        self._start = start = max(self._first, left_edge)
        n_shown = self._shown(start, end)
        self._transcripts.advance(start, end)
        words = self._transcripts.words(start, end)
        matrix, mask, spans = word_matrix(words, self._vectors, left_edge, end, pause_slots=PAUSE_SLOTS)
        utterance = self._timeline.utterance_at(end)
        return Window(
            picture=self._ring.newest,
            mels=self._mels.newest if self._mels else None,
            columns=np.arange(contract.N_COLUMNS) >= contract.N_COLUMNS - n_shown,
            words=matrix,
            word_mask=mask,
            word_spans=spans,
            start=end - contract.samples_of(n_shown) * RATIO,
            end=end,
            state=self._state(start, end),
            stage=self._transcripts.stage(utterance),
            utterance=utterance,
            revision=self._transcripts.revision(utterance),
            n_words=sum(word.end > word.start for word in words),
            captured_s=self._captured_s(end),
            features_s=self._clock() - began,
        )

    def _shown(self, start: int, end: int) -> int:
        """Return how many of the newest columns count: those of the newest utterances that hold enough speech.

        What was said before a pause may have been felt otherwise; the picture keeps it, the mask takes it away.
        """
        min_samples = int(self._rules.min_speech_s * contract.STREAM_RATE_HZ)
        evidence = self._timeline.evidence_start(start, end, min_samples)
        heard = min(self._ring.n_heard, contract.N_COLUMNS)
        return max(1, min(heard, contract.columns_in((end - evidence) // RATIO)))

    def _state(self, start: int, end: int) -> State:
        if self._why_not:
            return self._why_not
        last_voiced = self._timeline.last_voiced(end)
        if last_voiced is None or end - last_voiced > self._rules.hangover_s * contract.STREAM_RATE_HZ:
            return State.NO_SPEECH
        if self._timeline.voiced_samples(start, end) < self._rules.min_speech_s * contract.STREAM_RATE_HZ:
            return State.TOO_LITTLE
        return State.SPEECH

    def _captured_s(self, end: int) -> float:
        """Return when the last sample of the window was captured: inside a chunk, samples arrived evenly."""
        while len(self._arrivals) > 1 and self._arrivals[0][0] < end:
            self._arrivals.popleft()
        chunk_end, captured_s = self._arrivals[0]
        return captured_s - max(0, chunk_end - end) / contract.STREAM_RATE_HZ
