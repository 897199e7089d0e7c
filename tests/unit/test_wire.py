"""What child and owner say to one another: true round trips, and nothing believed that should not be."""

import io
import json
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.engines import wire
from streamer.errors import RecogniserError
from streamer.records import SpeechSound, Word

START, END = 16_000, 32_000


def words_line(rows: object, **more: object) -> bytes:
    record: Mapping[str, object] = {"kind": "words", "at": END, "final": True, "words": rows} | more
    return json.dumps(record).encode()


def words_of(rows: object) -> tuple[Word, ...]:
    reply = wire.line_to_reply(words_line(rows), START, END)
    assert isinstance(reply, wire.Words)
    return reply.words


def test_a_piece_of_sound_comes_through_the_pipe() -> None:
    samples = np.array([0.0, 0.5, -0.5, 1.0], np.float32)
    pipe = io.BytesIO(wire.piece_to_bytes(SpeechSound(7, 1 << 40, samples, last=True), more=True))
    piece = wire.read_piece(pipe)
    assert piece is not None
    assert (piece.utterance, piece.start, piece.last, piece.more) == (7, 1 << 40, True, True)
    np.testing.assert_allclose(wire.pcm_to_samples(piece.pcm), samples, atol=1 / 32767)
    assert wire.read_piece(pipe) is None


def test_samples_beyond_full_scale_are_clipped_and_no_numbers_become_silence() -> None:
    samples = np.array([9.0, -9.0, np.nan, np.inf, -np.inf], np.float32)
    piece = wire.read_piece(io.BytesIO(wire.piece_to_bytes(SpeechSound(0, 0, samples, last=False), more=False)))
    assert piece is not None
    assert piece.pcm.tolist() == [32767, -32767, 0, 32767, -32767]


@pytest.mark.parametrize("cut", [1, 16, 18, 20])
def test_a_pipe_that_ends_inside_a_piece_is_the_end(cut: int) -> None:
    whole = wire.piece_to_bytes(SpeechSound(0, 0, np.zeros(2, np.float32), last=False), more=False)
    assert len(whole) == 21
    assert wire.read_piece(io.BytesIO(whole[:cut])) is None


@pytest.mark.parametrize("header", [b"\xff" * 17, b"\x00" * 13 + b"\xff\xff\xff\x00"])
def test_a_header_that_is_none_is_refused(header: bytes) -> None:
    with pytest.raises(RecogniserError):
        wire.read_piece(io.BytesIO(header + b"\x00" * 100))


def test_replies_come_through_the_pipe() -> None:
    word = Word("naïve", 17_000, 18_000, 0.25, final=True)
    for reply in (
        wire.Ready(),
        wire.Heard(20_000),
        wire.Failed("no", for_good=True),
        wire.Words((word,), END, final=True),
    ):
        line = wire.reply_to_line(reply)
        assert line.endswith(b"\n")
        assert line.count(b"\n") == 1
        assert wire.line_to_reply(line, START, END) == reply


def test_words_beyond_the_caps_are_cut() -> None:
    words = words_of([["x" * 10_000, 16_000, 16_001, 0.5, True]] * 10_000)
    assert len(words) == 512
    assert {len(word.text) for word in words} == {64}


def test_times_are_drawn_into_the_sound_and_never_fall() -> None:
    words = words_of([["a", -5, 17_000, 1, True], ["b", 16_500, 16_400, 1, True], ["c", 16_000, 10**30, 1, True]])
    assert [(w.start, w.end) for w in words] == [(16_000, 17_000), (16_500, 16_500), (16_500, 32_000)]


def test_text_is_made_harmless() -> None:
    words = words_of([["\x1b[2J\nHi\x00", 16_000, 17_000, 7.0, True], ["\x07", 16_000, 17_000, 1, True]])
    assert [(w.text, w.confidence) for w in words] == [("[2jhi", 1.0)]


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"hello",
        b"null",
        b"{}",
        b"[" * 100_000,
        b'{"kind": "sing"}',
        b'{"kind": "heard"}',
        b'{"kind": "heard", "at": true}',
        b'{"kind": "heard", "at": NaN}',
        b'{"kind": "failed", "reason": 5, "for_good": true}',
        words_line([["a", 0, 1, 1]]),
        words_line([["a", "0", 1, 1, True]]),
        words_line([[5, 0, 1, 1, True]]),
        words_line(["a"]),
        words_line("a"),
        words_line([], final=1),
        words_line([["a", 0, 1, 1, True]]).replace(b"0, 1, 1,", b"0, 1, Infinity,"),
    ],
)
def test_what_is_no_reply_is_refused_without_repeating_it(line: bytes) -> None:
    with pytest.raises(RecogniserError, match=r"^the recogniser answered with something that is no answer$"):
        wire.line_to_reply(line, START, END)


@given(st.binary(max_size=200) | st.recursive(st.none() | st.text(), st.lists).map(words_line))
def test_any_line_is_a_reply_or_refused(line: bytes) -> None:
    try:
        reply = wire.line_to_reply(line, START, END)
    except RecogniserError:
        return
    assert isinstance(reply, wire.Ready | wire.Words | wire.Heard | wire.Failed)
