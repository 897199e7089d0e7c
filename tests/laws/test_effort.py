"""The law of effort: the network runs only where there is speech, and only on the sound that an estimate rests on."""

import numpy as np

from streamer.engines.classifier import Classifier
from streamer.engines.engine import Answer, Feed
from streamer.engines.verdict import Calibration
from streamer.features.windows import WindowRules
from streamer.network import contract
from streamer.network.card import SHORTEST_COLUMNS
from streamer.network.deep import HEARD_COLUMNS
from streamer.records import Samples, State
from tests.networks import card
from tests.unit.test_windows import RATE, Ear, noise, speech

SPOKEN_S = ((2.0, 5.0), (9.0, 10.5))
TOLERANCE_S = 0.6
"""An utterance begins a little before its first voiced block, and the last one after a pause."""

SOUND: Samples = np.concatenate((noise(2, 0.01), speech(3), noise(4, 0.01), speech(1.5), noise(3.5, 0.01)))


class Counting:
    """An engine that notes what it was asked."""

    device = "cpu"

    def __init__(self) -> None:
        self.feeds: list[Feed] = []

    def run(self, feed: Feed) -> Answer:
        self.feeds.append(feed)
        return Answer(np.zeros((3, contract.N_EMOTIONS), np.float32), None)


def test_the_network_runs_only_where_there_is_speech_and_hears_only_that() -> None:
    deep, engine = card("deep", "deep", {}), Counting()
    windows = Ear(with_mels=True).hear(SOUND)
    with Classifier(engine, deep, Calibration.of(deep)) as classifier:
        states = [classifier.classify(window).state for window in windows]
    asked = [window for window in windows if window.state is State.SPEECH]
    assert [feed.end for feed in engine.feeds] == [window.end for window in asked]
    assert 0 < len(asked) < len(windows) / 2
    assert set(states) == {State.NO_SPEECH, State.TOO_LITTLE, State.UNSURE}
    for feed, window in zip(engine.feeds, asked, strict=True):
        end_s = feed.end / RATE
        begun = [start for start, end in SPOKEN_S if start <= end_s <= end + WindowRules().hangover_s + TOLERANCE_S]
        assert begun
        n_columns = feed.arrays["mels"].shape[2] // contract.MELS_PER_COLUMN
        evidence = min(int(window.columns.sum()), HEARD_COLUMNS)
        assert evidence <= n_columns <= max(SHORTEST_COLUMNS, evidence + contract.POOLING_GRID_COLUMNS - 1)
        heard_s = contract.samples_of(n_columns) / contract.PICTURE_RATE_HZ
        if end_s > begun[-1] + WindowRules().min_speech_s + TOLERANCE_S:
            # What was said before is no longer heard, though the picture still holds it.
            assert end_s - heard_s > begun[-1] - TOLERANCE_S
