"""Windows as the networks take them."""

from dataclasses import replace

import numpy as np
import pytest

from streamer.engines.engine import blank_feed, fed_columns, feed_of, first_slot, with_said_slots
from streamer.network import contract, registry
from streamer.network.card import INPUT_SHAPES, Shapes, input_shapes
from tests.networks import inputs, network, window

STREAM = registry.inputs_of(network("stream"))
DEEP = registry.inputs_of(network("deep", {"n_columns": contract.N_COLUMNS}))


def test_a_window_is_fed_under_the_names_of_the_signature() -> None:
    fed = window()
    feed = feed_of(fed, INPUT_SHAPES)
    assert (feed.arrays["picture"][0] == fed.picture).all()
    assert (feed.arrays["word_spans"][0] == fed.word_spans).all()
    assert (feed.arrays["columns"][0] == fed.columns).all()
    assert (feed.end, feed.utterance) == (fed.end, fed.utterance)


@pytest.mark.parametrize("shapes", [INPUT_SHAPES, STREAM, DEEP])
def test_both_feeds_have_shapes_and_types_of_the_signature(shapes: Shapes) -> None:
    wanted = {name: array.numpy() for name, array in zip(shapes, inputs(1, 0, shapes), strict=True)}
    for feed in (feed_of(window(n_columns=contract.N_COLUMNS), shapes), blank_feed(shapes)):
        assert list(feed.arrays) == list(shapes)
        for name, array in feed.arrays.items():
            assert (array.shape, array.dtype) == (wanted[name].shape, wanted[name].dtype)
            assert np.isfinite(array).all()


def test_the_speaker_is_nobody_unless_somebody_is_given() -> None:
    assert not feed_of(window(), STREAM).arrays["speaker"].any()
    mean = np.arange(STREAM["speaker"][0], dtype=np.float32)
    assert (feed_of(window(), STREAM, mean).arrays["speaker"] == mean[np.newaxis]).all()
    assert "speaker" not in feed_of(window(), INPUT_SHAPES, mean).arrays


@pytest.mark.parametrize(("n_heard", "n_fed"), [(0, 8), (1, 8), (8, 8), (9, 12), (200, 200), (397, 400), (400, 400)])
def test_mels_are_fed_only_where_something_was_heard(n_heard: int, n_fed: int) -> None:
    fed = window(n_columns=n_heard)
    assert fed_columns(fed.columns, contract.N_COLUMNS) == n_fed
    arrays = feed_of(fed, DEEP).arrays
    assert arrays["mels"].shape == (1, 80, 2 * n_fed)
    assert fed.mels is not None
    assert (arrays["mels"][0] == fed.mels[:, -2 * n_fed :]).all()
    assert (arrays["columns"][0] == fed.columns[-n_fed:]).all()


def test_a_hole_in_what_was_heard_is_fed_too() -> None:
    columns = np.zeros(contract.N_COLUMNS, np.bool_)
    columns[[300, 390]] = True
    assert fed_columns(columns, contract.N_COLUMNS) == 100


def test_a_network_made_for_fewer_columns_gets_the_newest() -> None:
    shapes = input_shapes("mels", 768, n_columns=300)
    fed = window(n_columns=350)
    arrays = feed_of(fed, shapes).arrays
    assert fed.mels is not None
    assert (arrays["mels"][0] == fed.mels[:, -600:]).all()
    assert arrays["columns"].all()
    assert arrays["columns"].shape == (1, 300)
    assert feed_of(window(n_columns=100), shapes).arrays["columns"].shape == (1, 100)


def test_a_window_without_mels_is_no_food_for_deep() -> None:
    with pytest.raises(ValueError, match="takes mels"):
        feed_of(replace(window(), mels=None), DEEP)


@pytest.mark.parametrize(("said", "first"), [([], 38), ([39], 38), ([38], 37), ([25, 39], 24), ([1], 0), ([0, 20], 0)])
def test_the_slot_before_the_first_word_is_the_first_that_is_fed(said: list[int], first: int) -> None:
    mask = np.zeros(contract.N_WORDS, np.bool_)
    mask[said] = True
    assert first_slot(mask) == first


def test_what_was_said_is_all_that_is_fed_of_the_words() -> None:
    whole = feed_of(window(n_words=5), DEEP).arrays
    cut = with_said_slots(whole)
    assert [cut[name].shape for name in ("words", "word_mask", "word_spans")] == [(1, 300, 6), (1, 6), (1, 6, 2)]
    assert (cut["words"] == whole["words"][..., -6:]).all()
    assert (cut["word_spans"] == whole["word_spans"][:, -6:]).all()
    assert cut["mels"] is whole["mels"]
