"""Vosk: words while they are spoken, from a model folder. The only file that imports it; runs in the child only.

Traps, all measured with 0.3.45: a rate that is no number aborts, rate 0 hangs, one recogniser in two threads aborts,
other types than bytes raise, `Model(lang=...)` downloads without a checksum. So: one thread, a fixed rate, a folder.
"""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import vosk

from streamer.engines.wire import Pcm, Words
from streamer.errors import RecogniserError
from streamer.network import contract
from streamer.records import Word

BLOCK_SAMPLES: Final = contract.STREAM_RATE_HZ // 10
"""Sound is handed over in blocks of this length whatever the pieces were, so partial words do not depend on them."""


def make_repeatable(model: Path, into: Path) -> None:
    """Lay out `model` in the empty folder `into` without dither, so that the same sound gives the same words.

    Kaldi adds random noise to the sound before the features unless told not to. The settings are copied with the
    option added, everything else is linked; nothing of the model itself changes.
    """
    for entry in model.iterdir():
        if entry.is_dir() and entry.name == "conf":
            shutil.copytree(entry, into / "conf")
        elif entry.name == "mfcc.conf":
            shutil.copyfile(entry, into / entry.name)
        else:
            (into / entry.name).symlink_to(entry.resolve())
    for conf in (into / "conf" / "mfcc.conf", into / "mfcc.conf"):
        if conf.is_file():
            kept = [line for line in conf.read_text().splitlines() if not line.startswith("--dither=")]
            conf.chmod(0o600)
            conf.write_text("\n".join([*kept, "--dither=0.0", ""]))


class VoskRecogniser:
    """A model, and a fresh Kaldi recogniser for every utterance, so that word times start with it."""

    def __init__(self, folder: Path) -> None:
        vosk.SetLogLevel(-1)
        try:
            self._model = vosk.Model(model_path=str(folder))
        except Exception as error:  # vosk raises nothing narrower
            message = "Vosk cannot load its model folder, which seems to be damaged: install the model again"
            raise RecogniserError(message) from error
        self.begin(0)

    def begin(self, start: int) -> None:
        """Forget everything and hear an utterance whose first sample is at stream position `start`."""
        self._kaldi = vosk.KaldiRecognizer(self._model, contract.STREAM_RATE_HZ)
        self._kaldi.SetWords(True)  # noqa: FBT003 (theirs)
        self._kaldi.SetPartialWords(True)  # noqa: FBT003
        self._start = self._at = start
        self._rest: Pcm = np.zeros(0, np.int16)
        self._settled: tuple[Word, ...] = ()
        self._said: tuple[Word, ...] = ()

    def hear(self, pcm: Pcm, *, more: bool) -> Iterator[Words]:
        """Take the next sound; yield the words so far after each block that changed them."""
        del more  # partial words cost next to nothing here
        sound = np.concatenate((self._rest, pcm))
        n_whole = len(sound) // BLOCK_SAMPLES * BLOCK_SAMPLES
        self._rest = sound[n_whole:]
        for i in range(0, n_whole, BLOCK_SAMPLES):
            words = self._settled + self._accept(sound[i : i + BLOCK_SAMPLES])
            if words != self._said:
                self._said = words
                yield Words(words, self._at, final=False)

    def end(self) -> Words:
        """Return the settled words of the utterance."""
        if len(self._rest):
            self._accept(self._rest)
            self._rest = self._rest[:0]
        self._settle(json.loads(self._kaldi.FinalResult()))
        return Words(self._settled, self._at, final=True)

    def _accept(self, pcm: Pcm) -> tuple[Word, ...]:
        self._at += len(pcm)
        if self._kaldi.AcceptWaveform(pcm.tobytes()):
            # A pause inside the utterance: Kaldi forgets these words, we keep them. Its clock goes on.
            self._settle(json.loads(self._kaldi.Result()))
            return ()
        rows = json.loads(self._kaldi.PartialResult()).get("partial_result", [])
        return rows_to_words(rows, self._start, final=False)

    def _settle(self, result: dict[str, list[dict[str, object]]]) -> None:
        self._settled += rows_to_words(result.get("result", []), self._start, final=True)


def rows_to_words(rows: list[dict[str, object]], start: int, *, final: bool) -> tuple[Word, ...]:
    """Return Kaldi's rows (seconds from `start`) as words; its marks for noise and unknown words are left out."""
    return tuple(
        Word(
            text=str(row["word"]).lower(),
            start=start + round(float(str(row["start"])) * contract.STREAM_RATE_HZ),
            end=start + round(float(str(row["end"])) * contract.STREAM_RATE_HZ),
            confidence=float(str(row.get("conf", 1.0))),
            final=final,
        )
        for row in rows
        if not str(row["word"]).startswith(("<", "["))
    )
