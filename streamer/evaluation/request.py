"""What `emostream evaluate` is asked to do: its options, and which of them go together."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal, TypeAlias

from cyclopts import Parameter

from streamer.errors import SourceError, UsageError

Modality: TypeAlias = Literal["sound", "words", "joint"]

MOST_DB: Final = 100.0


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Request:
    """Options of the evaluation."""

    manifest: Annotated[
        Path, Parameter(metavar="FILE", help="CSV or CSV.GZ with the columns emotion and path or text; see the manual.")
    ]
    split: Annotated[str | None, Parameter(metavar="NAME", help="Only rows whose column split says so.")] = None
    model: Annotated[str | None, Parameter(metavar="NAME", help="Model to measure; see models list.")] = None
    modality: Annotated[
        Modality | None,
        Parameter(
            metavar="sound|words|joint", help="What the model gets; without it sound, or words where there is no path."
        ),
    ] = None
    plain_words: Annotated[bool, Parameter(help="Words without case and punctuation, as Vosk gives them.")] = False
    noise: Annotated[
        str | None,
        Parameter(metavar="white|babble|FILE", help="Noise to add, at --snr; babble is the manifest's other speakers."),
    ] = None
    snr: Annotated[float | None, Parameter(metavar="DB", help="How far the noise is under the speech, in dB.")] = None
    codec: Annotated[
        Literal["g711"] | None, Parameter(metavar="g711", help="Through a telephone: 300 to 3400 Hz, mu-law.")
    ] = None
    stream: Annotated[
        bool, Parameter(help="Join the clips of each speaker into one recording and run the monitor on it.")
    ] = False
    order: Annotated[
        Literal["random", "file"],
        Parameter(
            metavar="random|file",
            help="Order of a speaker's clips, as the running mean hears them: drawn, or the file's.",
        ),
    ] = "random"
    json: Annotated[bool, Parameter(name="--json", help="As one JSON document.")] = False
    seed: Annotated[int, Parameter(metavar="N", help="Of the order, noise, joins, intervals and --limit.")] = 0
    limit: Annotated[int | None, Parameter(metavar="N", help="At most so many rows, drawn from the seed.")] = None
    debug: Annotated[bool, Parameter(help="Tracebacks.")] = False


def check(request: Request) -> None:
    """Raise UsageError for options that do not go together, SourceError for a noise that is not there."""
    silent = request.modality == "words"
    if request.noise is not None and request.snr is None:
        message = "--noise is given without --snr; wanted how far it is under the speech in dB, such as --snr 10"
    elif request.snr is not None and request.noise is None:
        message = "--snr is given without --noise; wanted --noise white, babble or a sound file"
    elif request.snr is not None and not -MOST_DB <= request.snr <= MOST_DB:
        message = f"--snr is {request.snr:g}, wanted -{MOST_DB:g} to {MOST_DB:g} dB"
    elif silent and (request.noise is not None or request.codec is not None or request.stream):
        message = "--noise, --codec and --stream change the sound, and --modality words has none; wanted sound or joint"
    elif request.seed < 0:
        message = f"--seed is {request.seed}, wanted 0 or more"
    elif request.limit is not None and request.limit < 1:
        message = f"--limit is {request.limit}, wanted 1 or more rows"
    else:
        _check_noise(request.noise)
        return
    raise UsageError(message)


def _check_noise(noise: str | None) -> None:
    if noise is not None and noise not in {"white", "babble"} and not Path(noise).is_file():
        message = f"--noise is {noise!r}, and there is no such file; wanted white, babble or a sound file"
        raise SourceError(message)
