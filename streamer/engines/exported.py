"""The ONNX form of a model that came without one: exported once, by a process of its own, and kept in the user's cache.

Weights that somebody trained are a model folder without network.onnx. A child does the export, so that torch never
enters the monitor. The file's name holds the hash of what it was made from and its own, and both are checked.
"""

import json
import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import streamer
from streamer.errors import ModelError
from streamer.network import checkpoint
from streamer.network.card import Card

log = logging.getLogger(__name__)

NEEDED = ("torch", "onnx", "onnxscript")
EXPORT_TIMEOUT_S = 600.0


def exported_once(folder: Path, card: Card, cache: Path) -> bytes:
    """Return the ONNX form of the model in `folder`, from `cache` if it lies there; raises ModelError."""
    made_from = key(card)
    kept = _kept(cache, made_from)
    if kept is not None:
        return kept
    check_needs(card.name)
    log.info("model %s comes without network.onnx; exporting it once", card.name)
    content = _export(folder, card.name)
    try:
        cache.mkdir(parents=True, exist_ok=True)
        checkpoint.write_whole(cache / f"{made_from}-{checkpoint.sha256(content)}.onnx", content)
    except OSError as error:
        log.warning("the exported network is not kept, the next start makes it again: %s", error)
    return content


def key(card: Card) -> str:
    """Return a hash of all that decides the exported network."""
    config = json.dumps(card.config, sort_keys=True)
    weights = card.files[checkpoint.WEIGHTS_FILE].sha256
    return checkpoint.sha256(f"{card.network} {config} {' '.join(card.shapes)} {weights}".encode())[:32]


def check_needs(name: str, is_there: Callable[[str], object] = find_spec) -> None:
    """Raise ModelError unless the libraries of the export are installed."""
    missing = [library for library in NEEDED if not is_there(library)]
    if missing:
        message = (
            f"model {name} comes without network.onnx, and to make one {', '.join(missing)} must be installed; "
            "run pip install 'emostream[train]', or choose another model with --model"
        )
        raise ModelError(message)


def _kept(cache: Path, made_from: str) -> bytes | None:
    for path in sorted(cache.glob(f"{made_from}-*.onnx")):
        try:
            content = path.read_bytes()
        except OSError:
            continue
        if path.stem == f"{made_from}-{checkpoint.sha256(content)}":
            return content
        log.warning("%s is damaged and is made again", path)
        path.unlink(missing_ok=True)
    return None


def _export(folder: Path, name: str) -> bytes:
    home = str(Path(streamer.__path__[0]).parent)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (home, os.environ.get("PYTHONPATH"))))}
    with tempfile.TemporaryDirectory(prefix="emostream-") as room:
        target = Path(room) / checkpoint.ONNX_FILE
        command = [sys.executable, "-m", "streamer.network.export", str(folder.absolute()), str(target)]
        try:
            child = subprocess.run(  # noqa: S603  our own module, the paths are arguments of their own
                command, capture_output=True, text=True, env=environment, timeout=EXPORT_TIMEOUT_S, check=False
            )
        except subprocess.TimeoutExpired as error:
            message = f"model {name} was not exported within {EXPORT_TIMEOUT_S:.0f} s; choose another with --model"
            raise ModelError(message) from error
        if child.returncode != 0 or not target.exists():
            said = (child.stderr.strip().splitlines() or ["it said nothing"])[-1]
            message = said if child.returncode == ModelError.exit_code else f"model {name} was not exported: {said}"
            raise ModelError(message)
        return target.read_bytes()
