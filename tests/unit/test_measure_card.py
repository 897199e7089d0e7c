"""Cards: figures are those of `emostream evaluate`, weights stay, and what a README says follows from its card."""

import csv
import gzip
import json
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
import soundfile

from streamer.evaluation import manifest
from streamer.network import checkpoint, contract
from streamer.network.card import HEADS, Card, CorpusNote, card_to_json
from tests.e2e.program import run
from tests.harness.adapting import write_adapting
from tests.networks import card, rewrite_card
from tests.signals import chirp, noise
from tools import measure_card as tool
from tools.cards import aims, figures, licences, manifests, measures, readme, speed, voices
from tools.cards.measures import Bench

LINES = [
    ("happy", "What a lovely day!"),
    ("sad", "I miss her."),
    ("neutral", "The train leaves at nine."),
    ("angry", "How dare you!"),
]


def write_corpora(folder: Path) -> None:
    """Write one corpus of four clips of two speakers, and one of texts."""
    (folder / "ravdess").mkdir(parents=True)
    (folder / "text").mkdir()
    rows = []
    for i, (emotion, text) in enumerate([*LINES, LINES[0], LINES[1]]):
        name = f"{i}.wav"
        sound = chirp(16_000 + 900 * i) if i % 2 else noise(16_000 + 900 * i, seed=i)
        soundfile.write(folder / "ravdess" / name, 0.3 * sound / abs(sound).max(), contract.STREAM_RATE_HZ)
        rows.append((name, "ravdess", f"s{i % 2}", "fm"[i % 2], emotion, text, "test" if i < 5 else "train"))
    with (folder / "ravdess/manifest.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("path", "corpus", "speaker", "gender", "emotion", "text", "split"), *rows])
    for corpus in ("goemotions", "meld"):
        text = "text,emotion,corpus,split\n" + "".join(f'"{t}",{e},{corpus},test\n' for e, t in LINES)
        (folder / "text" / f"{corpus}.csv.gz").write_bytes(gzip.compress(text.encode()))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    write_adapting(folder)
    return folder


@pytest.fixture(scope="module")
def bench(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    folder = tmp_path_factory.mktemp("card")
    write_corpora(folder / "corpora")
    models = home / ".local/share/emostream/models"
    return Bench(folder / "corpora", folder / "work", (models,), "adapting", quick=True)


@pytest.fixture(scope="module")
def folder(bench: Bench) -> Path:
    """Return the model's folder after it was measured."""
    folder = bench.models[0] / bench.model
    tool.write_figures(folder, tool.measured(bench))
    tool.render(folder)
    return folder


def test_every_figure_is_that_of_its_command(home: Path, bench: Bench, folder: Path) -> None:
    found = checkpoint.read_card(folder).figures
    for path, key in (
        (("sound", "ravdess"), "uar_no_adaptation"),
        (("babble noise", "10"), "ece"),
        (("words", "meld, 40 words filled, no marks"), "weighted_f1"),
        ((next(iter(measures.PAIRS)), "joint"), "uar"),
    ):
        one = figures.at(found, path)
        words = shlex.split(one["command"].replace("DIR/", f"{bench.corpora}/").replace("WORK/", f"{bench.work}/"))
        done = run(home, *words[1:], "--json")
        assert done.returncode == 0, done.stderr
        document = json.loads(done.stdout)
        assert one[key] == pytest.approx(document[key], abs=1e-4)
        assert one["ci95"] == pytest.approx(document["ci95"], abs=1e-4)


def test_the_card_holds_everything_and_the_weights_stay(folder: Path, home: Path) -> None:
    checkpoint.verify(folder)
    now, never = checkpoint.read_card(folder), checkpoint.read_card(folder.parent / "never")
    assert now.files == never.files
    assert now.figures["limit"] == measures.QUICK_ROWS
    assert set(now.figures["white noise"]) == {f"{snr:g}" for snr in measures.SNRS_DB}
    assert {"sound", "everybody", "telephone", "joined", "words", *measures.PAIRS, "speed"} <= now.figures.keys()
    assert set(now.figures["speed"]) >= {"adapting", "never"}
    assert now.figures["sound"]["ravdess"]["adaptation"].keys() == {"gain", "gain_ci95"}


def test_readme_and_drawings_are_there(folder: Path) -> None:
    text = (folder / "README.md").read_text()
    found = checkpoint.read_card(folder).figures
    assert all(f"\n{command}\n" in text for command in figures.commands(found))
    assert "Article 5(1)(f)" in text
    assert "Measured in haste" in text
    for name in (voices.NOISE_SVG, voices.CALIBRATION_SVG, voices.COVERAGE_SVG):
        assert f"({name})" in text
        assert ET.parse(folder / name).getroot().tag.endswith("svg")  # noqa: S314  written here
    long = [line for line in text.splitlines() if len(line) > 120 and not line.startswith(("|", "emostream"))]
    assert long == []


def test_what_is_kept_is_not_measured_again_and_what_others_measured_stays(bench: Bench, folder: Path) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in (bench.work / "evaluations").iterdir()}
    left_out = {"left out": {"nemo": {"uar_own": 0.5, "n": 3, "ci95": [0.4, 0.6]}, "ased": {"uar_own": 0.7}}}
    again = tool.measured(bench, only_kept=True)
    tool.write_figures(folder, {**again, "cross corpus": left_out})
    assert {path.name: path.stat().st_mtime_ns for path in (bench.work / "evaluations").iterdir()} == before
    assert tool.measured(replace(bench, same_code=True), only_kept=True) == again
    told = tool.write_figures(folder, again).figures
    assert told["cross corpus"]["mean"] == {"uar_own": 0.6}
    tool.render(folder)
    assert "| nemo | 3 | – | 0.500 | 0.40 to 0.60 | – | – |\n" in (folder / "README.md").read_text()
    rewrite_card(folder, threshold=0.2)  # another model: nothing of the last one may stay
    assert tool.measured(bench, only_kept=True).keys() == {"speed", "limit"}
    assert "cross corpus" not in tool.write_figures(folder, {}).figures


def test_costs_of_other_code_or_of_other_files_are_measured_anew(
    bench: Bench, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    timed: list[int] = []

    def measured(models: object) -> dict[str, object]:
        del models
        timed.append(1)
        return {}

    monkeypatch.setattr(speed, "measured", measured)
    tool.measured(bench, only_kept=True)
    assert timed == []
    monkeypatch.setattr(measures, "CODE", ("streamer/mood.py",))
    tool.measured(replace(bench, same_code=True), only_kept=True)
    assert timed == []
    for _ in range(2):
        tool.measured(bench, only_kept=True)
        assert timed == [1]
    before = checkpoint.read_card(folder)
    other = replace(before.files["weights.safetensors"], sha256="0" * 64)
    checkpoint.write_whole(folder / "card.json", card_to_json(replace(before, files={**before.files, "other": other})))
    tool.measured(bench, only_kept=True)
    assert timed == [1, 1]
    checkpoint.write_whole(folder / "card.json", card_to_json(before))


def rows(*entries: tuple[str, str]) -> list[manifest.Row]:
    return [manifest.Row(i, None, text, emotion, "", "", "test") for i, (emotion, text) in enumerate(entries)]


def test_lines_are_filled_with_those_before_them_and_keep_their_label() -> None:
    many = rows(("happy", "one " * 30), ("sad", "two " * 15), ("angry", "three! " * 30), ("fear", "four " * 50))
    told = [(entry["emotion"], entry["text"].split()) for entry in manifests.filled(many, "\n")]
    assert told[0] == ("happy", ["one"] * 30)
    assert told[1] == ("sad", ["one"] * 30 + ["two"] * 15)
    assert told[2] == ("angry", ["two"] * 15 + ["three!"] * 30)
    assert told[3] == ("fear", ["four"] * 50)


def test_a_pair_has_one_label_and_a_clip_without_a_line_is_left_out() -> None:
    clips = rows(("happy", ""), ("disgusted", ""), ("happy", ""))
    lines = {"a": rows(("happy", "yes"), ("sad", "no")), "b": rows(("happy", "good"))}
    made = manifests.pairs(clips, lines, seed=1)
    assert [entry["emotion"] for entry in made] == ["happy", "happy"]
    assert {entry["text"] for entry in made} <= {"yes", "good"}
    assert made == manifests.pairs(clips, lines, seed=1)


@pytest.mark.parametrize(
    ("licence", "told"),
    [
        ("CC BY-NC-SA 4.0", "**forbidden**"),
        ("research use", "**forbidden**"),
        ("CC BY 4.0", "allowed"),
        ("none stated (published as free to use)", "unclear: ask"),
        ("GPL-3.0 repository; lines of a television series", "unclear: ask"),
    ],
)
def test_what_forbids_commercial_use_is_said(licence: str, told: str) -> None:
    assert licences.verdict(licence) == told


def test_the_corpora_that_forbid_it_are_named() -> None:
    notes = (CorpusNote("nemo", "CC BY-NC-SA 4.0", 7), CorpusNote("goemotions", "CC BY 4.0", 2_000))
    text = licences.section(replace(card(), trained_on=notes))
    assert "**No commercial use**: nemo forbid it" in text
    assert "| goemotions | 2,000 | CC BY 4.0 | allowed |" in text


def test_an_aim_is_reached_missed_or_not_measured() -> None:
    found: dict[str, Any] = {"sound": {"ravdess": {"uar": 0.75}}, "everybody": {"all corpora": {"ece": 0.07}}}
    told = {row[0]: row[1:] for row in aims.table("stream", found)}
    assert told["RAVDESS, UAR of six"] == ["≥ 0.70", "0.750", "yes"]
    assert told["ECE of six, unseen speakers"] == ["≤ 0.06", "0.070", "**no**"]
    assert told["MELD, weighted F1 of seven"] == ["≥ 0.56", "not measured", ""]
    assert aims.table("deep", found)[0][3] == "**no**"
    assert aims.table("shallow", found) == []


def test_the_lowest_speaker_has_enough_clips_and_a_gap_needs_two_genders() -> None:
    speakers = {"c/a": {"uar": 0.0, "n": 2}, "c/b": {"uar": 0.6, "n": 9}, "c/d": {"uar": 0.5, "n": 8}}
    assert figures.worst_speaker(speakers) == {"speaker": "c/d", "uar": 0.5, "n": 8}
    assert figures.worst_speaker({"c/a": {"uar": 0.0, "n": 2}}) is None
    assert figures.gender_gap({"f": 0.7, "m": 0.5}) == pytest.approx(0.2)
    assert figures.gender_gap({"f": 0.7}) is None


def test_paragraphs_are_wrapped_and_nothing_else() -> None:
    long = "word " * 60
    text = f"{long}\n| {long} |\n```sh\n{long}\n```\n* {long}"
    told = readme.wrapped(text).split("\n")
    assert max(len(line) for line in told[:3]) <= readme.WIDTH
    assert f"| {long} |" in told
    assert long in told
    assert f"* {long}" in told


def test_what_other_code_measured_counts_only_where_asked(
    bench: Bench, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = [one for one in measures.measures(bench) if one.group == "telephone"]
    (made,) = measures.run(bench, wanted).values()
    monkeypatch.setattr(measures, "CODE", ("streamer/mood.py",))
    assert measures.run(bench, wanted, only_kept=True) == {}
    assert measures.run(replace(bench, same_code=True), wanted, only_kept=True) == {"telephone": made}


def test_one_side_depends_on_its_own_half_alone() -> None:
    note = replace(card(), network="stream", heads=HEADS, temperatures=(1.0, 1.0, 1.0), head_weights=(1.0, 1.0, 1.0))
    names = ("sound_head.bias", "centre", "words.fold.weight", "word_head.bias", "joint_head.bias", "temperatures")
    tensors = {name: np.zeros(2, np.float32) for name in names}
    for changed, hit in zip(names, ("sound", "sound", "words", "words", None, None), strict=True):
        spoilt = {**tensors, changed: np.ones(2, np.float32)}
        differ = {side for side in measures.SIDES if of(note, tensors, side) != of(note, spoilt, side)}
        assert differ == ({hit} if hit else set())
    for other in (replace(note, threshold=0.7), replace(note, temperatures=(1.0, 2.0, 3.0))):
        assert all(of(note, tensors, side) != of(other, tensors, side) for side in measures.SIDES)
    assert of(note, tensors, "joint") == measures.identity(note)


def of(note: Card, tensors: checkpoint.Tensors, side: str) -> str:
    return measures.identity(note, tensors, side)
