"""Plain lines: one when state or label change, one about every ten seconds, no escapes, no spoken words."""

import io
from dataclasses import replace

from streamer.records import Mood, State
from streamer.sinks.plain import PlainLines, plain_line
from streamer.sinks.view import Hearing, View
from tools.sample_views import LOST, MUTED, OFFLINE, SHARES, SPEECH, UNSURE, VIEWS

RATE = 16_000


def at(view: View, end_s: float, label: str | None = "happy") -> View:
    state = State.SPEECH if label else State.NO_SPEECH
    shares = SHARES if label else None
    return replace(view, mood=Mood(state, label, 0.71 if label else 0.0, shares, 0, round(end_s * RATE)))


def written(*views: View, encoding: str = "utf-8") -> list[str]:
    raw = io.BytesIO()
    lines = PlainLines(io.TextIOWrapper(raw, encoding=encoding))
    for view in views:
        lines.show(view)
    return raw.getvalue().decode(encoding).splitlines()


def test_a_line_says_when_what_and_what_else() -> None:
    said = plain_line(at(SPEECH, 12.4))
    assert said == "12.4 s  happy 71 %  (angry 5, sad 6, surprised 11, disgusted 3, fear 4)"


def test_states_without_a_label_are_said_in_words() -> None:
    assert plain_line(at(SPEECH, 3.0, None)) == "3.0 s  nobody speaks"
    assert plain_line(UNSURE) == "72.0 s  not sure"
    assert plain_line(MUTED) == "82.0 s  muted"
    assert plain_line(LOST) == (
        "82.0 s  the microphone is being reopened: the device delivered nothing for 2 s; next try in 4 s"
    )
    assert plain_line(View(Hearing.LISTENING, "x", elapsed_s=2)) == "2.0 s  starting"


def test_the_first_line_says_that_it_listens_and_to_what() -> None:
    assert written(SPEECH)[0] == "listening to USB microphone"


def test_a_line_is_written_when_the_label_changes_and_every_ten_seconds() -> None:
    hops = [at(SPEECH, 0.16 * i, "happy" if i < 200 else "sad") for i in range(1, 251)]
    said = written(*hops)[1:]
    assert [line.split(" ")[0] for line in said] == ["0.2", "10.2", "20.3", "30.4", "32.0"]
    assert ["sad" in line.split("(")[0] for line in said] == [False, False, False, False, True]


def test_a_wavering_confidence_alone_writes_nothing() -> None:
    moods = [Mood(State.SPEECH, "happy", 0.5 + i / 100, SHARES, 0, RATE + i) for i in range(20)]
    assert len(written(*(replace(SPEECH, mood=mood) for mood in moods))) == 2


def test_no_escapes_and_no_spoken_words() -> None:
    said = "\n".join(written(*VIEWS.values(), replace(SPEECH, source="\x1b[31mred\n")))
    assert "\x1b" not in said
    assert "garden" not in said
    assert "오늘은" not in said


def test_an_encoding_that_cannot_say_a_name_does_not_stop_it() -> None:
    assert written(replace(OFFLINE, source="마이크"), encoding="ascii")[0] == "listening to ???"
