"""From a manifest's rows to windows and figures: what is read, refused, spread over time, and counted."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.errors import SourceError, UsageError
from streamer.evaluation import answers, examples, manifest
from streamer.evaluation.answers import Answer
from streamer.evaluation.manifest import Row
from streamer.features.decimate import Decimator
from streamer.features.spectrogram import picture_columns
from streamer.features.words import PAUSE_SAMPLES, PAUSE_SLOTS
from streamer.network import contract
from streamer.records import Estimate, Stage, State
from tests.signals import chirp
from tests.unit.test_windows import Ear, vectors

RATE = contract.STREAM_RATE_HZ


def written(path: Path, text: str) -> Path:
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def test_a_manifest_of_recordings_is_read(tmp_path: Path) -> None:
    text = (
        "\ufeffpath,corpus,speaker,gender,emotion,intensity,text,language,split\na/b.wav,c,s1,f, Happy ,,Hi,en,test\n"
    )
    (row,) = manifest.read(written(tmp_path / "m.csv", text)).rows
    assert row == Row(2, tmp_path / "a/b.wav", "Hi", "happy", "c/s1", "f", "test")


def test_a_gzipped_manifest_of_texts_is_enough(tmp_path: Path) -> None:
    read = manifest.read(written(tmp_path / "m.csv.gz", 'text,emotion\n"Oh, no",sad\n'))
    assert read.rows == (Row(2, None, "Oh, no", "sad", "", "", ""),)
    assert (read.has_sound, read.has_text) == (False, True)


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("m.csv", "", "the manifest '{path}' has no column emotion and no column path or text; it is empty"),
        ("m.csv", "path,mood\nx,y\n", "the manifest '{path}' has no column emotion; its columns are mood, path"),
        ("m.csv", "a,emotion\nx,sad\n", "the manifest '{path}' has no column path or text; its columns are a, emotion"),
        ("m.csv", "path,emotion\n", "the manifest '{path}' holds no row; wanted one recording or text a row"),
        (
            "m.csv",
            'path,emotion\n"x,sad\n',
            "the manifest '{path}' cannot be read (unexpected end of data); wanted a .csv or .csv.gz file",
        ),
    ],
)
def test_what_is_no_manifest_is_refused(name: str, text: str, sentence: str, tmp_path: Path) -> None:
    path = written(tmp_path / name, text)
    with pytest.raises(SourceError) as refused:
        manifest.read(path)
    assert str(refused.value) == sentence.format(path=path)


def test_a_damaged_archive_and_a_binary_are_refused(tmp_path: Path) -> None:
    whole = gzip.compress(b"text,emotion\nhello there,sad\n" * 50)
    for name, content in [("a.gz", whole[:40]), ("b.gz", b"no archive"), ("c.csv", b"\xff\xfe\x00")]:
        (tmp_path / name).write_bytes(content)
        with pytest.raises(SourceError, match="cannot be read"):
            manifest.read(tmp_path / name)


def test_a_split_that_is_not_there_names_those_that_are(tmp_path: Path) -> None:
    read = manifest.read(written(tmp_path / "m.csv", "text,emotion,split\na,sad,test\nb,sad,train\n"))
    assert [row.text for row in manifest.of_split(read, "test")] == ["a"]
    with pytest.raises(UsageError, match=r"its splits are test, train$"):
        manifest.of_split(read, "dev")


def test_a_limit_draws_rows_from_the_seed_and_keeps_their_order() -> None:
    rows = tuple(Row(i, None, "", "sad", "", "", "") for i in range(100))
    once = manifest.limited(rows, 10, 0)
    assert len(once) == 10
    assert [row.line for row in once] == sorted(row.line for row in once)
    assert once == manifest.limited(rows, 10, 0) != manifest.limited(rows, 10, 1)
    assert manifest.limited(rows, 100, 0) == rows == manifest.limited(rows, None, 0)


def test_written_lines_become_what_is_said() -> None:
    assert examples.spoken_tokens("[NAME], I ' m SO happy!!", plain=False) == [",", "i", "'m", "so", "happy", "!"]
    assert examples.spoken_tokens("[NAME], I ' m SO happy!!", plain=True) == ["i", "'m", "so", "happy"]


def test_words_share_the_time_and_marks_take_none() -> None:
    words = examples.spread(["so", "happy", "!", "today"], 100, 401)
    assert [(w.text, w.start, w.end) for w in words] == [
        ("so", 100, 200), ("happy", 200, 300), ("!", 300, 300), ("today", 300, 400),
    ]  # fmt: skip


def test_a_line_break_is_a_pause_and_ages_the_line_before_it() -> None:
    assert examples.spoken_tokens("So.\n\n[NAME]\nHappy!\n", plain=True) == ["so", examples.PAUSE, "happy"]
    one, two = examples.spread(["so", examples.PAUSE, "happy"], 0, 2 * RATE + 1)
    assert (one.start, two.end) == (0, 2 * RATE)
    assert two.start - one.end == examples.PAUSE_TIME >= PAUSE_SAMPLES
    hurried = examples.spread(["so", examples.PAUSE] * 5 + ["happy"], 0, RATE)
    assert all(0 <= word.start < word.end < RATE for word in hurried), "no word is pushed out by pauses"
    window = examples.window_of_words(["so", examples.PAUSE, "happy", "happy"], vectors())
    assert window.word_mask.nonzero()[0].tolist() == [39 - 2 - PAUSE_SLOTS, 38, 39]


@given(st.lists(st.sampled_from(["so", "happy", examples.PAUSE]), max_size=90))
def test_what_the_slots_hold_is_the_newest_and_fits(said: list[str]) -> None:
    held = examples.in_slots(said)
    taken = sum(PAUSE_SLOTS if token == examples.PAUSE else 1 for token in held)
    assert taken <= contract.N_WORDS
    assert held == said[len(said) - len(held) :]
    assert not held or held[0] != examples.PAUSE


def test_a_short_recording_is_one_window_as_the_monitor_sees_it() -> None:
    """Columns are those of the live path bit by bit: the same sound through the windower ends in the same picture."""
    sound = chirp(contract.samples_of(5 * contract.DEFAULT_HOP_COLUMNS) * 2)
    (window,) = examples.windows_of(sound, ["so", "happy"], vectors(), contract.DEFAULT_HOP_COLUMNS, with_mels=True)
    ear = Ear(with_mels=True)
    (*_, live) = [*ear.hear(sound), *ear.windower.finish()]
    n = int(window.columns.sum())
    assert n == live.columns.sum() == 40
    assert window.picture.tobytes() == live.picture.tobytes()
    assert window.mels is not None
    assert live.mels is not None
    assert window.mels.tobytes() == live.mels.tobytes()
    assert not window.picture[:, :-n].any()
    assert window.word_mask[-2:].all()
    assert not window.word_mask[:-2].any()
    assert window.word_spans[-1, 1] == pytest.approx(contract.N_COLUMNS, abs=3)


def test_a_long_recording_is_judged_hop_by_hop_to_its_end() -> None:
    n_columns = contract.N_COLUMNS + 20
    sound = chirp(contract.samples_of(n_columns) * 2)
    found = list(examples.windows_of(sound, [], vectors(), 8, with_mels=True))
    assert len(found) == 4
    columns, mels = examples.sound_columns(sound), examples.sound_mels(sound)
    assert columns.shape[1] == n_columns
    ends = [400, 408, 416, 420]
    for window, end in zip(found, ends, strict=True):
        assert np.array_equal(window.picture, columns[:, end - 400 : end])
        assert window.columns.all()
        assert window.mels is not None
        assert np.array_equal(window.mels, mels[:, 2 * (end - 400) : 2 * end])


def test_a_line_without_sound_keeps_its_last_forty_words() -> None:
    window = examples.window_of_words(["happy"] * 60 + ["so"], vectors())
    assert window.word_mask.all()
    assert not window.columns.any()
    so = vectors().vector("so")
    assert so is not None
    assert np.array_equal(window.words[:, -1], so)
    assert not examples.window_of_words([], vectors()).word_mask.any()
    assert window.mels is None
    silent = examples.window_of_words([], vectors(), with_mels=True).mels
    assert silent is not None
    assert silent.shape == contract.MELS_SHAPE


def test_the_columns_of_a_long_recording_are_those_of_one_push() -> None:
    sound = chirp(25 * RATE)
    decimator = Decimator()
    halved = np.concatenate((decimator.push(sound), decimator.flush()))
    assert examples.sound_columns(sound).tobytes() == picture_columns(halved).tobytes()


def estimate(six: tuple[float, ...] | None, none: float = 0.0, state: State = State.SPEECH) -> Estimate:
    return Estimate(0, 0, state, Stage.AUDIO, 0, 0, six, none, 0, 0.0, 0.0, 0.0, 0.0)


SURE, FLAT = (0.9, 0.02, 0.02, 0.02, 0.02, 0.02), (0.175, 0.165, 0.165, 0.165, 0.165, 0.165)


def test_windows_of_one_row_are_averaged_as_log_probabilities() -> None:
    left, right = np.array([0.8, 0.2, 1e-9, 1e-9, 1e-9, 1e-9]), np.array([0.2, 0.8, 1e-9, 1e-9, 1e-9, 1e-9])
    both = answers.pooled([estimate(tuple(left)), estimate(tuple(right))], 0.4)
    assert both is not None
    assert both[0][:2] == pytest.approx((0.5, 0.5), abs=1e-6)
    assert both[1]
    assert answers.pooled([estimate(SURE), estimate(None)], 0.4) is None


def test_one_window_is_as_sure_as_its_estimate() -> None:
    alone = answers.pooled([estimate(SURE, 0.5, State.UNSURE)], 0.0)
    assert alone is not None
    assert alone[0] == pytest.approx((*(p / 2 for p in SURE), 0.5))
    assert not alone[1]
    unsure = answers.pooled([estimate(FLAT), estimate(FLAT)], 0.4)
    assert unsure is not None
    assert not unsure[1]


def answer(truth: str, said: str, *, sure: bool = True, speaker: str = "", gender: str = "") -> Answer:
    best = manifest.LABELS.index(said)
    shares = tuple(0.94 if i == best else 0.01 for i in range(7))
    return Answer(manifest.LABELS.index(truth), shares, sure, speaker, gender)


def test_figures_of_rows_known_by_hand() -> None:
    rows = [
        answer("happy", "happy", speaker="a", gender="f"), answer("happy", "sad", sure=False, speaker="a", gender="f"),
        answer("sad", "sad", speaker="b", gender="m"), answer("sad", "fear", speaker="b", gender="m"),
        answer("neutral", "happy", sure=False), answer("neutral", "sad"),
    ]  # fmt: skip
    found = answers.figures(rows, 0)
    assert (found["n"], found["n_neutral"], found["labels"]) == (4, 2, ["happy", "sad"])
    assert (found["uar"], found["accuracy"], found["uar_own"]) == (0.5, 0.5, 0.5)
    assert found["confusion"] == [[1, 0, 1, 0, 0, 0], [0, 0, 1, 0, 0, 1]]
    assert found["uar_by_gender"] == {"f": 0.5, "m": 0.5}
    assert (found["coverage"], found["accuracy_when_sure"]) == (0.75, pytest.approx(2 / 3))
    assert (found["speakers"], found["ci95_over"], found["ci95"]) == (2, "speakers", [0.5, 0.5])
    # Unsure is the answer "no emotion": wrong for the second row, right for the fifth.
    assert (found["neutral_recall"], found["uar7"]) == (0.5, 0.5)
    assert found["weighted_f1"] == pytest.approx((2 * 2 / 3 + 2 * 2 / 4 + 2 * 2 / 4) / 6)


def test_what_adaptation_adds_is_counted_on_the_same_rows() -> None:
    adapted = [
        answer("happy", "happy", speaker="a"), answer("sad", "sad", speaker="a"),
        answer("happy", "happy", speaker="b"), answer("sad", "fear", speaker="b"),
        answer("neutral", "sad", sure=False, speaker="b"),
    ]  # fmt: skip
    plain = [
        answer("happy", "sad", speaker="a"), answer("sad", "sad", speaker="a"),
        answer("happy", "happy", speaker="b"), answer("sad", "happy", speaker="b"),
        answer("neutral", "sad", speaker="b"),
    ]  # fmt: skip
    without = answers.without_adaptation(adapted, plain)
    assert without == {
        "uar_no_adaptation": 0.5, "uar_own_no_adaptation": 0.5, "uar7_no_adaptation": pytest.approx(1 / 3),
    }  # fmt: skip
    assert answers.figures(plain, 0)["uar"] == without["uar_no_adaptation"]
    gained = answers.gain(adapted, plain, 0)
    assert gained == {"gain": 0.25, "gain_ci95": [0.0, 0.5]}
    assert answers.gain(adapted, adapted, 0) == {"gain": 0.0, "gain_ci95": [0.0, 0.0]}
    assert answers.gain([], [], 0) == {"gain": None, "gain_ci95": None}
    assert set(answers.without_adaptation([], []).values()) == {None}


def test_figures_without_neutral_without_speakers_and_without_rows() -> None:
    rows = [answer("happy", "happy"), answer("happy", "sad"), answer("fear", "fear")]
    found = answers.figures(rows, 0)
    assert (found["uar7"], found["neutral_recall"]) == (None, None)
    assert found["weighted_f1"] == pytest.approx((2 * 2 / 3 + 1) / 3)
    assert (found["speakers"], found["ci95_over"]) == (0, "rows")
    assert found["ci95"] != [found["uar"], found["uar"]]
    nothing = answers.figures([], 0)
    assert (nothing["n"], nothing["uar"], nothing["weighted_f1"]) == (0, None, None)
    assert set(nothing) == set(found)
