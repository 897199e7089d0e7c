"""Where log lines go: standard error, or a file and a short ring while the dashboard owns the terminal.

Only our own loggers follow the level that is set. Those of libraries speak from "warning" up whatever the level, since
nobody promises that their lower levels never hold a spoken word.
"""

import logging
import logging.handlers
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from streamer.errors import ConfigError

OURS: Final = "streamer"
RING_LINES: Final = 50
FILE_CAP_BYTES: Final = 1_000_000
FILES_KEPT: Final = 3


class Ring(logging.Handler):
    """The last log lines, for a panel."""

    def __init__(self, capacity: int = RING_LINES) -> None:
        super().__init__()
        self._lines: deque[str] = deque(maxlen=capacity)

    @property
    def lines(self) -> tuple[str, ...]:
        """Oldest first."""
        return tuple(self._lines)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one line."""
        self._lines.append(self.format(record))


class OneLine(logging.Formatter):
    """A record as one printable line; a traceback follows only where it was asked for."""

    converter = time.gmtime
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    def __init__(self, pattern: str, *, tracebacks: bool) -> None:
        super().__init__(pattern)
        self._tracebacks = tracebacks

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; what a device or broker named itself cannot break it or colour it."""
        record.message = record.getMessage()
        record.asctime = self.formatTime(record)
        line = "".join(letter if letter.isprintable() else "?" for letter in self.formatMessage(record))
        if record.exc_info and self._tracebacks:
            line += "\n" + self.formatException(record.exc_info)
        return line


@contextmanager
def logging_to(file: Path | None, level: str, *, ring_only: bool = False, debug: bool = False) -> Iterator[Ring]:
    """Send log lines to `file`, or to standard error, and to the ring that is returned, until the block is left.

    `ring_only` keeps them off standard error where there is no file, because somebody paints there.
    Raises: ConfigError if the file cannot be written.
    """
    ring = Ring()
    ring.setFormatter(OneLine("%(levelname)s %(message)s", tracebacks=False))
    handlers: list[logging.Handler] = [ring]
    if file is not None:
        handlers.append(_file_handler(file))
        handlers[-1].setFormatter(OneLine("%(asctime)s %(levelname)s %(name)s: %(message)s", tracebacks=debug))
    elif not ring_only:
        handlers.append(logging.StreamHandler(sys.stderr))
        handlers[-1].setFormatter(OneLine("emostream: %(levelname)s: %(message)s", tracebacks=debug))
    root, ours = logging.getLogger(), logging.getLogger(OURS)
    before = root.level, ours.level
    root.setLevel(logging.WARNING)
    ours.setLevel(logging.DEBUG if debug else level.upper())
    logging.captureWarnings(capture=True)
    for handler in handlers:
        root.addHandler(handler)
    try:
        yield ring
    finally:
        for handler in handlers:
            root.removeHandler(handler)
            handler.close()
        logging.captureWarnings(capture=False)
        root.setLevel(before[0])
        ours.setLevel(before[1])


def _file_handler(file: Path) -> logging.Handler:
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        return logging.handlers.RotatingFileHandler(
            file, maxBytes=FILE_CAP_BYTES, backupCount=FILES_KEPT, encoding="utf-8", delay=False
        )
    except OSError as error:
        message = f"the log cannot be written to {file} ({error.strerror}); name another file as log.file"
        raise ConfigError(message) from error
