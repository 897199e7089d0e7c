"""The command line: reads it, hands a job to `app`, and turns every error into one sentence and an exit code."""

import asyncio
import os
import sys
import traceback
from collections.abc import Sequence
from dataclasses import replace
from difflib import get_close_matches
from importlib import metadata
from pathlib import Path
from typing import Annotated, Final

from cyclopts import App, CycloptsError, Parameter, UnknownOptionError, UnusedCliTokensError

from streamer import commands, config, notice, options, places
from streamer.errors import EmostreamError, UsageError
from streamer.evaluation.request import Request
from streamer.job import Job, Microphone, Recordings, Show
from streamer.logs import logging_to
from streamer.options import Options
from streamer.sinks.dashboard import can_draw
from streamer.stopping import INTERRUPTED, run_until_stopped

COMMANDS: Final = ("devices", "evaluate", "models", "notice")
COMMANDS_TEXT: Final = ", ".join(COMMANDS)

Json = Annotated[bool, Parameter(name="--json", help="As one JSON document.")]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code. The only place where a class of errors becomes a code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in arguments
    try:
        code = command_line()(list(arguments), exit_on_error=False, print_error=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except KeyboardInterrupt:
        return INTERRUPTED
    except CycloptsError as error:
        return told(UsageError(_one_sentence(error)), debug=debug)
    except Exception as error:  # noqa: BLE001 (the outermost door: whatever comes is told in one sentence)
        return told(first_cause(error), debug=debug)


def command_line() -> App:
    """Return the commands, with nothing run yet."""
    quiet = Parameter(negative=(), show_default=False, show_choices=False)
    root = App(
        name="emostream",
        help="Listen to a microphone and show and publish, while people speak, how they sound.",
        version=version,
        default_parameter=quiet,
        help_format="plaintext",
        result_action="return_value",
    )
    models = App(name="models", help="The models that judge and recognise.", default_parameter=quiet)
    root.default(monitor)
    root.command(devices)
    root.command(evaluate)
    root.command(show_notice, name="notice")
    root.command(models)
    models.command(models_list, name="list")
    models.command(models_verify, name="verify")
    models.command(models_pull, name="pull")
    models.command(models_import_vectors, name="import-vectors")
    return root


def version() -> str:
    """Return the version of the installed distribution."""
    return f"emostream {metadata.version('emostream')}"


def monitor(given: Options = Options()) -> int:  # noqa: B008 (frozen)
    """Run the monitor; without options it listens to the default microphone."""
    options.check(given)
    loaded = config.load(given.config, os.environ, options.to_settings(given))
    if given.check_config:
        print(config.listing(loaded))
        return 0
    job = options.to_job(given, loaded.settings, is_terminal=can_draw(sys.stdout, os.environ))
    if given.stdin is not None and sys.stdin.isatty():
        message = "--stdin wants raw sound from a pipe or a file, and standard input is a terminal"
        raise UsageError(message)
    if given.demo_if_no_mic:
        job = _with_demo_if_no_mic(job)
    return _run(job)


def devices(*, json: Json = False) -> int:
    """List the microphones and mark the default."""
    return commands.devices(as_json=json)


def evaluate(request: Request) -> int:
    """Measure a model on recordings or texts whose emotion is known."""
    return commands.evaluate(request, places.model_folders())


def show_notice() -> None:
    """Show the notice on privacy and law."""
    print(notice.NOTICE, end="")


def models_list(*, json: Json = False) -> int:
    """List the models that are here."""
    return commands.models_list(places.model_folders(), as_json=json)


def models_verify(*names: str, json: Json = False) -> int:
    """Check hashes, shapes and numbers of the named models, or of all."""
    return commands.models_verify(places.model_folders(), names, as_json=json)


def models_pull(name: str, /) -> int:
    """Download a recogniser's model, checked against the hash that this program knows."""
    return commands.models_pull(name, places.user_models())


def models_import_vectors(file: Path, /, *, name: str = "", json: Json = False) -> int:
    """Convert word vectors (GloVe text, word2vec text or binary) into a model folder of their own."""
    return commands.models_import_vectors(file, name, places.user_models(), as_json=json)


def _run(job: Job) -> int:
    # Deferred: the pipeline takes a second to load, which --help and a mistyped option need not wait for.
    from streamer import app  # noqa: PLC0415

    log = job.settings.log
    file = Path(log.file).expanduser() if log.file else None
    if file is None and job.show is Show.DASHBOARD:
        file = places.log_file()
    with logging_to(file, log.level, required=bool(log.file), debug=job.debug):
        return asyncio.run(run_until_stopped(lambda stop: app.run(job, stop)))


def _with_demo_if_no_mic(job: Job) -> Job:
    if not isinstance(job.source, Microphone) or commands.has_microphone():
        return job
    print("emostream: no microphone here; playing the bundled recording instead", file=sys.stderr)
    return replace(job, source=Recordings((places.DEMO_RECORDING,), fast=False))


def first_cause(error: BaseException) -> BaseException:
    """Return what went wrong first in a group of tasks, our own errors before foreign ones."""
    leaves = list(_leaves(error))
    return next((leaf for leaf in leaves if isinstance(leaf, EmostreamError)), leaves[0])


def _leaves(error: BaseException) -> list[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        return [leaf for inner in error.exceptions for leaf in _leaves(inner)]
    return [error]


def told(error: BaseException, *, debug: bool) -> int:
    """Tell `error` on standard error in one sentence, and return the exit code."""
    if isinstance(error, BrokenPipeError):  # `emostream --json | head` is no error; the flush at exit must not complain
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    if debug:
        traceback.print_exception(error)
    if isinstance(error, EmostreamError):
        print(f"emostream: {error}", file=sys.stderr)
        return error.exit_code
    place = traceback.extract_tb(error.__traceback__)[-1:]
    where = "".join(f" at {Path(frame.filename).name}:{frame.lineno}" for frame in place)
    print(
        f"emostream: a fault of the program: {type(error).__name__}{where}; --debug shows more to report",
        file=sys.stderr,
    )
    return 1


def _one_sentence(error: CycloptsError) -> str:
    """Return the parser's complaint as one sentence, the nearest that would have been understood included."""
    if isinstance(error, UnusedCliTokensError):
        word = error.unused_tokens[0] if error.unused_tokens else ""
        near = get_close_matches(word, COMMANDS, n=1)
        return f"{word!r} is no command; " + (f"did you mean {near[0]}?" if near else f"commands are {COMMANDS_TEXT}")
    if isinstance(error, UnknownOptionError):
        text = " ".join(str(error).split()).removeprefix("Unknown option: ")
        name, _, hint = text.partition(". ")
        return f"{name.rstrip('.')} is no option; {hint[:1].lower() + hint[1:] if hint else 'see emostream --help'}"
    return " ".join(str(error).split()).rstrip(".") + "; see emostream --help"
