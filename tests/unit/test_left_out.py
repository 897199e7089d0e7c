"""Corpora that a network never met: which scenes are judged, and how."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from streamer.network.pooling import Summary
from tools.training import apart, config, encoded, hearing, speakerpast
from tools.training.soundstore import Recording, SoundStore

CONFIGS = Path(__file__).parents[2] / "tools" / "configs"
STORE = SoundStore(
    np.zeros(0, np.int16),
    tuple(
        Recording(0, 100, 0, 100, corpus, f"s{clip % 2}", clip % 6, "train", leaks_words=False)
        for corpus in ("ravdess", "emodb", "nemo")
        for clip in range(12)
    ),
)


class Unchanged(nn.Module):
    """A summary that is the embedding itself."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


def head() -> speakerpast.Head:
    """Return a head that names the largest of the first seven numbers."""
    linear = nn.Linear(7, 7)
    with torch.no_grad():
        linear.weight.copy_(torch.eye(7))
        linear.bias.zero_()
    summary: Summary = Unchanged()  # type: ignore[assignment]
    return speakerpast.Head(summary, linear)


def embedded(clips: list[int], shift: int) -> speakerpast.Embedded:
    labels = np.array([STORE.recordings[c].label for c in clips])
    x = np.eye(7, dtype=np.float32)[(labels + shift) % 6]
    return speakerpast.Embedded(4.0 * x[None], np.array(clips), labels)


def test_what_was_met_and_what_was_not_share_no_scene_and_leave_out_nobody() -> None:
    notes = np.array([(0, 1, clip, 0) for clip in (-1, 0, 13, 30, -1, 5)], encoded.NOTE)
    met, unmet = (apart.chosen(notes, STORE, ("emodb",), met=met).tolist() for met in (True, False))
    assert (met, unmet) == ([1, 3, 5], [2])


def test_each_corpus_is_judged_on_all_its_clips_and_the_temperature_without_it() -> None:
    asked = []

    def embed(name: str, *, met: bool) -> speakerpast.Embedded:
        asked.append((name, met))
        wanted = ("nemo",) if met else ("ravdess", "emodb")
        clips = [i for i, r in enumerate(STORE.recordings) if r.corpus in wanted]
        found = embedded(clips, 0)
        # Of emodb everything is heard wrong.
        wrong = np.array([STORE.recordings[c].corpus == "emodb" for c in clips])
        found.x[:, wrong] = embedded(clips, 1).x[:, wrong]
        return found

    figures = apart.judged(head(), embed, ("ravdess", "emodb"), STORE)
    assert asked == [("valid-clean", True), ("valid-white-10", True), ("valid-babble-10", True), ("train-0", False)]
    assert (figures["ravdess"]["n"], figures["ravdess"]["uar_own"]) == (12, 1.0)
    assert (figures["emodb"]["n"], figures["emodb"]["uar_own"]) == (12, 0.0)
    assert figures["emodb"]["ece"] == pytest.approx(1.0, abs=0.02), "it is sure of what is wrong"


@pytest.mark.parametrize("network", ["deep", "stream"])
def test_figures_are_kept_after_every_group_and_say_how_they_were_made(network: str, tmp_path: Path) -> None:
    plan = config.read(CONFIGS / f"{network}.toml")
    places = hearing.Places(tmp_path, tmp_path, tmp_path, tmp_path, tmp_path, 1, CONFIGS / "deep.toml")
    seen = []

    def without(_: config.Plan, places: hearing.Places, group: tuple[str, ...]) -> apart.Figures:
        path = places.work / f"left-out-{network}.json"
        seen.append(json.loads(path.read_text())["partial"] if path.exists() else None)
        return {one: {"uar_own": 0.5} for one in group}

    apart.measure(apart.Apart(without, lambda _: "A note."), plan, places)
    written = json.loads((tmp_path / f"left-out-{network}.json").read_text())
    assert seen == [None, *[True] * (len(plan.left_out) - 1)]
    assert not written["partial"]
    assert list(written["left out"]) == [one for group in plan.left_out for one in group]
    assert written["note"].startswith("A note.")


def test_what_scenes_are_in_memory_is_what_they_are_on_disk(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    items = [(rng.standard_normal((n, 3)).astype(np.float16), clip, clip % 7) for clip, n in enumerate((4, 0, 2))]
    encoded.write(items, encoded.name_of("stream", "some"), tmp_path)
    written, gathered = encoded.open_scenes(tmp_path, "stream", "some", 3), encoded.gathered(iter(items))
    np.testing.assert_array_equal(written.notes, gathered.notes)
    np.testing.assert_array_equal(written.latents, gathered.latents)
