"""A model folder on disk: weights.safetensors, card.json, and what was exported of it. Nothing is unpickled.

Whatever is read is checked first: size, SHA-256, number of tensors, their shapes, that they are finite. Needs no torch,
so that the monitor can check a model without loading it. Never downloads.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray
from safetensors import SafetensorError

from streamer.network.card import SCHEMA, Card, FileNote, Shapes, card_from_json, card_to_json, shape_text
from streamer.network.entries import CheckpointError

CARD_FILE: Final = "card.json"
WEIGHTS_FILE: Final = "weights.safetensors"
ONNX_FILE: Final = "network.onnx"
CACHED_STEP: Final = "cached-step.onnx"
CACHED_WORDS: Final = "cached-words.onnx"
CACHED_HEADS: Final = "cached-heads.onnx"
CACHED_FILES: Final = (CACHED_STEP, CACHED_WORDS, CACHED_HEADS)
"""The parts of a network's cached form, where it has one; see streamer.network.cached."""

CARD_CAP_BYTES: Final = 1 << 20
FILE_CAP_BYTES: Final = 1 << 29
"""512 MiB: ten times the largest network of the paper."""
TENSOR_CAP: Final = 4096
LENGTH_BYTES: Final = 8
"""A safetensors file opens with the length of its JSON header."""
HEADER_CAP_BYTES: Final = 1 << 20

Tensors = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Entry:
    """One model folder as it was found; either its card could be read, or `problem` says why not."""

    name: str
    folder: Path
    card: Card | None
    problem: str | None


def write(
    folder: Path, card: Card, tensors: Tensors, onnx: bytes | None = None, cached: Mapping[str, bytes] | None = None
) -> Card:
    """Write a model into `folder`, made if need be, and return the card with hashes and shapes filled in.

    `onnx` is the exported network, `cached` holds the parts of its cached form by the names of `CACHED_FILES`.
    Every file is put in place whole, the card last. Raises CheckpointError if the card or the weights would be refused.
    """
    weights = safetensors.numpy.save({name: np.array(tensor, order="C") for name, tensor in tensors.items()})
    files = {WEIGHTS_FILE: weights} | ({} if onnx is None else {ONNX_FILE: onnx}) | dict(cached or {})
    card = replace(
        card,
        tensors={name: tensors[name].shape for name in sorted(tensors)},
        files={name: FileNote(sha256(content), len(content)) for name, content in files.items()},
    )
    written = card_to_json(card)
    card = card_from_json(written, f"the card of model {card.name}")
    check_finite(tensors, f"model {card.name}")
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in (files | {CARD_FILE: written}).items():
        write_whole(folder / name, content)
    for stale in {ONNX_FILE, *CACHED_FILES} - files.keys():
        (folder / stale).unlink(missing_ok=True)
    return card


def read_card(folder: Path) -> Card:
    """Read and check the card of a model folder."""
    card = card_from_json(_bytes_of(folder / CARD_FILE, CARD_CAP_BYTES), str(folder / CARD_FILE))
    if WEIGHTS_FILE not in card.files:
        message = f"{folder / CARD_FILE} lists no {WEIGHTS_FILE}; install or train the model again"
        raise CheckpointError(message)
    return card


def read_file(folder: Path, card: Card, name: str) -> bytes:
    """Read one file of the model, and check it against size and hash of the card."""
    note = card.files[name]
    content = _bytes_of(folder / name, min(FILE_CAP_BYTES, note.bytes))
    found = sha256(content)
    if found != note.sha256:
        message = (
            f"{folder / name} has SHA-256 {found[:12]}…, but its card says {note.sha256[:12]}…: "
            "the file is damaged or not the one that was trained; install the model again"
        )
        raise CheckpointError(message)
    return content


def read_tensors(folder: Path, card: Card) -> dict[str, NDArray[Any]]:
    """Read the weights: checked against the card in size, hash, names and shapes, and finite."""
    where = str(folder / WEIGHTS_FILE)
    content = read_file(folder, card, WEIGHTS_FILE)
    check_shapes(_header_shapes(content, where), card.tensors, where, "its card")
    try:
        tensors = safetensors.numpy.load(content)
    except (SafetensorError, KeyError, ValueError) as error:
        raise _damaged(where, str(error)) from error
    check_finite(tensors, where)
    return tensors


def read_onnx(folder: Path, card: Card) -> bytes | None:
    """Read the exported network, checked against the card; None if the model comes without one."""
    return read_file(folder, card, ONNX_FILE) if ONNX_FILE in card.files else None


