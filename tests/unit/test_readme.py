"""README.md: its screen is the golden one, its two commands exist, and every option and file that it names is there."""

import re
from dataclasses import fields

import pytest

from streamer.config import keys
from streamer.options import Options
from tools.refresh_readme import README, ROOT, SCREEN, filled

TEXT = README.read_text(encoding="utf-8")


def test_the_screen_is_the_golden_one() -> None:
    screen = SCREEN.read_text(encoding="utf-8")
    assert screen in TEXT, "run: python -m tools.refresh_readme"
    assert filled(TEXT, screen) == TEXT


def test_a_readme_without_a_place_for_the_screen_is_refused() -> None:
    with pytest.raises(ValueError, match="exactly one place"):
        filled("# emostream\n", "screen")


def test_it_opens_with_one_sentence_the_screen_and_two_commands() -> None:
    top = TEXT.split("<!-- screen -->")[0].strip().splitlines()
    assert top[0] == "# emostream"
    assert len([line for line in top[1:] if line]) == 1
    after = TEXT.split("<!-- /screen -->")[1]
    assert re.findall(r"^make \w+", after, re.MULTILINE)[:2] == ["make run", "make test"]


def test_every_option_that_it_names_exists() -> None:
    known = {"--" + field.name.replace("_", "-") for field in fields(Options)} | {"--help", "--version"}
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", TEXT)) - known == set()


def test_every_variable_that_it_names_exists() -> None:
    known = {"EMOSTREAM_" + key.replace(".", "__").upper() for key in keys()}
    named = set(re.findall(r"EMOSTREAM_[A-Z_]+", TEXT)) - {"EMOSTREAM_SECTION__KEY", "EMOSTREAM_MQTT_PASSWORD"}
    assert named - known == set()


def test_every_file_that_it_links_is_there() -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", TEXT) if "://" not in link]
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
