"""Where log lines go: standard error, or a file while the dashboard owns the terminal.

Only our own loggers follow the level that is set. Those of libraries speak from "warning" up whatever the level, since
nobody promises that their lower levels never hold a spoken word.
"""

import logging
import logging.handlers
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from streamer.errors import ConfigError

OURS: Final = "streamer"
FILE_PATTERN: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"
FILE_CAP_BYTES: Final = 1_000_000
FILES_KEPT: Final = 3


class OneLine(logging.Formatter):
    """A record as one printable line; a traceback follows only where it was asked for."""

    def __init__(self, pattern: str, *, tracebacks: bool) -> None:
        super().__init__(pattern)
        self._tracebacks = tracebacks

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; what a device or broker named itself cannot break it or colour it."""
        record.message = record.getMessage()
        record.asctime = f"{datetime.fromtimestamp(record.created, UTC):%Y-%m-%dT%H:%M:%SZ}"
        line = "".join(letter if letter.isprintable() else "?" for letter in self.formatMessage(record))
        if record.exc_info and self._tracebacks:
            line += "\n" + self.formatException(record.exc_info)
        return line


@contextmanager
def logging_to(file: Path | None, level: str, *, required: bool = True, debug: bool = False) -> Iterator[None]:
    """Send log lines to `file`, or to standard error where it is None, until the block is left.

    `debug` adds tracebacks and our own lines of every level.
    Raises: ConfigError if the file cannot be written; where it is not `required` there is no log then.
    """
    handler = _stderr_handler() if file is None else _file_handler(file, required=required)
    pattern = "emostream: %(levelname)s: %(message)s" if file is None else FILE_PATTERN
    handler.setFormatter(OneLine(pattern, tracebacks=debug))
    root, ours = logging.getLogger(), logging.getLogger(OURS)
    before = root.level, ours.level
    root.setLevel(logging.WARNING)
    ours.setLevel(logging.DEBUG if debug else level.upper())
    logging.captureWarnings(capture=True)
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
        handler.close()
        logging.captureWarnings(capture=False)
        root.setLevel(before[0])
        ours.setLevel(before[1])


def _stderr_handler() -> logging.Handler:
    return logging.StreamHandler(sys.stderr)


def _file_handler(file: Path, *, required: bool) -> logging.Handler:
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        return logging.handlers.RotatingFileHandler(
            file, maxBytes=FILE_CAP_BYTES, backupCount=FILES_KEPT, encoding="utf-8"
        )
    except OSError as error:
        if not required:
            return logging.NullHandler()
        message = f"the log cannot be written to {file} ({error.strerror}); name another file as log.file"
        raise ConfigError(message) from error
