"""A saved `stream` comes with its cached form, which ONNX Runtime runs as it runs the whole network."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from streamer.engines.cached_engine import CachedEngine
from streamer.engines.engine import feed_of
from streamer.engines.onnx_engine import OnnxEngine
from streamer.network import checkpoint, export
from streamer.network.card import LABEL_SETS
from streamer.network.entries import CheckpointError
from tests.harness.cached_parts import SMALL, TOLERANCE, small_stream
from tests.networks import card
from tests.unit.test_windows import Ear, noise, speech, transcript


@pytest.mark.timeout(900)  # four exports, which take their time beside other work
def test_a_saved_stream_comes_with_its_cached_form(tmp_path: Path) -> None:
    net = small_stream().train()
    made = export.save(tmp_path / "small", net, replace(card(kind="stream", config=SMALL), labels=LABEL_SETS[1]))
    assert net.training
    assert made.files.keys() >= set(checkpoint.CACHED_FILES)
    assert checkpoint.verify(tmp_path / "small") == made
    exported = checkpoint.read_onnx(tmp_path / "small", made)
    assert exported is not None
    whole = OnnxEngine(exported, made, threads=1)
    cached = CachedEngine.open(checkpoint.read_cached(tmp_path / "small", made), made, threads=1)
    ear = Ear()
    ear.windower.hear(transcript(3.0, *["so", "happy"] * 25))
    windows = ear.hear(np.concatenate((noise(0.5, 0.01), speech(4.0), noise(1.0, 0.01), speech(5.0))))
    for window in (*windows[:50], *windows[53:], windows[7]):
        speaker = np.full(net.embedding_size, 0.1, np.float32)
        feed = feed_of(window, made.shapes, speaker)
        for found, wanted in zip(cached.run(feed), whole.run(feed), strict=True):
            assert found is not None
            assert wanted is not None
            np.testing.assert_allclose(found, wanted, atol=TOLERANCE, rtol=0)

    with (tmp_path / "small" / checkpoint.CACHED_WORDS).open("ab") as file:
        file.write(b"x")
    with pytest.raises(CheckpointError, match=r"cached-words.onnx is damaged"):
        checkpoint.verify(tmp_path / "small")
