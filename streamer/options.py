"""The options of the monitor, as the command line takes them, and what they mean as settings and as a job."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

from cyclopts import Parameter

from streamer.errors import UsageError
from streamer.job import Job, Microphone, RawInput, Recordings, Show
from streamer.places import DEMO_RECORDING
from streamer.settings import Settings

DEMO: Final = "demo"
"""`--wav demo` is the bundled recording; a file of that name is `./demo`."""


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Options:
    """Options of the monitor. Those that are settings stay text until config.py has read them all."""

    mic: Annotated[str | None, Parameter(metavar="NAME|INDEX|default", help="Microphone; see devices.")] = None
    wav: Annotated[
        tuple[str, ...] | None,
        Parameter(
            consume_multiple=(1, None),
            metavar="FILE",
            help="Sound files instead of a microphone; demo is the bundled recording.",
        ),
    ] = None
    stdin: Annotated[
        int | None,
        Parameter(metavar="HZ", help="Raw signed 16-bit mono sound from standard input, at this rate in Hz."),
    ] = None
    fast: Annotated[
        bool, Parameter(help="With --wav or --stdin: as fast as it can be processed, not in real time.")
    ] = False
    json: Annotated[bool, Parameter(name="--json", help="One estimate per line to standard output.")] = False
    no_dashboard: Annotated[bool, Parameter(help="Plain lines instead of the dashboard.")] = False
    mqtt: Annotated[
        str | None, Parameter(metavar="URL", help="Publish to this broker: mqtt://HOST[:PORT] or mqtts://HOST[:PORT].")
    ] = None
    broker: Annotated[
        Literal["embedded"] | None, Parameter(metavar="embedded", help="Start a broker for programs on this machine.")
    ] = None
    node: Annotated[str | None, Parameter(metavar="NAME", help="This monitor's name in the topics.")] = None
    stream: Annotated[str | None, Parameter(metavar="NAME", help="The sound's name in the topics.")] = None
    publish_transcript: Annotated[bool, Parameter(help="Publish the spoken words, too.")] = False
    allow_plaintext: Annotated[bool, Parameter(help="Allow an unencrypted broker on another machine.")] = False
    ca_file: Annotated[
        str | None, Parameter(metavar="FILE", help="PEM file of the authority behind the broker's certificate.")
    ] = None
    model: Annotated[str | None, Parameter(metavar="NAME", help="Model to judge with; see models list.")] = None
    device: Annotated[str | None, Parameter(metavar="auto|cpu|cuda", help="Where it runs.")] = None
    asr: Annotated[str | None, Parameter(metavar="auto|vosk|whisper|none", help="Recogniser.")] = None
    vosk_model: Annotated[str | None, Parameter(metavar="DIR", help="Folder of a Vosk model.")] = None
    chunk_ms: Annotated[str | None, Parameter(metavar="MS", help="Length of the pieces of sound, 5 to 1000.")] = None
    config: Annotated[Path | None, Parameter(metavar="FILE", help="File of settings.")] = None
    check_config: Annotated[bool, Parameter(help="Show every setting in force and where it comes from, then stop.")] = (
        False
    )
    demo_if_no_mic: Annotated[
        bool, Parameter(help="Where there is no microphone, play the bundled recording instead.")
    ] = False
    debug: Annotated[bool, Parameter(help="Tracebacks, and log lines of every level.")] = False


def to_settings(options: Options) -> dict[str, tuple[str, str | bool]]:
    """Return what the options set: key -> (option as typed, value)."""
    texts = {
        "source.mic": ("--mic", options.mic),
        "source.chunk_ms": ("--chunk-ms", options.chunk_ms),
        "recogniser.engine": ("--asr", options.asr),
        "recogniser.vosk_model": ("--vosk-model", options.vosk_model),
        "model.name": ("--model", options.model),
        "model.device": ("--device", options.device),
        "mqtt.url": ("--mqtt", options.mqtt),
        "mqtt.node": ("--node", options.node),
        "mqtt.stream": ("--stream", options.stream),
        "mqtt.ca_file": ("--ca-file", options.ca_file),
    }
    switches = {
        "dashboard.enabled": ("--no-dashboard", options.no_dashboard, False),
        "mqtt.embedded": ("--broker", options.broker is not None, True),
        "mqtt.transcript": ("--publish-transcript", options.publish_transcript, True),
        "mqtt.allow_plaintext": ("--allow-plaintext", options.allow_plaintext, True),
    }
    given: dict[str, tuple[str, str | bool]] = {
        **{key: (name, text) for key, (name, text) in texts.items() if text is not None},
        **{key: (name, value) for key, (name, is_on, value) in switches.items() if is_on},
    }
    if options.mqtt is not None and options.broker is None:
        given["mqtt.embedded"] = ("--mqtt", False)
    if options.broker is not None and options.mqtt is None:
        given["mqtt.url"] = ("--broker", "")
    return given


def check(options: Options) -> None:
    """Raise UsageError for options that do not go together."""
    sources = [("--mic", options.mic), ("--wav", options.wav), ("--stdin", options.stdin)]
    given = [name for name, value in sources if value is not None]
    if len(given) > 1:
        message = f"{' and '.join(given)} are given together; wanted one source of sound"
    elif options.fast and options.wav is None and options.stdin is None:
        message = "--fast is given without --wav or --stdin; a microphone cannot be heard faster than it sounds"
    elif options.stdin is not None and options.stdin <= 0:
        message = f"--stdin is {options.stdin}, wanted the rate of the sound in Hz, such as 16000"
    else:
        return
    raise UsageError(message)


def to_job(options: Options, settings: Settings, *, is_terminal: bool) -> Job:
    """Return the job; `is_terminal` says whether standard output is one."""
    source: Microphone | Recordings | RawInput = Microphone(str(settings.source.mic))
    if options.wav is not None:
        source = Recordings(tuple(DEMO_RECORDING if name == DEMO else Path(name) for name in options.wav), options.fast)
    elif options.stdin is not None:
        source = RawInput(options.stdin, options.fast)
    paced = not isinstance(source, Recordings | RawInput) or not source.fast
    show = Show.DASHBOARD if settings.dashboard.enabled and is_terminal and paced else Show.LINES
    return Job(settings, source, Show.JSON if options.json else show, options.debug)
