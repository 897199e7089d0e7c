"""Where things lie: what the program ships, and the user's own folders. Nothing is read or made here."""

from pathlib import Path

import platformdirs

PACKAGE = Path(__file__).parent

DEMO_RECORDING = PACKAGE / "data" / "demo.flac"
"""The bundled recording; its source and licence lie beside it."""


def model_folders() -> tuple[Path, ...]:
    """Return the folders that hold model folders, the first that has a model wins: the user's, then the shipped ones.

    A wheel carries the shipped models inside the package, a checkout has them beside it.
    """
    inside = PACKAGE / "models"
    shipped = inside if inside.is_dir() else PACKAGE.parent / "models"
    return user_models(), shipped


def user_models() -> Path:
    """Return where models that the user fetched or imported lie."""
    return platformdirs.user_data_path("emostream") / "models"


def log_file() -> Path:
    """Return where the log goes while the dashboard owns the terminal."""
    return platformdirs.user_log_path("emostream") / "emostream.log"


def notice_seen() -> Path:
    """Return the file whose presence says that the notice was shown."""
    return platformdirs.user_state_path("emostream") / "notice-1-seen"
