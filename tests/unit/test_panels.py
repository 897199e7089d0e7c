"""The screen: everything in view from 60x20 on, never larger than the terminal, calm below, said without colour too."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from streamer.network import contract
from streamer.records import Mood, State, Word
from streamer.sinks.glyphs import ASCII, UNICODE, Glyphs, clean, fit, fit_end, glyphs_for, wrap
from streamer.sinks.lettering import DOTS, lettering
from streamer.sinks.panels import Hearing, Status, View, picture
from streamer.sinks.view import NO_LABEL, NOT_HEARING, headline
from tools.refresh_golden import FOLDER, GOLDEN
from tools.sample_views import MUTED, OFFLINE, SILENCE, SPEECH, UNSURE, VIEWS, spoken

SIZES = ((60, 20), (80, 24), (120, 40))


def lines_of(view: View, width: int, height: int, glyphs: Glyphs = UNICODE) -> list[str]:
    return ["".join(segment.text for segment in line) for line in picture(view, width, height, glyphs)]


def text_of(view: View, width: int, height: int, glyphs: Glyphs = UNICODE) -> str:
    return "\n".join(lines_of(view, width, height, glyphs))


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_files_are_what_the_program_makes(name: str) -> None:
    assert Path(FOLDER, name).read_text(encoding="utf-8") == GOLDEN[name](), "run `python -m tools.refresh_golden`"


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("glyphs", [UNICODE, ASCII], ids=["unicode", "ascii"])
def test_everything_is_in_view_from_60x20_on(width: int, height: int, glyphs: Glyphs) -> None:
    shown = text_of(SPEECH, width, height, glyphs)
    wanted = [
        f"{glyphs.on} listening",
        "USB microphone",
        "0:12:34",
        "-23 dB",
        "peak -11 dB",
        "happy 71 %",
        "for 4 s",
        "newest window 78 %",
        "thought it would",
        "9 ms, p95 21 ms",
        "Whisper tiny.en",
        "cpu, stream-en",
        "online, 127.0.0.1:1883",
        "dropped     nothing",
        "q quit",
        "space pause",
        "m mute",
        *(f"{emotion:10}" for emotion in contract.EMOTIONS),
        *(f"{percent:2} %" for percent in (71, 5, 6, 11, 3, 4)),
    ]
    assert [part for part in wanted if part not in shown] == []


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_trouble_and_a_long_notice_hide_nothing(width: int, height: int) -> None:
    shown = lines_of(replace(OFFLINE, notice=MUTED.notice), width, height)
    names = (
        "listening",
        "level",
        "happy",
        "fear",
        "words",
        "latency",
        "dropped",
        "recogniser",
        "device",
        "broker",
        "q quit",
    )
    assert [name for name in names if not any(name in line for line in shown)] == []
    assert MUTED.notice in " ".join(" ".join(line.split()) for line in shown)


def test_a_reason_too_long_for_a_row_goes_on_in_the_next_where_there_is_room() -> None:
    shown = " ".join(text_of(OFFLINE, 60, 24).split())
    assert "connection refused by 127.0.0.1:1883, next try in 8 s" in shown


def test_what_is_cut_says_so() -> None:
    assert fit("a long line", 6, "…") == "a lon…"
    assert fit("안녕하세요", 6, "…") == "안녕…"
    assert fit("short", 5, "…") == "short"
    assert fit_end("a long line", 6, "…") == "… line"
    assert fit_end("안녕하세요", 6, "…") == "…세요"


def test_the_newest_words_are_always_in_view() -> None:
    view = replace(SPEECH, words=spoken("one two three four five six seven eight nine ten " * 8, "and the last"))
    for width, height in [*SIZES, (20, 5), (40, 8)]:
        shown = text_of(view, width, height)
        assert "the last…" in shown
        assert (shown.count("seven") == 8) == ((width, height) == (120, 40))
        assert bool(re.search(r"… \w", shown)) == ((width, height) != (120, 40)), "what is cut at the left says so"


def test_settled_words_are_plain_and_words_that_may_change_are_dim() -> None:
    dim = {s.text.strip(): bool(s.style and s.style.dim) for line in picture(SPEECH, 80, 24) for s in line}
    assert (dim["garden"], dim["thought"]) == (False, True)


def test_marks_lean_on_the_word_before() -> None:
    assert "morning, and" in text_of(SPEECH, 80, 24)


def test_korean_words_are_measured_in_cells() -> None:
    for line in lines_of(OFFLINE, 60, 20):
        assert cell_len(line) <= 60
    assert "돌아왔습니다…" in text_of(OFFLINE, 60, 20)


@pytest.mark.parametrize("state", NO_LABEL)
def test_every_state_without_a_label_is_said_plainly(state: State) -> None:
    mood = Mood(state, None, 0.0, None, 0, 16_000)
    for width, height in SIZES:
        assert NO_LABEL[state] in text_of(replace(SILENCE, mood=mood), width, height)


@pytest.mark.parametrize("hearing", NOT_HEARING)
def test_no_emotion_is_shown_while_nothing_is_heard(hearing: Hearing) -> None:
    view = replace(SPEECH, hearing=hearing, reason="because")
    assert headline(view) == NOT_HEARING[hearing]
    for width, height in SIZES:
        shown = text_of(view, width, height)
        assert NOT_HEARING[hearing] in shown
        assert "because" in shown
        assert "listening" not in shown
        assert UNICODE.on not in shown


def test_unsure_names_the_nearest_emotion_but_gives_no_label() -> None:
    shown = text_of(UNSURE, 80, 24)
    assert "not sure" in shown
    assert "nearest angry 31 %" in shown


def test_small_screens_keep_label_then_listening_then_level() -> None:
    assert lines_of(SPEECH, 40, 1) == [" happy 71 %"]
    assert [line.split()[:2] for line in lines_of(SPEECH, 40, 2)] == [["●", "listening"], ["happy", "71"]]
    head, level, label = lines_of(SPEECH, 40, 3)
    assert "listening" in head
    assert "-23 dB" in level
    assert "happy 71 %" in label


def test_ascii_screens_hold_nothing_else() -> None:
    for view in VIEWS.values():
        assert text_of(view, 80, 24, ASCII).isascii()


@pytest.mark.parametrize(
    ("encoding", "term", "drawn_with"),
    [("utf-8", "xterm", UNICODE), ("ascii", "xterm", ASCII), ("latin-1", "xterm", ASCII), ("utf-8", "linux", ASCII)],
)
def test_drawing_characters_follow_the_terminal(encoding: str, term: str, drawn_with: Glyphs) -> None:
    glyphs = glyphs_for(encoding, term)
    assert (glyphs.on, glyphs.encoding) == (drawn_with.on, encoding)
    text_of(OFFLINE, 80, 24, glyphs).encode(encoding)


def test_text_from_outside_cannot_move_the_cursor() -> None:
    evil = "a\x1b[2Jb\r\nc\u202ed\x9b1m"
    assert clean(evil).isprintable()
    view = replace(
        SPEECH, source=evil, broker=Status(evil), notice=evil, words=(Word(evil, 0, 1, 1.0, True),), reason=evil
    )
    for line in lines_of(view, 80, 24):
        assert line.isprintable() or not line


def test_every_label_has_large_letters() -> None:
    for emotion in contract.EMOTIONS:
        drawn = lettering(f"{emotion} 100 %")
        assert drawn is not None
        assert len({len(row) for row in drawn}) == 1
    assert len(lettering("surprised 88 %") or ()) == 3
    assert all(len({len(row) for row in rows.split(" ")}) == 1 and rows.count(" ") == 4 for rows in DOTS.values())


@given(text=st.text(max_size=60), width=st.integers(1, 20))
def test_wrapped_text_is_whole_and_narrow(text: str, width: int) -> None:
    said = clean(text)
    wrapped = wrap(said, width)
    assert "".join("".join(wrapped).split()) == "".join(said.split())
    assert all(cell_len(line) <= width or len(line) == 1 for line in wrapped)


number = st.none() | st.floats(allow_nan=True, allow_infinity=True)
share = st.floats(0, 1)
text = st.text(max_size=80)
status = st.builds(Status, text, st.booleans())
mood = st.builds(
    Mood,
    state=st.sampled_from(State),
    label=st.none() | st.sampled_from(contract.EMOTIONS),
    confidence=share,
    probabilities=st.none() | st.tuples(*[share] * contract.N_EMOTIONS),
    start=st.integers(0, 10**9),
    end=st.integers(0, 10**9),
)
views = st.builds(
    View,
    hearing=st.sampled_from(Hearing),
    source=text,
    mood=st.none() | mood,
    confidence=st.none() | share,
    history=st.lists(st.lists(number, max_size=60).map(tuple), max_size=7).map(tuple),
    reason=text,
    level_db=number,
    peak_db=number,
    words=st.lists(st.builds(Word, text, st.just(0), st.just(0), share, st.booleans()), max_size=30).map(tuple),
    latency_p50_ms=st.none() | st.floats(0, 1e6),
    latency_p95_ms=st.none() | st.floats(0, 1e6),
    recogniser=status,
    device=status,
    broker=status,
    drops=st.lists(st.tuples(text, st.integers(0, 10**9)), max_size=4).map(tuple),
    elapsed_s=st.integers(0, 10**7),
    notice=st.text(max_size=200),
)


@settings(max_examples=300, deadline=None)
@given(
    view=views | st.sampled_from(list(VIEWS.values())),
    width=st.integers(1, 200),
    height=st.integers(1, 60),
    glyphs=st.sampled_from([UNICODE, ASCII]),
)
def test_no_view_fails_and_none_is_larger_than_the_terminal(
    view: View, width: int, height: int, glyphs: Glyphs
) -> None:
    shown = lines_of(view, width, height, glyphs)
    assert 1 <= len(shown) <= height
    assert all(cell_len(line) <= width for line in shown)


def test_a_network_that_knows_its_speaker_can_be_told_of_another() -> None:
    assert "m mute   n new speaker" in lines_of(replace(SPEECH, adapts=True), 60, 20)[-1]
    assert "new speaker" not in lines_of(replace(SPEECH, adapts=True), 49, 20)[-1]
    assert "new speaker" not in lines_of(SPEECH, 120, 40)[-1]
