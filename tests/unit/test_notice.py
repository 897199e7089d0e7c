"""The notice: once by itself, always when asked, and with both articles of the law."""

from pathlib import Path

from streamer.notice import NOTICE, first_time


def test_it_comes_once(tmp_path: Path) -> None:
    seen = tmp_path / "state" / "seen"
    assert [first_time(seen), first_time(seen), first_time(seen)] == [True, False, False]


def test_it_comes_every_time_where_nothing_can_be_remembered(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert [first_time(tmp_path / "file" / "seen") for _ in range(2)] == [True, True]


def test_it_names_the_law_and_fits_a_terminal() -> None:
    assert "50(3)" in NOTICE
    assert "5(1)(f)" in NOTICE
    assert max(map(len, NOTICE.splitlines())) <= 120
