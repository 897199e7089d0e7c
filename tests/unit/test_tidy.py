"""What is believed of Whisper's words."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from streamer.engines.recognisers.tidy import RawWord, tidy

START, END = 16_000, 48_000


def raw(text: str, start_s: float = 0.0, end_s: float = 1.0, *, no_speech: float = 0.1) -> RawWord:
    return RawWord(text, start_s, end_s, 0.5, no_speech)


def texts(*words: RawWord, final: bool = True) -> list[str]:
    return [word.text for word in tidy(words, START, END, final=final)]


def test_words_are_lower_case_with_stream_positions_and_marks_are_words_of_no_length() -> None:
    words = tidy([raw(" Hello,", 0.0, 0.5), raw(" you?!", 0.5, 1.0)], START, END, final=True)
    assert [(w.text, w.start, w.end) for w in words] == [
        ("hello", 16_000, 24_000),
        (",", 24_000, 24_000),
        ("you", 24_000, 32_000),
        ("?", 32_000, 32_000),
        ("!", 32_000, 32_000),
    ]
    assert {w.confidence for w in words} == {0.5}
    assert all(w.final for w in words)


def test_hyphenated_words_share_their_time_and_apostrophes_stay() -> None:
    words = tidy([raw(" Twenty-one...", 0.0, 0.9), raw(" don’t", 0.9, 1.0)], START, END, final=True)
    assert [(w.text, w.start, w.end) for w in words] == [
        ("twenty", 16_000, 25_600),
        ("one", 25_600, 30_400),
        (".", 30_400, 30_400),
        ("don't", 30_400, 32_000),
    ]


def test_a_full_stop_at_the_end_is_believed_only_when_the_utterance_is_over() -> None:
    assert texts(raw(" Oh."), final=False) == ["oh"]
    assert texts(raw(" Oh."), final=True) == ["oh", "."]
    assert texts(raw(" Oh?"), final=False) == ["oh", "?"]


def test_words_where_nobody_speaks_are_invented() -> None:
    assert texts(raw(" Thanks", no_speech=0.61)) == []


def test_words_after_the_end_of_the_sound_are_invented() -> None:
    assert texts(raw(" so", 1.0, 1.9), raw(" you", 2.0, 2.4)) == ["so"]
    assert texts(raw(" leg.", 2.0, 2.0)) == []


def test_a_loop_in_one_instant_is_invented_but_a_word_said_again_is_not() -> None:
    assert texts(raw(" beep", 0.0, 0.5), raw(" beep", 0.5, 0.5), raw(" beep", 0.5, 0.5)) == ["beep"]
    assert texts(raw(" no", 0.0, 0.2), raw(" no", 0.2, 0.4), raw(" no", 0.4, 0.6)) == ["no", "no", "no"]


def test_descriptions_are_no_words() -> None:
    assert texts(
        raw(" [Music]"), raw(" hi"), raw(" (people"), raw(" laugh)"), raw(" *sigh*"), raw(" ♪"), raw(" la")
    ) == ["hi"]


@given(
    st.lists(
        st.builds(
            RawWord,
            st.text(max_size=12),
            st.floats(-5, 9, allow_nan=False),
            st.floats(-5, 9, allow_nan=False),
            st.floats(0, 1),
            st.floats(0, 1),
        ),
        max_size=30,
    ),
    st.booleans(),
)
def test_times_lie_in_the_sound_and_never_fall_whatever_whisper_says(words: list[RawWord], final: bool) -> None:
    tidied = tidy(words, START, END, final=final)
    assert all(START <= w.start <= w.end <= END for w in tidied)
    assert all(a.end <= b.start for a, b in itertools.pairwise(tidied))
    assert all(w.text and w.text == w.text.lower() and not w.text.isspace() for w in tidied)
