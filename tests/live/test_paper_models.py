"""The paper's networks as they are shipped: whole, selectable, without torch, and what their cards say of them."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from streamer.engines.classifier import Choice, Classifier
from streamer.evaluation import examples
from streamer.evaluation.recordings import heard
from streamer.features.words import WordVectors
from streamer.network import checkpoint, contract, registry
from tests.house import ROOT
from tests.networks import answer, window

MODELS, CONTROLS = ROOT / "models", ROOT / "tools" / "controls"
SHIPPED = ("attention", "shallow")
PROGRAM = Path(sys.executable).with_name("emostream")


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_network_is_whole_and_its_two_forms_agree(name: str) -> None:
    card = checkpoint.verify(MODELS / name)
    assert card.network == name
    assert card.config["step_samples"] == contract.PAPER_STEP_SAMPLES
    assert card.step_samples == contract.LIVE_STEP_SAMPLES
    seen = window(seed=7)
    feed = (seen.picture, seen.columns, seen.words, seen.word_mask, seen.word_spans)
    logits = answer(registry.load(MODELS / name), [torch.from_numpy(np.array(x)).unsqueeze(0) for x in feed])[0, 0]
    with Classifier.open([MODELS], Choice(name, "cpu", unsure_below=0.0)) as opened:
        shares = opened.classify(seen).probabilities
    assert shares is not None
    np.testing.assert_allclose(shares, torch.softmax(logits / card.temperatures[0], dim=0).numpy(), atol=1e-4)


@pytest.mark.parametrize("name", SHIPPED)
def test_it_labels_the_bundled_recording_where_torch_is_missing(name: str, tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("raise ImportError\n")
    demo = ROOT / "streamer" / "data" / "demo.flac"
    done = subprocess.run(
        [PROGRAM, "--wav", demo, "--fast", "--json", "--asr", "none", "--model", name],
        env={**os.environ, "PYTHONPATH": str(tmp_path), "HOME": str(tmp_path)},
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) > 200
    assert all(f'"model":"{name}"' in line.replace(" ", "") for line in lines)
    assert sum('"state":"speech"' in line.replace(" ", "") for line in lines) > 100


def test_words_move_both_and_leave_the_control_alone() -> None:
    said = examples.spoken_tokens("I am so scared, please do not go in there!", plain=False)
    sound = heard(ROOT / "streamer" / "data" / "demo.flac")[: examples.WINDOW_SAMPLES]
    moved = {}
    for folder in (MODELS / "attention", MODELS / "shallow", CONTROLS / "attention-even"):
        network, card = registry.load(folder), checkpoint.read_card(folder)
        assert card.vectors is not None
        vectors = WordVectors.load(MODELS / card.vectors.name)
        logits = []
        for tokens in (said, []):
            (seen,) = examples.windows_of(sound, tokens, vectors, 8)
            feed = (seen.picture, seen.columns, seen.words, seen.word_mask, seen.word_spans)
            logits.append(answer(network, [torch.from_numpy(np.array(x)).unsqueeze(0) for x in feed])[0, 0])
        moved[folder.name] = float((logits[0] - logits[1]).abs().max())
    assert moved["attention"] > 0.01
    assert moved["shallow"] > 0.01
    assert moved["attention-even"] == 0.0
