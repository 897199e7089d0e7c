"""Slow proof, `make proofs`: from files as CMU-MOSEI is published to the report of the study, by the commands alone."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.harness import mosei_files
from tests.house import ROOT

KINDS = mosei_files.PUBLISHED[1:]
VIDEOS = {"train": 12, "valid": 4, "test": 6}
SEGMENT_S, GAP_S = 1.5, 0.1
ENVIRONMENT = {name: value for name, value in os.environ.items() if name not in ("WORLD_SIZE", "RANK", "LOCAL_RANK")}


def write_published(folder: Path) -> int:
    """Write videos of eight segments: one of each emotion, one of none, one with a tie; return how many there are."""
    rng = np.random.default_rng(0)
    videos, folds = [], {}
    for split, n_videos in VIDEOS.items():
        for number in range(n_videos):
            name = f"{split}{number:06d}"
            segments, words, tones = [], [], []
            for at, kind in enumerate((*KINDS, "none", "tie")):
                start = at * (SEGMENT_S + GAP_S)
                said = {"none": {}, "tie": {"happy": 1.0, "sad": 1.0}}.get(kind, {kind: float(rng.integers(1, 4))})
                segments.append((start, start + SEGMENT_S, said))
                words += [(f"word{kind}", start + 0.1, start + 0.5), ("sp", start + 0.5, start + 0.6)]
                words += [(f"filler{int(rng.integers(9))}", start + 0.6, start + 1.2)]
                tones.append((start, start + SEGMENT_S, 300.0 + 300.0 * at))
            videos.append(mosei_files.Video(name, segments, words))
            folds[name] = split
            mute = number == 0  # one video of each split comes without its sound
            if not mute:
                mosei_files.write_tones(folder / "wav" / f"{name}.wav", 8 * (SEGMENT_S + GAP_S), tones)
    mosei_files.write(folder / "csd", videos)
    mosei_files.write_folds(folder / "csd" / "folds.csv", folds)
    return len(videos)


def run(*arguments: str | Path) -> str:
    done = subprocess.run(
        [sys.executable, *map(str, arguments)], cwd=ROOT, env=ENVIRONMENT, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.timeout(3_600)
def test_the_study_on_cmu_mosei_from_its_files_to_its_report(tmp_path: Path) -> None:
    n_videos = write_published(tmp_path)
    out, report = tmp_path / "prepared", tmp_path / "report"
    summary = json.loads(
        run("tools/prepare_mosei.py", "--csd", tmp_path / "csd", "--audio", tmp_path / "wav", "--out", out, "--json")
    )
    assert (summary["videos"], summary["segments"], summary["none"]) == (n_videos, 8 * n_videos, n_videos)
    said = run("tools/study.py", "--mosei", out, "--work", tmp_path / "work", "--out", report, "--quick")
    found = json.loads((report / "results.json").read_text())
    assert found["missing"] == []
    heard = VIDEOS["test"] - 1
    assert found["test"]["rows"] == 6 * heard
    assert found["test"]["groups"] == heard
    assert set(found["test"]["per_class"].values()) == {heard}
    page = (report / "index.html").read_text(encoding="utf-8")
    kept = f"train {6 * 11} of {8 * 12} (none 12, ties 12, without sound 6)"
    for told in (
        "rebuilt on CMU-MOSEI",
        "Real pairs.",
        kept,
        "95 % by video",
        "with folds of its own",
        "its figures say nothing",
        "published GloVe",
        "P2FA",
    ):
        assert told in page, told
    assert "ynthetic" not in page
    assert (report / "figure-2-attention.svg").is_file()
    assert len(found["rows"]) == 9
    sys.stdout.write(f"study on generated CMU-MOSEI files: {found['verdict']}\n")
    assert found["verdict"] in said
