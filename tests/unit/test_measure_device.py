"""The comparison of a graphics card with the processor, run with torch on the processor in place of the card."""

import json
import sys
from pathlib import Path

import pytest

from streamer import places
from streamer.engines.classifier import find_model, find_vectors
from streamer.engines.engine import Answer, Feed
from streamer.engines.torch_engine import TorchEngine
from streamer.errors import ModelError
from streamer.features.words import WordVectors
from streamer.network import checkpoint
from streamer.network.card import Card
from streamer.network.checkpoint import Tensors
from tools import measure_device as tool


class Off:
    """Torch, but every logit is off by so much."""

    def __init__(self, tensors: Tensors, card: Card, device: str, by: float = 2e-4) -> None:
        self._engine = TorchEngine(tensors, card, device)
        self._by = by
        self.device = self._engine.device

    def run(self, feed: Feed) -> Answer:
        answer = self._engine.run(feed)
        return Answer(answer.logits + self._by, answer.embedding)


@pytest.mark.parametrize("name", ["deep", "stream", "attention", "shallow"])
def test_torch_says_what_the_processor_says_where_words_and_speaker_are_known(name: str) -> None:
    found = tool.compared(name, lambda tensors, card: TorchEngine(tensors, card, "cpu"))
    assert found.equal
    assert found.windows > len(tool.UTTERANCES)
    assert found.shares_apart <= found.logits_apart <= 1e-5
    assert (found.embedding_apart is None) == (name in {"attention", "shallow"})
    assert found.device_mib is None
    assert min(found.processor_windows_per_s, found.device_windows_per_s, *found.at_once_windows_per_s.values()) > 0.0


def test_words_and_the_speaker_are_heard_alone_and_together() -> None:
    folder = find_model(places.model_folders(), "stream")
    card = checkpoint.read_card(folder)
    engine = tool.Recorded(TorchEngine(checkpoint.read_tensors(folder, card), card, "cpu"))
    vectors = WordVectors.load(find_vectors(places.model_folders(), card))
    tool.listened(engine, card, [list(windows) for windows in tool.utterances(card, vectors, said=True)])
    names = ("columns", "word_mask", "speaker")
    known = {tuple(bool(feed.arrays[name].any()) for name in names) for feed in engine.feeds}
    assert known == {(True, True, False), (True, True, True), (True, False, True), (False, True, True)}


def test_a_model_that_is_not_there_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "--device", "cpu", "--model", "nosuch") == ModelError.exit_code
    assert capsys.readouterr().err.startswith("measure_device: cannot find model 'nosuch'")


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int | str | None:
    monkeypatch.setattr(sys, "argv", ["measure_device.py", *arguments])
    with pytest.raises(SystemExit) as ended:
        tool.main()
    return ended.value.code


def test_a_network_that_differs_is_named_and_ends_with_1(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tool, "TorchEngine", Off)
    path = tmp_path / "found.json"
    assert run(monkeypatch, "--device", "cpu", "--model", "stream", "--json", str(path)) == 1
    assert "**too far**" in capsys.readouterr().out
    (found,) = json.loads(path.read_text(encoding="utf-8"))
    assert found["logits_apart"] == pytest.approx(2e-4, abs=1e-5)
    assert found["allowed"] == 1e-4


def test_without_a_card_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tool, "has_cuda", lambda: False)
    assert run(monkeypatch) == "measure_device: this torch reaches no graphics card; wanted one, or --device cpu"
