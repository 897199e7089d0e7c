"""The law of the cached form: whatever comes in whatever order, it answers as the whole network does, to 1e-4."""

from dataclasses import dataclass, field

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from streamer.engines.cached_engine import SAMPLES_PER_COLUMN
from streamer.engines.engine import Feed, feed_of
from streamer.network import contract
from streamer.records import Samples, Window
from tests.harness.cached_parts import Judge, small_stream
from tests.unit.test_windows import RATE, Ear, noise, speech, transcript

NET = small_stream()
SHAPES = {
    "picture": contract.PICTURE_SHAPE,
    "columns": (contract.N_COLUMNS,),
    "words": contract.WORDS_SHAPE,
    "word_mask": (contract.N_WORDS,),
    "word_spans": (contract.N_WORDS, 2),
    "speaker": (NET.embedding_size,),
}
VOCABULARY = ("so", "happy", "today", "unheard-of")


@dataclass
class Stream:
    """A monitor's first half: sound in pieces, words, holes, mutes and restarts; windows out to be compared."""

    judge: Judge = field(default_factory=lambda: Judge(NET))
    ear: Ear = field(default_factory=Ear)
    at: int = 0
    skipped: int = 0
    """Windows that a busy classifier passes over before the next."""
    speaker: NDArray[np.float32] | None = None

    def hear(self, samples: Samples, *, muted: bool = False) -> None:
        for window in self.ear.hear(samples, self.at, muted=muted):
            self.look(window)
        self.at += len(samples)

    def look(self, window: Window) -> None:
        if self.skipped:
            self.skipped -= 1
            return
        self.judge.ask(feed_of(window, SHAPES, self.speaker))


def sound(seed: int, n_samples: int, *, loud: bool) -> Samples:
    made = speech(n_samples / RATE) if loud else noise(n_samples / RATE, 0.01, seed)
    return np.roll(made, seed)


PIECES = st.tuples(st.just("sound"), st.integers(0, 9), st.integers(1, 3 * RATE), st.booleans(), st.integers(1, RATE))
EVENTS = st.lists(
    st.one_of(
        PIECES,
        PIECES,
        st.tuples(st.just("words"), st.lists(st.sampled_from(VOCABULARY), max_size=45), st.integers(0, 2)),
        st.tuples(st.just("hole"), st.integers(1, 2 * RATE)),
        st.tuples(st.just("mute"), st.integers(1, RATE)),
        st.tuples(st.just("skip"), st.integers(1, 60)),
        st.tuples(st.just("speaker"), st.integers(0, 9)),
        st.tuples(st.just("restart")),
    ),
    min_size=1,
    max_size=12,
)


@settings(deadline=None, max_examples=40)
@given(EVENTS)
def test_any_stream_is_answered_as_by_the_whole_network(events: list[tuple]) -> None:  # type: ignore[type-arg]
    stream = Stream()
    for event in events:
        match event:
            case ("sound", seed, n_samples, loud, chunk):
                made = sound(seed, n_samples, loud=loud)
                for piece in np.split(made, range(chunk, n_samples, chunk)):
                    stream.hear(piece)
            case ("words", words, utterance):
                stream.ear.windower.hear(transcript(stream.at / RATE, *words, utterance=utterance))
            case ("hole", n_samples):
                stream.at += n_samples
            case ("mute", n_samples):
                stream.hear(np.zeros(n_samples, np.float32), muted=True)
            case ("skip", n_windows):
                stream.skipped = n_windows
            case ("speaker", seed):
                chance = np.random.default_rng(seed)
                stream.speaker = chance.standard_normal(NET.embedding_size).astype(np.float32)
            case _:
                stream.ear, stream.at = Ear(), 0


@dataclass(frozen=True)
class Look:
    """One window on a strip of columns, chosen with ill will."""

    moved: int
    """Columns from the window before."""
    shown: int
    """Newest columns that are shown."""
    holes: int
    """Seed of masked columns among them; 0: none."""
    spoiled: int
    """Column that holds something else than the strip; -1: none."""
    lie: int
    """Columns by which the position is wrong."""
    n_words: int
    words: int
    """Seed of the words."""


LOOKS = st.lists(
    st.builds(
        Look,
        moved=st.one_of(st.sampled_from((8, 8, 8, 4, 16, 0)), st.integers(0, 500)),
        shown=st.one_of(st.just(contract.N_COLUMNS), st.integers(0, contract.N_COLUMNS)),
        holes=st.sampled_from((0, 0, 0, 1, 2)),
        spoiled=st.one_of(st.just(-1), st.integers(0, contract.N_COLUMNS - 1)),
        lie=st.sampled_from((0, 0, 0, 4, -4, 8, 1000)),
        n_words=st.integers(0, contract.N_WORDS),
        words=st.integers(0, 2),
    ),
    min_size=2,
    max_size=10,
)
STRIP = np.random.default_rng(1).random((contract.N_BANDS, contract.N_COLUMNS + 10 * 500), np.float32)
STRIP[:, 700:900] = 0.0  # digital silence: every column like its neighbour


def feed(look: Look, newest: int) -> Feed:
    picture = STRIP[:, newest - contract.N_COLUMNS : newest].copy()
    if look.spoiled >= 0:
        picture[:, look.spoiled] += 0.5
    columns = np.arange(contract.N_COLUMNS) >= contract.N_COLUMNS - look.shown
    if look.holes:
        columns &= np.random.default_rng(look.holes).random(contract.N_COLUMNS) > 0.1
    chance = np.random.default_rng(look.words)
    mask = np.arange(contract.N_WORDS) >= contract.N_WORDS - look.n_words
    spans = np.sort(chance.random((contract.N_WORDS, 2)).astype(np.float32) * contract.N_COLUMNS, axis=1)
    arrays = {
        "picture": picture,
        "columns": columns,
        "words": chance.standard_normal(contract.WORDS_SHAPE).astype(np.float32),
        "word_mask": mask,
        "word_spans": spans,
        "speaker": chance.standard_normal(NET.embedding_size).astype(np.float32),
    }
    end = (newest + look.lie) * SAMPLES_PER_COLUMN
    return Feed({name: array[np.newaxis] for name, array in arrays.items()}, end, utterance=0)


@settings(deadline=None, max_examples=60)
@given(LOOKS)
def test_no_picture_mask_word_or_position_can_bring_old_sound_into_an_answer(looks: list[Look]) -> None:
    judge, newest = Judge(NET), contract.N_COLUMNS
    for look in looks:
        newest += look.moved
        judge.ask(feed(look, newest))
