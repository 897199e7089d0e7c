"""The small commands: devices, evaluate and models. Each prints its answer and returns an exit code."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

from streamer.engines import asr_download
from streamer.errors import ModelError
from streamer.evaluation import request as requests
from streamer.network import checkpoint
from streamer.network.checkpoint import Entry
from streamer.network.entries import CheckpointError
from streamer.settings import Settings
from streamer.sources import portaudio
from streamer.vectors_import import import_vectors

MOST_ROWS: Final = 400_000
"""Rows of a file of word vectors that are read: files are sorted by how common a word is."""


def has_microphone() -> bool:
    """Return whether there is any input device."""
    return bool(portaudio.list_devices())


def devices(*, as_json: bool) -> int:
    """Print the input devices, the default one marked."""
    found = portaudio.list_devices()
    if as_json:
        print(json.dumps([asdict(device) for device in found], indent=1))
        return 0
    for device in found:
        mark = "*" if device.default else " "
        print(f"{mark} {device.index:3}  {device.name}  ({device.channels} in, {device.rate_hz} Hz, {device.host_api})")
    print("* is the default" if found else "no input device was found; plug in a microphone")
    return 0


def evaluate(request: requests.Request, folders: Sequence[Path]) -> int:
    """Measure a model on a manifest and print the figures.

    Raises: UsageError, SourceError or ModelError where the request, the manifest or the model does not allow it.
    """
    requests.check(request)
    # Deferred: networks and sound libraries take half a second to load, which the other commands need not wait for.
    from streamer.evaluation import progress, sheet, study  # noqa: PLC0415

    with progress.progress("evaluate", shown=not request.json) as step:
        document = study.evaluate(request, folders, Settings().model.name, step=step)
    print(json.dumps(document, indent=1, allow_nan=False) + "\n" if request.json else sheet.sheet(document), end="")
    return 0


def models_list(folders: Sequence[Path], *, as_json: bool) -> int:
    """Print the models in `folders`; one that cannot be read is listed with the reason."""
    found = checkpoint.installed(folders)
    if as_json:
        print(json.dumps([_model(entry) for entry in found], indent=1))
        return 0
    for entry in found:
        about = _model(entry)
        if entry.card is None:
            print(f"{entry.name}  damaged: {entry.problem}")
        else:
            print(f"{entry.name}  network {about['network']}, {entry.card.licence}, {about['bytes']} bytes")
    if not found:
        print(f"no models in {_places(folders)}")
    return 0


def models_verify(folders: Sequence[Path], names: Sequence[str], *, as_json: bool) -> int:
    """Check every file of the named models, or of all; the first damage of each is printed, and the code is 3.

    Raises: ModelError where a named model, or any model, is not there.
    """
    found = {entry.name: entry.folder for entry in checkpoint.installed(folders)}
    unknown = [name for name in names if name not in found]
    if unknown or not found:
        message = f"there is no model {', '.join(unknown)}".rstrip() + f" in {_places(folders)}"
        raise ModelError(message + (f"; there are {', '.join(found)}" if found else "; install emostream again"))
    problems = {name: _problem(found[name]) for name in names or found}
    if as_json:
        print(json.dumps([{"name": name, "problem": problem} for name, problem in problems.items()], indent=1))
    else:
        for name, problem in problems.items():
            print(f"{name}  {problem or 'is as its card says'}")
    return ModelError.exit_code if any(problems.values()) else 0


def models_pull(name: str, parent: Path) -> int:
    """Download a recogniser's model into `parent`, checked against the pinned hash."""
    print(f"{asr_download.pull(name, parent)}  {asr_download.DOWNLOADS[name].licence}")
    return 0


def models_import_vectors(file: Path, name: str, parent: Path, *, as_json: bool) -> int:
    """Convert a file of word vectors into a model folder in `parent`."""
    made = import_vectors(file, parent / (name or file.name.split(".")[0]), MOST_ROWS)
    if as_json:
        print(json.dumps({"folder": str(made.folder), "rows": made.rows, "passed_over": made.passed_over}))
    else:
        print(f"{made.folder}  {made.rows} words, {made.passed_over} passed over")
    return 0


def _model(entry: Entry) -> dict[str, object]:
    card = entry.card
    return {
        "name": entry.name,
        "folder": str(entry.folder),
        "network": card.network if card else None,
        "licence": card.licence if card else None,
        "bytes": sum(note.bytes for note in card.files.values()) if card else None,
        "problem": entry.problem,
    }


def _problem(folder: Path) -> str | None:
    try:
        checkpoint.verify(folder)
    except CheckpointError as error:
        return str(error)
    return None


def _places(folders: Sequence[Path]) -> str:
    return " or ".join(map(str, folders))
