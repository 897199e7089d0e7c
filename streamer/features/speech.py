"""From voice probabilities to who speaks when: blocks, utterances, and the pieces of sound that the recogniser gets.

Everything is decided block by block from the past alone, and asked for by stream position, so the answers do not
depend on how the sound was cut into chunks or how far ahead the detector is.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from streamer.network import contract
from streamer.records import Chunk, Samples, SpeechSound

BLOCK_SAMPLES = 512
"""Samples per voice probability: 32 ms, what Silero wants."""

KEPT_S = 20.0
"""How far back speech is remembered: the longest window and some room."""

LEAD_IN_S = 0.3
"""Sound before the detected start that the recogniser also gets: detectors wake late, words begin softly."""

LONGEST_UTTERANCE_S = 30.0
"""A monologue without a pause is cut here, so that ids and transcripts stay bounded."""


@dataclass(frozen=True, slots=True)
class SpeechRules:
    """When a voice probability means speech."""

    enter: float = 0.5
    """Probability from which a block counts as speech."""
    leave: float = 0.35
    """Probability under which a block inside speech counts as silence."""
    enter_blocks: int = 2
    """Blocks in a row that must count before an utterance begins: a click is no utterance."""
    min_silence_s: float = 0.5
    """Silence that ends an utterance."""


@dataclass(frozen=True, slots=True)
class _Block:
    start: int
    end: int
    voiced: bool
    utterance: int


class SpeechTimeline:
    """Cut the stream into blocks, ask the detector for each, and keep who spoke when."""

    def __init__(self, probability: Callable[[Samples], float], rules: SpeechRules | None = None) -> None:
        self._probability = probability
        self._rules = rules or SpeechRules()
        self._blocks: deque[_Block] = deque()
        self._rest: Samples = np.zeros(0, np.float32)
        self._rest_start = 0
        self._lead_in: Samples = np.zeros(0, np.float32)
        self._in_a_row = 0
        self._silence = 0
        self._began = 0
        self._utterance = -1
        self._speaking = False

    def push(self, chunk: Chunk) -> list[SpeechSound]:
        """Take sound; return the pieces of speech that its whole blocks add."""
        sounds = self._after_hole(chunk)
        sound = np.concatenate((self._rest, chunk.samples))
        start = self._rest_start
        n_blocks = len(sound) // BLOCK_SAMPLES
        for i in range(n_blocks):
            block = sound[i * BLOCK_SAMPLES : (i + 1) * BLOCK_SAMPLES]
            sounds += self._push_block(block, start + i * BLOCK_SAMPLES)
        self._rest = sound[n_blocks * BLOCK_SAMPLES :]
        self._rest_start = start + n_blocks * BLOCK_SAMPLES
        return sounds

    def finish(self) -> list[SpeechSound]:
        """End the stream: a running utterance is over, with the sound that made no whole block."""
        if not self._speaking:
            return []
        self._speaking = False
        rest, self._rest = self._rest, np.zeros(0, np.float32)
        return [SpeechSound(self._utterance, self._rest_start, rest, last=True)]

    def voiced_samples(self, start: int, end: int) -> int:
        """Return how many samples of speech lie in whole blocks inside `start` to `end`."""
        return sum(
            min(b.end, end) - max(b.start, start) for b in self._blocks if b.voiced and b.end <= end and b.end > start
        )

    def evidence_start(self, start: int, end: int, min_samples: int) -> int:
        """Return where the newest utterances begin that together hold `min_samples` of speech in `start` to `end`.

        Never before `start`, and `start` itself where all there is holds less; otherwise with the lead-in before the
        first of them.
        """
        heard, began, utterance = 0, start, -1
        for block in reversed(self._blocks):
            if block.end > end or not block.voiced:
                continue
            if block.end <= start or (block.utterance != utterance and heard >= min_samples):
                break
            heard += BLOCK_SAMPLES
            began, utterance = block.start, block.utterance
        if heard < min_samples:
            return start
        return max(start, began - int(LEAD_IN_S * contract.STREAM_RATE_HZ))

    def last_voiced(self, end: int) -> int | None:
        """Return where the last speech up to `end` stopped, or None if none is remembered."""
        return next((b.end for b in reversed(self._blocks) if b.voiced and b.end <= end), None)

    def utterance_at(self, end: int) -> int:
        """Return the number of the newest utterance begun up to `end`, -1 before the first."""
        return next((b.utterance for b in reversed(self._blocks) if b.end <= end), -1)

    def _after_hole(self, chunk: Chunk) -> list[SpeechSound]:
        expected = self._rest_start + len(self._rest)
        if chunk.start == expected:
            return []
        sounds = self.finish()
        self._rest = self._lead_in = np.zeros(0, np.float32)
        self._rest_start = chunk.start
        self._in_a_row = 0
        return sounds

    def _push_block(self, block: Samples, start: int) -> list[SpeechSound]:
        end = start + BLOCK_SAMPLES
        probability = self._probability(block)
        sounds = (
            self._speak_on(block, start, probability) if self._speaking else self._listen(block, start, probability)
        )
        voiced = self._speaking and probability >= self._rules.leave
        self._blocks.append(_Block(start, end, voiced, self._utterance))
        while self._blocks[0].end < end - KEPT_S * contract.STREAM_RATE_HZ:
            self._blocks.popleft()
        return sounds

    def _listen(self, block: Samples, start: int, probability: float) -> list[SpeechSound]:
        lead_in_samples = int(LEAD_IN_S * contract.STREAM_RATE_HZ)
        self._lead_in = np.concatenate((self._lead_in, block))[-lead_in_samples:]
        self._in_a_row = self._in_a_row + 1 if probability >= self._rules.enter else 0
        if self._in_a_row < self._rules.enter_blocks:
            return []
        self._speaking = True
        self._utterance += 1
        self._began = start
        self._in_a_row = self._silence = 0
        samples, self._lead_in = self._lead_in, np.zeros(0, np.float32)
        return [SpeechSound(self._utterance, start + BLOCK_SAMPLES - len(samples), samples, last=False)]

    def _speak_on(self, block: Samples, start: int, probability: float) -> list[SpeechSound]:
        self._silence = self._silence + BLOCK_SAMPLES if probability < self._rules.leave else 0
        over = self._silence >= self._rules.min_silence_s * contract.STREAM_RATE_HZ
        too_long = start + BLOCK_SAMPLES - self._began >= LONGEST_UTTERANCE_S * contract.STREAM_RATE_HZ
        self._speaking = not (over or too_long)
        return [SpeechSound(self._utterance, start, block, last=not self._speaking)]
