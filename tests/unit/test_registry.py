"""Networks by name, and weights that do not fit them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from streamer.network import checkpoint, registry
from streamer.network.card import INPUT_SHAPES, LABEL_SETS, Card, Shapes
from streamer.network.entries import CheckpointError
from tests.networks import answer, answers, card, inputs, network, write_weights


@pytest.mark.parametrize("kind", registry.NETWORKS)
def test_every_network_answers_with_its_heads(kind: str) -> None:
    config = {"n_classes": 7}
    net = network(kind, config)
    shapes = registry.inputs_of(net)
    logits, *embedding = answers(net, inputs(2, 0, shapes))
    assert logits.shape == (2, len(registry.NETWORKS[kind].heads), 7)
    assert [tuple(one.shape[1:]) for one in embedding] == ([shapes["speaker"]] if "speaker" in shapes else [])


def test_a_saved_network_answers_as_before(tmp_path: Path) -> None:
    folder = write_weights(tmp_path, seed=5)
    before = answer(network("attention", dict(card().config), seed=5), inputs(1))
    net = registry.load(folder)
    assert not net.training
    assert torch.equal(answer(net, inputs(1)), before)


def refusal(made: Card, tensors: dict[str, np.ndarray]) -> str:
    with pytest.raises(CheckpointError) as caught:
        registry.restore(made, tensors, "weights")
    return str(caught.value)


def test_weights_of_another_shape_are_refused_by_the_name_of_the_layer() -> None:
    tensors = registry.tensors_of(network("attention", dict(card().config)))
    tensors["f.weight"] = tensors["f.weight"][:2]
    again = "install or train the model again"
    assert refusal(card(), tensors) == f"weights: layer f.weight is 2x4x1, but network attention wants 4x4x1; {again}"
    del tensors["f.weight"]
    said = f"weights: layer f.weight is missing, but network attention wants 4x4x1; {again}"
    assert refusal(card(), tensors) == said


def test_a_card_that_does_not_fit_its_network_is_refused() -> None:
    tensors = registry.tensors_of(network("attention", dict(card().config)))
    two_heads = replace(card(), heads=("joint", "sound"))
    assert "has heads ('joint',), its card says ('joint', 'sound')" in refusal(two_heads, tensors)
    seven = replace(card(), labels=LABEL_SETS[1])
    assert "answers 1x6, its card says 1 heads and 7 labels" in refusal(seven, tensors)


def test_deep_hears_as_many_columns_as_its_config_says() -> None:
    assert registry.inputs_of(registry.create("deep", {}))["columns"] == (248,)
    shapes = registry.inputs_of(registry.create("deep", {"n_columns": 200}))
    assert (shapes["columns"], shapes["mels"]) == ((200,), (80, 400))


def test_a_card_of_other_inputs_is_refused_before_the_network_runs() -> None:
    tensors = registry.tensors_of(network("stream"))
    made = replace(card("s", "stream", {}), labels=LABEL_SETS[1])
    assert "speaker 576" in shape_names(made.shapes)
    registry.restore(made, tensors, "weights")
    said = refusal(replace(made, shapes=INPUT_SHAPES), tensors)
    assert said == (
        f"weights: network stream takes {shape_names(made.shapes)}, its card says {shape_names(INPUT_SHAPES)}; "
        "train it again"
    )


def shape_names(shapes: Shapes) -> str:
    return ", ".join(f"{name} {'x'.join(str(side) for side in shape)}" for name, shape in shapes.items())


def test_unknown_networks_and_settings_are_refused() -> None:
    with pytest.raises(
        CheckpointError, match="there is no network 'deepest', known are attention, shallow, stream, deep"
    ):
        registry.create("deepest", {})
    with pytest.raises(CheckpointError, match=r"network shallow cannot be made from its card's config .*colour"):
        registry.create("shallow", {"colour": "red"})
    with pytest.raises(CheckpointError, match=r"cannot be made from its card's config .*7 poolings do not divide"):
        registry.create("attention", {"third_poolings": 7})


def test_weights_are_checked_before_they_are_loaded(tmp_path: Path) -> None:
    folder = write_weights(tmp_path)
    (folder / checkpoint.WEIGHTS_FILE).write_bytes(b"")
    with pytest.raises(CheckpointError, match="SHA-256"):
        registry.load(folder)
