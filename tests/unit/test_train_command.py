"""What `tools/train.py` refuses, each in one sentence and before any work."""

import sys
from pathlib import Path

import pytest

from tools import train

CONFIGS = Path(__file__).parents[2] / "tools" / "configs"


@pytest.mark.parametrize(
    ("network", "options", "said"),
    [
        (
            "deep",
            ["--stage", "taught", "--corpora", "x"],
            "deep has no stage taught, only tune, read, words, joint, ship",
        ),
        (
            "stream",
            ["--stage", "read", "--corpora", "x", "--vectors", "x"],
            "stream has no stage read, only sound, taught, ",
        ),
        ("stream", ["--corpora", "x"], "stream with --vectors WHEEL besides"),
        ("deep", [], "deep is trained with --corpora DIR"),
        ("deep", ["--stage", "read", "--corpora", "x"], "train: found no --sentences DIR, wanted sentence encoders"),
    ],
)
def test_what_is_missing_is_said_before_any_work(
    network: str, options: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = ["--config", str(CONFIGS / f"{network}.toml"), "--work", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", ["train.py", *config, *options])
    with pytest.raises(SystemExit, match=said):
        train.main()
    assert not list(tmp_path.iterdir())
