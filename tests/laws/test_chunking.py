"""The law of streaming: any split of the sound into chunks gives identical windows, speech and words included."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.features.speech import BLOCK_SAMPLES
from streamer.records import Samples, Transcript, Window
from tests.unit.test_windows import RATE, Ear, noise, speech, transcript

SOUND: Samples = np.concatenate((noise(0.7, 0.01), speech(2.3), noise(1.1, 0.01), speech(1.4), noise(0.5, 0.01)))
SAID: tuple[Transcript, ...] = (
    # Just before windows end (1.68, 2.64, 3.28 s), in the middle of a block: the hardest place for the law.
    transcript(1.675, "so", "happy"),
    transcript(2.635, "so", "happy", "today"),
    transcript(3.275, "so", "happy", "today", final=True),
    transcript(5.0, "happy", utterance=1),
)


def whole_blocks(position: int) -> int:
    return position // BLOCK_SAMPLES * BLOCK_SAMPLES


def windows(lengths: list[int]) -> list[Window]:
    """Feed the sound in pieces; words come as in lock-step: after the block in which they are, before its windows."""
    ear, start = Ear(with_mels=True), 0
    made: list[Window] = []
    for piece in np.split(SOUND, np.cumsum(lengths)):
        for known in SAID:
            if whole_blocks(start) < known.at <= whole_blocks(start + len(piece)):
                ear.windower.hear(known)
        made += ear.hear(piece, start)
        start += len(piece)
    return made


def same(one: Window, other: Window) -> bool:
    arrays = ("picture", "mels", "columns", "words", "word_mask", "word_spans")
    values = ("start", "end", "state", "stage", "utterance", "revision", "n_words")
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in arrays) and all(
        getattr(one, name) == getattr(other, name) for name in values
    )


WHOLE = windows([])


@settings(deadline=None, max_examples=40)
@given(
    st.one_of(st.lists(st.integers(0, RATE), max_size=30), st.integers(100, 600).map(lambda n: [n] * (len(SOUND) // n)))
)
def test_any_split_gives_identical_windows(lengths: list[int]) -> None:
    cut = windows(lengths)
    assert len(cut) == len(WHOLE) > 30
    assert all(same(one, other) for one, other in zip(cut, WHOLE, strict=True))


@settings(deadline=None, max_examples=10)
@given(st.integers(RATE, len(SOUND)))
def test_a_longer_recording_begins_with_the_windows_of_a_shorter_one(n_samples: int) -> None:
    ear = Ear(with_mels=True)
    for known in SAID:
        ear.windower.hear(known)
    shorter = ear.hear(SOUND[:n_samples])
    assert all(same(one, other) for one, other in zip(shorter, WHOLE, strict=False))


def test_the_law_has_something_to_break() -> None:
    """Speech, both utterances, revisions and every stage occur in the sound of this file."""
    assert {window.utterance for window in WHOLE} >= {-1, 0, 1}
    assert max(window.revision for window in WHOLE) >= 2
    assert len({window.stage for window in WHOLE}) == 3
    assert len({window.state for window in WHOLE}) >= 3