def read_cached(folder: Path, card: Card) -> dict[str, bytes]:
    """Read the parts of the cached form by name, checked against the card; none if the model comes without one."""
    if not card.files.keys() >= set(CACHED_FILES):
        return {}
    return {name: read_file(folder, card, name) for name in CACHED_FILES}


def verify(folder: Path) -> Card:
    """Check everything that can be checked without torch, and return the card."""
    card = read_card(folder)
    read_tensors(folder, card)
    read_onnx(folder, card)
    read_cached(folder, card)
    return card


def installed(folders: Iterable[Path]) -> tuple[Entry, ...]:
    """Return the models in `folders`, in their order, each name where it is found first; other data is passed over."""
    entries: dict[str, Entry] = {}
    for parent in folders:
        for path in sorted(parent.glob(f"*/{CARD_FILE}")):
            if path.parent.name not in entries and _is_model_card(path):
                entries[path.parent.name] = _entry(path.parent)
    return tuple(entries.values())


def check_shapes(found: Shapes, wanted: Shapes, where: str, who: str) -> None:
    """Raise CheckpointError, naming the layer, unless the tensors are those that `who` wants."""
    for name in sorted(wanted.keys() | found.keys()):
        if name not in found:
            raise CheckpointError(_layer(where, name, "is missing", who, f"wants {shape_text(wanted[name])}"))
        is_shape = f"is {shape_text(found[name])}"
        if name not in wanted:
            raise CheckpointError(_layer(where, name, is_shape, who, "has no such layer"))
        if found[name] != wanted[name]:
            raise CheckpointError(_layer(where, name, is_shape, who, f"wants {shape_text(wanted[name])}"))


def check_finite(tensors: Tensors, where: str) -> None:
    """Raise CheckpointError if any number of any tensor is infinite or none at all."""
    for name, tensor in tensors.items():
        if tensor.dtype.kind == "f" and not np.isfinite(tensor).all():
            message = f"{where}: layer {name} holds numbers that are not finite; train or install the model again"
            raise CheckpointError(message)


def sha256(content: bytes) -> str:
    """Return the SHA-256 of `content` in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def write_whole(path: Path, content: bytes) -> None:
    """Put a file in place so that no reader ever sees half of it."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(content)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _bytes_of(path: Path, cap_bytes: int) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(cap_bytes + 1)
    except OSError as error:
        message = f"{path} cannot be read ({error.strerror}); install the model again"
        raise CheckpointError(message) from error
    if len(content) > cap_bytes:
        raise _damaged(str(path), f"it is larger than the {cap_bytes} bytes it may have")
    return content


def _header_shapes(content: bytes, where: str) -> dict[str, tuple[int, ...]]:
    """Return the shapes that a safetensors file announces, before anything is made."""
    n_header = int.from_bytes(content[:LENGTH_BYTES], "little")
    if n_header > min(HEADER_CAP_BYTES, len(content) - LENGTH_BYTES):
        raise _damaged(where, f"its header claims {n_header} bytes")
    try:
        header: dict[str, Any] = json.loads(content[LENGTH_BYTES : LENGTH_BYTES + n_header])
        header.pop("__metadata__", None)
        shapes = {str(name): tuple(int(side) for side in note["shape"]) for name, note in header.items()}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise _damaged(where, "its header is not that of a safetensors file") from error
    if len(shapes) > TENSOR_CAP:
        raise _damaged(where, f"it holds {len(shapes)} tensors, and {TENSOR_CAP} at most are read")
    return shapes


def _is_model_card(path: Path) -> bool:
    """Say whether a card is one of a network; word vectors have cards too. What cannot be read may be one."""
    try:
        card = json.loads(_bytes_of(path, CARD_CAP_BYTES))
    except (CheckpointError, ValueError, RecursionError):
        return True
    return not isinstance(card, dict) or str(card.get("schema", SCHEMA)).startswith(SCHEMA.split("/")[0] + "/")


def _entry(folder: Path) -> Entry:
    try:
        return Entry(folder.name, folder, read_card(folder), None)
    except CheckpointError as error:
        return Entry(folder.name, folder, None, str(error))


def _damaged(where: str, what: str) -> CheckpointError:
    return CheckpointError(f"{where} is damaged ({what}); install the model again")


def _layer(where: str, name: str, found: str, who: str, wanted: str) -> str:
    return f"{where}: layer {name} {found}, but {who} {wanted}; install or train the model again"
