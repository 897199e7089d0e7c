"""Windows as the networks take them."""

import numpy as np

from streamer.engines.engine import blank_feed, feed_of
from streamer.network.card import INPUT_SHAPES
from tests.networks import inputs, window


def test_a_window_is_fed_under_the_names_of_the_signature() -> None:
    fed = window()
    feed = feed_of(fed)
    assert (feed["picture"][0] == fed.picture).all()
    assert (feed["word_spans"][0] == fed.word_spans).all()
    assert (feed["columns"][0] == fed.columns).all()


def test_both_feeds_have_shapes_and_types_of_the_signature() -> None:
    wanted = {name: array.numpy() for name, array in zip(INPUT_SHAPES, inputs(1), strict=True)}
    for feed in (feed_of(window()), blank_feed()):
        assert list(feed) == list(INPUT_SHAPES)
        for name, array in feed.items():
            assert (array.shape, array.dtype) == (wanted[name].shape, wanted[name].dtype)
            assert np.isfinite(array).all()
