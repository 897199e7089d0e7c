"""The study: its tables are scikit-learn's, its intervals go by speaker, its report is whole and needs nothing else."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, confusion_matrix, precision_recall_fscore_support

from streamer.network import checkpoint, contract, registry
from streamer.network.attention import Attention
from tests.harness import small_corpora
from tests.house import ROOT
from tools.studies import grounds, page, plan, report, results, runs, scores, shipping
from tools.training import fit, parallel

VECTORS = ROOT / "models" / "words-paper"
TOLD = grounds.Telling("t", "synthetic pairing", "pairs", "speaker", "P. p", "m", "r", "d")
TINY = plan.Size(seeds=1, epochs=1, epoch_rows=32, per_clip=1)


@pytest.mark.parametrize("seed", range(8))
def test_tables_are_those_of_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.integers(6 if seed else 4, size=int(rng.integers(20, 300))).astype(np.int64)
    answers = np.where(rng.random((2, len(truth))) < 0.4, truth, rng.integers(6, size=(2, len(truth)))).astype(np.int64)
    found = scores.table(truth, answers)
    classes = np.unique(truth)
    for key, kind in (("mean", "macro"), ("weighted", "weighted")):
        wanted = np.mean(
            [
                precision_recall_fscore_support(truth, one, labels=classes, average=kind, zero_division=0)[:3]
                for one in answers
            ],
            axis=0,
        )
        np.testing.assert_allclose(list(getattr(found, key).values()), wanted)
    each = [precision_recall_fscore_support(truth, one, labels=classes, zero_division=0) for one in answers]
    for at, label in enumerate(classes):
        row = found.per_class[contract.EMOTIONS[label]]
        np.testing.assert_allclose(
            [row["precision"], row["recall"], row["f1"], row["support"]],
            [np.mean([one[part][at] for one in each]) for part in range(4)],
        )
    assert found.accuracy == pytest.approx(np.mean([accuracy_score(truth, one) for one in answers]))
    counts = confusion_matrix(np.tile(truth, 2), answers.ravel(), labels=range(6), normalize="true")
    np.testing.assert_allclose(scores.confusion(truth, answers), counts)
    # The bootstrap's arithmetic, with every speaker drawn once, is the mean recall itself.
    groups = rng.integers(5, size=len(truth))
    once = scores.drawn_uars(truth, answers, groups, np.ones((1, 5)))
    assert once[0] == pytest.approx(found.mean["recall"])


def test_intervals_go_by_speaker() -> None:
    truth = np.tile(np.arange(6), 100).astype(np.int64)
    groups = np.repeat(np.arange(10), 60)
    good = np.where(groups % 2 == 0, truth, (truth + 1) % 6)[None]  # every other speaker is understood
    low, high = scores.interval(scores.drawn_uars(truth, good, groups, scores.draws_of(groups)))
    assert low < 0.3
    assert high > 0.7  # rows taken for independent would give 0.46 to 0.54


def test_paired_tests_see_a_difference_and_none() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(6, size=600).astype(np.int64)
    groups = rng.integers(12, size=600)
    one, other = (np.where(rng.random((2, 600)) < share, truth, (truth + 1) % 6) for share in (0.7, 0.5))
    found = scores.paired(truth, groups, one, other)
    assert found.is_better
    assert found.difference == pytest.approx(0.2, abs=0.06)
    assert max(found.p_bootstrap, found.p_mcnemar) < 0.01
    same = scores.paired(truth, groups, one, one)
    assert (same.difference, same.only_first, same.p_mcnemar, same.p_bootstrap) == (0.0, 0, 1.0, 1.0)


def comparison(low: float, high: float) -> dict[str, object]:
    return {"difference": (low + high) / 2, "ci95": [low, high], "first_is_better": low > 0}


def test_the_verdict_says_plainly_who_wins() -> None:
    pairs = TOLD
    modern, papers = (f"attention-{recipe} / shallow-{recipe}" for recipe in (plan.MODERN, plan.PAPER))
    assert results.verdict({modern: comparison(-0.2, -0.1)}, pairs).startswith("Attention does not beat")
    assert results.verdict({modern: comparison(-0.1, 0.1)}, pairs).startswith("Attention does not beat")
    both = {modern: comparison(0.1, 0.2), papers: comparison(0.1, 0.2)}
    assert results.verdict(both, pairs).startswith("Attention beats the shallow baseline here, on synthetic pairing")
    assert "one of the two recipes only" in results.verdict(both | {papers: comparison(-0.1, 0.1)}, pairs)
    assert "no finished comparison" in results.verdict({}, pairs)


class Reader(HTMLParser):
    """Notes what a page asks for and whether its elements close."""

    VOID = ("meta", "img", "br")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.sources: list[str] = []
        self.tables = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.VOID:
            self.open.append(tag)
        self.tables += tag == "table"
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def check_folder(out: Path) -> Reader:
    """Check a report folder; return what its page asks for."""
    text = (out / "index.html").read_text(encoding="utf-8")
    reader = Reader()
    reader.feed(text)
    assert reader.open == []
    assert reader.sources
    assert all(source.startswith("data:image/png;base64,") for source in reader.sources)
    assert "http" not in re.sub(r"base64,[A-Za-z0-9+/=]+", "", text)
    assert "<script" not in text
    names = re.findall(r"<code>([\w-]+\.(?:svg|png))</code>", text)
    assert len(names) == 2 * len(reader.sources)
    assert all((out / name).stat().st_size > 1_000 for name in names)
    return reader


@pytest.mark.timeout(600)
def test_a_small_study_from_clips_to_report(tmp_path: Path) -> None:
    small_corpora.write(tmp_path / "in", clips=2)
    ground = grounds.pairs(tmp_path / "in", tmp_path, VECTORS)
    where = (tmp_path, "1-D", parallel.Place(torch.device("cpu")))
    said: list[str] = []
    for row in (plan.SHALLOW, plan.ATTENTION, plan.EVEN):
        runs.do(row, 1, TINY, ground, where, fit.Ears(row=said.append))
    assert len(said) == 3
    runs.do(plan.SHALLOW, 1, TINY, ground, where, fit.Ears(row=said.append))
    assert len(said) == 3  # what is done is not done again
    source = report.Source(tmp_path, TINY, "1-D", ground, "python tools/study.py")
    verdict = report.write(source, tmp_path / "out")
    found = json.loads((tmp_path / "out" / "results.json").read_text())
    assert found["verdict"] == verdict
    assert found["test"]["rows"] == 12
    assert "attention-paper, seed 1" in found["missing"]
    assert set(found["rows"]) == {"shallow-modern", "attention-modern", "attention-even"}
    assert set(found["attention"]) == {"attention-modern"}
    even = runs.read(tmp_path, plan.EVEN, 1)
    assert even is not None
    assert even.attention == {"entropy": pytest.approx(1.0, abs=1e-3), "spread": pytest.approx(0.0, abs=1e-6)}
    assert 0.2 < found["attention"]["attention-modern"]["entropy"] <= 1.0
    reader = check_folder(tmp_path / "out")
    assert reader.tables == 2 + 2
    page_text = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert page_text.index(verdict.split(":")[0]) < page_text.index("<table")
    assert "Synthetic pairing" in page_text
    for name in ("figure-2-attention", "figure-3-spectrograms", "figure-5-6-confusion-modern", "recalls", "training"):
        assert (tmp_path / "out" / f"{name}.svg").read_text(encoding="utf-8").startswith("<?xml")
    check_shipped(tmp_path, source, ground)


def check_shipped(folder: Path, source: report.Source, ground: grounds.Pairs) -> None:
    """Ship the networks of a small study, and look at what is written."""
    for path in (folder / "in").glob("*/manifest.csv"):
        if path.parent.name != "ravdess":
            path.unlink()  # they hold no row
    shipping.ship(source, ground, folder / "in", VECTORS, (folder / "models", folder / "controls"))
    for home, name in (("models", "shallow"), ("models", "attention"), ("controls", "attention-even")):
        card = checkpoint.verify(folder / home / name)
        assert ("network.onnx" in card.files) == (home == "models")
        assert card.config["step_samples"] == contract.PAPER_STEP_SAMPLES
        assert card.command == "python tools/study.py --ship models"
        measured = card.figures["sound alone, emostream evaluate"]
        assert set(measured) == {"ravdess test", "ravdess test, white noise at 10 dB"}
        readme = (folder / home / name / "README.md").read_text(encoding="utf-8")
        assert f"| ravdess test | 12 | {measured['ravdess test']['uar']} |" in readme
    control = registry.load(folder / "controls" / "attention-even")
    assert isinstance(control, Attention)
    assert control.config.even


def test_what_is_written_into_the_page_is_escaped() -> None:
    assert "&lt;b&gt;" in page.table(("<b>",), [["x"]], "c")
    assert "<b>" not in page.table(("a",), [["<b>"]], "<b>")


def test_the_committed_report_is_whole() -> None:
    out = ROOT / "docs" / "study"
    check_folder(out)
    found = json.loads((out / "results.json").read_text())
    assert (out / "README.md").read_text(encoding="utf-8").split("\n")[2] == found["verdict"]
    assert sum(path.stat().st_size for path in out.iterdir()) < 3_000_000
