"""The log: ours at its level, libraries from warnings up, each record one harmless line, and nothing left behind."""

import logging
import warnings
from pathlib import Path

import pytest

from streamer.errors import ConfigError
from streamer.logs import logging_to

ours, theirs = logging.getLogger("streamer.somewhere"), logging.getLogger("a_library")


def test_our_lines_follow_the_level_and_go_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    with logging_to(None, "info"):
        ours.info("opened %s", "it")
        ours.debug("unheard")
    assert capsys.readouterr().err == "emostream: INFO: opened it\n"


def test_libraries_speak_from_warnings_up_even_with_debug(capsys: pytest.CaptureFixture[str]) -> None:
    with logging_to(None, "debug", debug=True):
        theirs.info("a spoken word")
        theirs.debug("a spoken word")
        theirs.warning("trouble")
    assert capsys.readouterr().err == "emostream: WARNING: trouble\n"


def test_python_warnings_are_lines_too(capsys: pytest.CaptureFixture[str]) -> None:
    with logging_to(None, "info"), warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=False)
        logging.captureWarnings(capture=True)
        warnings.warn("old", DeprecationWarning, stacklevel=1)
    assert "WARNING" in capsys.readouterr().err


def test_a_name_given_by_a_device_cannot_break_or_colour_the_line(capsys: pytest.CaptureFixture[str]) -> None:
    with logging_to(None, "info"):
        ours.info("opened %r and %s", "x", "evil\n\x1b[31mname")
    assert capsys.readouterr().err == "emostream: INFO: opened 'x' and evil??[31mname\n"


def test_a_traceback_is_kept_only_with_debug(capsys: pytest.CaptureFixture[str]) -> None:
    for debug, wanted in ((False, False), (True, True)):
        with logging_to(None, "info", debug=debug):
            try:
                raise KeyError
            except KeyError:
                ours.exception("failed")
        assert ("Traceback" in capsys.readouterr().err) is wanted


def test_a_file_takes_the_lines_with_their_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "deep" / "x.log"
    with logging_to(file, "info"):
        ours.warning("lost")
    assert capsys.readouterr().err == ""
    time, rest = file.read_text().split(" ", 1)
    assert time.endswith("Z")
    assert rest == "WARNING streamer.somewhere: lost\n"


def test_a_file_that_cannot_be_written_is_refused_if_named_and_done_without_if_not(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"cannot be written .*; name another file as log\.file"):
        logging_to(tmp_path / "file" / "x.log", "info").__enter__()
    with logging_to(tmp_path / "file" / "x.log", "info", required=False):
        ours.warning("nowhere")


def test_everything_is_as_before_afterwards() -> None:
    root = logging.getLogger()
    before = root.level, list(root.handlers), logging.getLogger("streamer").level
    with logging_to(None, "debug"):
        assert root.handlers != before[1]
    assert (root.level, list(root.handlers), logging.getLogger("streamer").level) == before
