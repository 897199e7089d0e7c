"""Seeded networks, inputs, windows and model folders for the tests of network/ and engines/; nothing is trained."""

import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from streamer.network import checkpoint, contract, export, registry
from streamer.network.card import INPUT_SHAPES, LABEL_SETS, Card, CorpusNote, Shapes, card_to_json
from streamer.records import Stage, State, Window

SMALL: dict[str, Any] = {"flat": True, "kernels": 4, "third_poolings": 2, "dense": [16, 8]}
"""An attention network of 7,000 parameters; the dense widths are a list, as a card holds them."""

PROFILES: dict[str, tuple[str, dict[str, Any]]] = {
    "attention": ("attention", {}),
    "attention 1-D": ("attention", {"flat": True, "third_poolings": 2}),
    "shallow": ("shallow", {}),
    "shallow 1-D": ("shallow", {"flat": True, "sound_poolings": 3}),
}


def network(name: str, config: dict[str, Any] | None = None, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return registry.create(name, config or {}).eval()


def inputs(batch: int, seed: int = 0, shapes: Shapes = INPUT_SHAPES) -> list[Tensor]:
    """Return random inputs of these shapes; half of the columns and words are padded, anywhere."""
    chance = torch.Generator().manual_seed(seed)
    make: dict[str, Callable[[tuple[int, ...]], Tensor]] = {
        "picture": lambda shape: torch.rand(shape, generator=chance),
        "mels": lambda shape: torch.rand(shape, generator=chance) * 8.0 - 6.0,
        "columns": lambda shape: torch.rand(shape, generator=chance) > 0.5,
        "words": lambda shape: torch.randn(shape, generator=chance),
        "word_mask": lambda shape: torch.rand(shape, generator=chance) > 0.5,
        "word_spans": lambda shape: torch.rand(shape, generator=chance) * contract.N_COLUMNS,
        "speaker": lambda shape: torch.randn(shape, generator=chance),
    }
    return [make[name]((batch, *shape)) for name, shape in shapes.items()]


def answer(net: nn.Module, arrays: list[Tensor]) -> Tensor:
    """Return the logits."""
    return answers(net, arrays)[0]


def answers(net: nn.Module, arrays: list[Tensor]) -> tuple[Tensor, ...]:
    """Return the logits and, where the network has one, the embedding."""
    with torch.inference_mode():
        return registry.answers_of(net, arrays)


def card(name: str = "small", kind: str = "attention", config: dict[str, Any] | None = None) -> Card:
    heads = registry.NETWORKS[kind].heads
    config = SMALL if config is None else config
    return Card(
        name=name,
        network=kind,
        config=config,
        labels=LABEL_SETS[0],
        heads=heads,
        temperatures=(1.5,) * len(heads),
        head_weights=(1.0,) * len(heads),
        threshold=0.4,
        licence="CC BY-NC-SA 4.0",
        command="python -m tools.train small",
        trained_on=(CorpusNote("nothing", "none", 0),),
        figures={"unweighted_recall": 0.17},
        shapes=registry.inputs_of(registry.create(kind, config)),
    )


def write_weights(models: Path, made: Card | None = None, seed: int = 0) -> Path:
    """Write a model folder without network.onnx."""
    made = made or card()
    net = network(made.network, dict(made.config), seed)
    checkpoint.write(models / made.name, made, registry.tensors_of(net))
    return models / made.name


@cache
def _small_model() -> dict[str, bytes]:
    """Export the small network once for all tests: it takes seconds."""
    with tempfile.TemporaryDirectory() as room:
        made = card()
        export.save(Path(room), network(made.network, dict(made.config)), made)
        return {path.name: path.read_bytes() for path in Path(room).iterdir()}


def write_model(models: Path) -> Path:
    """Write a whole model folder, network.onnx included."""
    folder = models / card().name
    folder.mkdir(parents=True)
    for name, content in _small_model().items():
        (folder / name).write_bytes(content)
    return folder


def rewrite_card(folder: Path, **changes: Any) -> None:  # noqa: ANN401  any entry of a card
    """Change entries of a card that lies in a folder, without looking at whether they fit."""
    changed = replace(checkpoint.read_card(folder), **changes)
    (folder / checkpoint.CARD_FILE).write_bytes(card_to_json(changed))


def window(
    seed: int = 0, state: State = State.SPEECH, n_words: int = 7, n_columns: int = contract.N_COLUMNS // 2
) -> Window:
    """Return a window whose newest columns hold sound, and whose newest slots hold words."""
    picture, _, words, _, spans = (array[0].numpy() for array in inputs(1, seed))
    mels = inputs(1, seed, {"mels": contract.MELS_SHAPE})[0][0].numpy()
    columns = np.arange(contract.N_COLUMNS) >= contract.N_COLUMNS - n_columns
    word_mask = np.arange(contract.N_WORDS) >= contract.N_WORDS - n_words
    return Window(
        picture=picture * columns,
        mels=mels * columns.repeat(contract.MELS_PER_COLUMN),
        columns=columns,
        words=words * word_mask,
        word_mask=word_mask,
        word_spans=spans * word_mask[:, np.newaxis],
        start=0,
        end=contract.STREAM_RATE_HZ * 8,
        state=state,
        stage=Stage.PARTIAL if n_words else Stage.AUDIO,
        utterance=3,
        revision=2,
        n_words=n_words,
        captured_s=12.5,
        features_s=0.001,
    )
