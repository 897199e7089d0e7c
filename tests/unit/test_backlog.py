"""Sound that waits for the recogniser."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from streamer.engines import wire
from streamer.engines.backlog import Backlog
from streamer.records import SpeechSound
from tests.harness.speech import utterance
from tests.signals import noise, silence


def test_long_sound_is_cut_for_the_wire_and_only_its_last_piece_ends_the_utterance() -> None:
    backlog = Backlog(10.0)
    sound = noise(20_001)
    backlog.add(SpeechSound(3, 500, sound, last=True))
    pieces = [backlog.take() for _ in range(len(backlog))]
    assert [(p.start, len(p.samples), p.last) for p in pieces] == [
        (500, 8_000, False),
        (8_500, 8_000, False),
        (16_500, 4_001, True),
    ]
    assert b"".join(p.samples.tobytes() for p in pieces) == sound.tobytes()
    assert backlog.dropped == 0


def test_an_end_without_sound_is_kept() -> None:
    backlog = Backlog(10.0)
    backlog.add(SpeechSound(0, 500, silence(0), last=True))
    end = backlog.take()
    assert (end.utterance, end.start, len(end.samples), end.last) == (0, 500, 0, True)


@given(st.lists(st.tuples(st.integers(1, 9_000), st.booleans()), min_size=1, max_size=40))
def test_the_oldest_go_are_counted_and_every_end_stays(rows: list[tuple[int, bool]]) -> None:
    backlog = Backlog(1.0)
    at = number = n_pieces = 0
    for n, last in rows:
        backlog.add(SpeechSound(number, at, silence(n), last))
        n_pieces += -(-n // wire.MAX_PIECE_SAMPLES)
        at += n
        number += last
        waiting = [backlog.take() for _ in range(len(backlog))]
        assert sum(len(p.samples) for p in waiting) <= 16_000
        for piece in waiting:
            backlog.add(piece)
    waiting = [backlog.take() for _ in range(len(backlog))]
    assert [p.utterance for p in waiting if p.last] == list(range(number))
    assert sum(1 for p in waiting if len(p.samples)) + backlog.dropped == n_pieces
    assert waiting[-1].end == at
    sounding = [p for p in waiting if len(p.samples)]
    assert all(a.end == b.start for a, b in itertools.pairwise(sounding))


def test_a_dropped_end_keeps_its_place_in_the_stream() -> None:
    backlog = Backlog(0.1)
    for sound in (*utterance(0, 0, silence(1600)), *utterance(1, 5000, silence(1600))):
        backlog.add(sound)
    end, _ = backlog.take(), backlog.take()
    assert (end.utterance, end.start, len(end.samples), end.last) == (0, 1600, 0, True)
    assert backlog.dropped == 1
