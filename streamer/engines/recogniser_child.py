"""The program of a recogniser's child process: sound from stdin, words to stdout (`wire` says how), until stdin ends.

A process of its own because native recognisers abort, hang and grow; a child can be killed. Started by `child` as
`python -P -m streamer.engines.recogniser_child SPEC`. Says nothing of what it hears anywhere but on its stdout.
"""

import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any, BinaryIO, Final

from streamer.engines import asr_models, wire
from streamer.engines.recognisers import Recogniser
from streamer.errors import RecogniserError

NICENESS: Final = 5
"""Sound and estimates go first where cores are few."""


def main(arguments: list[str]) -> int:
    """Run until stdin ends; return the exit code."""
    replies = take_stdout()
    try:
        spec = json.loads(arguments[1])
        os.nice(NICENESS)
        recogniser = open_recogniser(spec)
        say(replies, wire.Ready())
        listen(recogniser, sys.stdin.buffer, replies)
    except RecogniserError as error:
        say(replies, wire.Failed(str(error), for_good=True))
        return 1
    except BrokenPipeError:
        return 1  # the monitor has gone
    except Exception as error:  # noqa: BLE001 (the last door of this program)
        # Never the text of the error: it could hold words.
        say(replies, wire.Failed(place_of(error), for_good=False))
        return 1
    return 0


def take_stdout() -> BinaryIO:
    """Return stdout for our replies alone: whatever native code prints goes to stderr from here on."""
    replies = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    return replies


def open_recogniser(spec: dict[str, Any]) -> Recogniser:
    """Check the model's hashes and load it.

    Raises: RecogniserError where starting again cannot help.
    """
    folder = Path(spec["folder"])
    # Only the recogniser that is wanted is imported: the other may not be installed, and each takes its time.
    if spec["engine"] == "vosk":
        asr_models.verify(folder, asr_models.read_manifest(folder))
        from streamer.engines.recognisers.vosk import VoskRecogniser, make_repeatable  # noqa: PLC0415

        if spec["deterministic"]:
            make_repeatable(folder, Path(spec["scratch"]))
            folder = Path(spec["scratch"])
        return VoskRecogniser(folder)
    asr_models.verify(folder, asr_models.WHISPER_SHA256)
    from streamer.engines.recognisers.whisper import WhisperRecogniser  # noqa: PLC0415

    return WhisperRecogniser(folder, lock_step=spec["lock_step"], every_s=spec["partial_every_s"])


def listen(recogniser: Recogniser, sound: BinaryIO, replies: BinaryIO) -> None:
    """Hear piece after piece, answering each with the words it changed and the position heard."""
    utterance: int | None = None
    while (piece := wire.read_piece(sound)) is not None:
        if piece.utterance != utterance:
            recogniser.begin(piece.start)
            utterance = piece.utterance
        for words in recogniser.hear(piece.pcm, more=piece.more):
            say(replies, words)
        if piece.last:
            say(replies, recogniser.end())
            utterance = None
        say(replies, wire.Heard(piece.start + len(piece.pcm)))


def say(replies: BinaryIO, reply: wire.Reply) -> None:
    """Send one reply."""
    line = memoryview(wire.reply_to_line(reply))
    while line:
        line = line[replies.write(line) :]


def place_of(error: Exception) -> str:
    """Return kind and place of `error`, without its text."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f"{Path(frames[-1].filename).name} line {frames[-1].lineno}" if frames else "an unknown place"
    return f"{type(error).__name__} in {where}"


if __name__ == "__main__":
    sys.exit(main(sys.argv))
