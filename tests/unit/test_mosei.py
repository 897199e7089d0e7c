"""The whole of tools/prepare_mosei.py on small files: words, sound, splits, going on after a stop, memory."""

import csv
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from streamer.errors import ModelError, SourceError, UsageError
from streamer.features.decimate import Decimator
from streamer.features.spectrogram import ColumnStream
from streamer.features.words import WordVectors
from streamer.network import contract
from tests.harness import mosei_files as files
from tools.mosei import csd, prepare, sound, speech, summary
from tools.mosei import windows as windows_module
from tools.mosei.labels import Segment
from tools.mosei.store import Prepared

TOOL = Path(__file__).resolve().parents[2] / "tools" / "prepare_mosei.py"

SPLITS = {"vidtrain0_0": "train", "vidtrain_00": "train", "-vidvalid00": "valid", "vidtest0000": "test"}

VIDEOS = [
    files.Video(
        "vidtrain0_0",
        [(2.0, 12.0, {"happy": 1.0, "sad": 1.0, "sentiment": 1.0}), (14.0, 40.0, {"anger": 2.0})],
        [
            ("sp", 0.0, 2.3),
            ("early", 2.5, 3.0),
            ("late", 9.0, 9.75),
            ("late", 9.0, 9.75),
            ("xxunknown", 10.0, 10.5),
            ("tiny", 11.0, 11.0),
            ("beyond", 12.05, 12.3),
            ("nowhere", 13.0, 13.4),
            ("sp", 13.4, 14.0),
            ("turned", 14.4, 13.9),
            ("far", 14.5, 15.0),
            ("near", 38.0, 38.5),
        ],
    ),
    files.Video("vidtrain_00", [(0.0, 5.0, {"fear": 3.0})]),
    files.Video("-vidvalid00", [(1.0, 4.0, {})], [("yes", 1.0, 2.0)]),
    files.Video("vidtest0000", [(1.0, 1.0, {"disgust": 1.0})], [("no", 0.9, 1.4)]),
    files.Video("stranger000", [(1.0, 3.0, {"surprise": 1.0})], [("who", 1.0, 2.0)]),
]


@pytest.fixture
def published(tmp_path: Path) -> Path:
    folder = tmp_path / "csd"
    files.write(folder, VIDEOS)
    files.write_folds(folder / "folds.csv", SPLITS)
    return folder


def done(job: prepare.Job) -> dict[str, Any]:
    return prepare.prepare(job, lambda done, of: None)


def manifest(folder: Path) -> list[dict[str, str]]:
    with (folder / "manifest.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def columns_of(start_s: float, end_s: float, window_end_s: float) -> tuple[float, float]:
    """Say it differently from the code: the last column lies from 399 to 400, its middle is 50 ms before the end."""
    last_middle_s = window_end_s - 0.05
    return 399.5 - (last_middle_s - start_s) / 0.05, 399.5 - (last_middle_s - end_s) / 0.05


def test_words_and_labels_alone(published: Path, tmp_path: Path) -> None:
    told = done(prepare.Job(published, None, tmp_path / "out"))
    assert (told["videos"], told["segments"], told["none"], told["ties"]) == (5, 6, 1, 1)
    assert told["emotions"] == dict(zip(contract.EMOTIONS, (1, 1, 1, 1, 1, 1), strict=True))
    assert (told["words"], told["words_outside_segments"], told["pauses"], told["repeated_words"]) == (10, 1, 2, 1)
    assert {split: one["segments"] for split, one in told["folds"].items()} == {
        "train": 3,
        "valid": 1,
        "test": 1,
        "unassigned": 1,
    }
    assert (told["words_without_vector"], told["segments_without_words"], told["words_backwards"]) == (1, 1, 1)
    assert (told["sound"], told["segments_without_sound"], told["refused"]) == (False, None, [])
    assert json.loads((tmp_path / "out" / "summary.json").read_text()) == told
    said = "\n".join(summary.lines(told | {"table": {"rows": 7, "matched": 6, "argmax_differs": 5}}))
    for part in (
        "5 videos, 6 segments (train 3, valid 1",
        "ties for the strongest: 1",
        "6 of 7 rows",
        "5 with another",
    ):
        assert part in said
    rows = manifest(tmp_path / "out" / "train")
    assert [row["video_id"] for row in rows] == ["vidtrain0_0", "vidtrain0_0", "vidtrain_00"]
    assert [row["label"] for row in rows] == ["happy+sad", "angry", "fear"]
    assert rows[0]["text"] == "early late xxunknown tiny beyond"
    assert [row["columns"] for row in rows] == ["0", "0", "0"]
    kept = Prepared.open(tmp_path / "out" / "train")
    assert len(kept) == 3
    assert kept.arrays["intensities"].tolist() == [[1, 0, 1, 0, 0, 0], [0, 2, 0, 0, 0, 0], [0, 0, 0, 0, 0, 3]]
    assert kept.arrays["sentiment"].tolist() == [1, 0, 0]
    assert not kept.inputs(np.arange(3))["columns"].any()


def test_words_stand_newest_last_with_the_vectors_and_times_that_are_theirs(published: Path, tmp_path: Path) -> None:
    done(prepare.Job(published, None, tmp_path / "out"))
    batch = Prepared.open(tmp_path / "out" / "train").inputs(np.arange(3))
    assert batch["word_mask"][0].nonzero()[0].tolist() == [35, 36, 38, 39]  # 37 is xxunknown: a slot, but masked
    for slot, text in ((35, "early"), (36, "late"), (38, "tiny"), (39, "beyond")):
        np.testing.assert_allclose(batch["words"][0, :, slot], files.vector_of(text), atol=2e-3)
    assert not batch["words"][0, :, 37].any()
    np.testing.assert_allclose(batch["word_spans"][0, 35], columns_of(2.5, 3.0, 12.0), atol=1e-3)
    np.testing.assert_allclose(batch["word_spans"][0, 36], columns_of(9.0, 9.75, 12.0), atol=1e-3)
    np.testing.assert_allclose(batch["word_spans"][0, 38], columns_of(11.0, 11.01, 12.0), atol=1e-3)
    assert batch["word_spans"][0, 39].tolist() == [400.0, 400.0]  # said after the last column: at its edge
    # 26 s: the word of the first 6 s is one of the last 40, but has left the picture.
    assert batch["word_mask"][1].sum() == 2
    assert batch["word_spans"][1, 38].tolist() == [0.0, 0.0]
    assert not batch["word_mask"][2].any()


def test_only_the_last_forty_words_of_a_segment_count(tmp_path: Path) -> None:
    many = [(f"w{i}", 0.2 * i, 0.2 * i + 0.2) for i in range(70)]
    files.write(tmp_path / "csd", [files.Video("hh04W3xXa5s", [(0.0, 14.0, {})], many)])
    told = done(prepare.Job(tmp_path / "csd", None, tmp_path / "out"))
    assert told["words"] == 70
    batch = Prepared.open(tmp_path / "out" / "train").inputs(np.arange(1))  # our own copy of the folds: train
    assert batch["word_mask"].all()
    np.testing.assert_allclose(batch["words"][0, :, 0], files.vector_of("w30"), atol=2e-3)
    np.testing.assert_allclose(batch["words"][0, :, 39], files.vector_of("w69"), atol=2e-3)


def test_a_word_on_a_border_belongs_to_both_sides_but_counts_once(tmp_path: Path) -> None:
    files.write(tmp_path / "csd", [files.Video("v", [(0.0, 2.0, {}), (2.0, 4.0, {})], [("over", 1.9, 2.1)])])
    assert done(prepare.Job(tmp_path / "csd", None, tmp_path / "out"))["words"] == 1
    assert [row["text"] for row in manifest(tmp_path / "out" / "unassigned")] == ["over", "over"]


def test_without_published_vectors_our_own_are_used(tmp_path: Path) -> None:
    words = [("i", 0.0, 0.2), ("don't", 0.2, 0.6), ("hate", 0.6, 1.0), ("zzyzxq", 1.0, 1.5)]
    files.write(tmp_path / "csd", [files.Video("v", [(0.0, 2.0, {})], words)], vectors=False)
    told = done(prepare.Job(tmp_path / "csd", None, tmp_path / "out"))
    assert (told["words"], told["vectors"], told["words_without_vector"]) == (4, "words-paper", 1)
    batch = Prepared.open(tmp_path / "out" / "unassigned").inputs(np.arange(1))
    assert batch["word_mask"][0].nonzero()[0].tolist() == [35, 36, 37, 38]  # don't is do + n't
    vector = WordVectors.load(prepare.VECTORS).vector("hate")
    assert vector is not None
    np.testing.assert_allclose(batch["words"][0, :, 38], vector, atol=2e-3)
    with pytest.raises(ModelError, match="word vectors"):
        done(prepare.Job(tmp_path / "csd", None, tmp_path / "o2", vectors=tmp_path))


def lit(picture: np.ndarray[Any, Any], hz: int) -> list[int]:
    """Return the columns in which the band of a tone stands out."""
    band = picture[(hz // 10 - 1) // 2]
    return [int(column) for column in (band > 0.9).nonzero()[0]]


@pytest.mark.parametrize("rate_hz", [44_100, 16_000, 48_000])
def test_the_right_columns_light_up_at_the_words_they_belong_to(published: Path, tmp_path: Path, rate_hz: int) -> None:
    tones = [(2.5, 3.0, 500), (9.0, 9.75, 1500), (11.5, 12.0, 3000), (13.0, 13.9, 500), (15.0, 16.0, 500)]
    tones += [(38.0, 38.5, 2500)]
    files.write_tones(tmp_path / "wav" / "deep" / "vidtrain0_0.wav", 45.0, tones, rate_hz)
    told = done(prepare.Job(published, tmp_path / "wav", tmp_path / "out"))
    assert told["segments_without_sound"] == 5 - 1
    batch = Prepared.open(tmp_path / "out" / "train").inputs(np.arange(3))
    assert batch["columns"].sum(axis=1).tolist() == [199, 400, 0]  # 10 s: (80000 - 800) // 400 + 1
    assert batch["columns"][0, -199:].all()
    assert not batch["picture"][0][:, :-199].any()
    for hz, start_s, end_s in ((500, 2.5, 3.0), (1500, 9.0, 9.75), (3000, 11.5, 12.0)):
        first, last = columns_of(start_s, end_s, 12.0)
        columns = lit(batch["picture"][0], hz)
        assert columns == list(range(columns[0], columns[-1] + 1))  # one stretch, and none from outside the segment
        assert columns[0] == pytest.approx(first, abs=1.5)
        assert columns[-1] == pytest.approx(min(last, 399), abs=1.5)
    assert lit(batch["picture"][1], 500) == []  # more than 20.05 s before the end
    first, last = batch["word_spans"][1, 39]
    columns = lit(batch["picture"][1], 2500)
    assert columns[0] == pytest.approx(first, abs=1.5)
    assert columns[-1] == pytest.approx(last, abs=1.5)
    rows = manifest(tmp_path / "out" / "train")
    assert [row["columns"] for row in rows] == ["199", "400", "0"]


def test_the_last_column_ends_with_the_segment_and_hears_what_the_live_program_hears(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    files.write_tones(path, 12.0, [(3.0, 9.0, 800), (9.5, 10.0, 2200)], 16_000)
    heard = sound.VideoSound(path)
    columns, end_s = heard.segment(0.0, 10.04)
    assert (columns.shape, end_s) == ((200, 199), 10.04)
    np.testing.assert_array_equal(columns, heard.segment(0.04, 10.04)[0])  # what is left over is at the beginning
    samples, _ = soundfile.read(path, start=640, frames=160_000, dtype="float32")
    decimator = Decimator()
    live = ColumnStream(contract.PAPER_STEP_SAMPLES)
    pieces = [live.push(decimator.push(samples[at : at + 512])) for at in range(0, 160_000, 512)]
    pieces.append(live.push(decimator.flush()))
    np.testing.assert_array_equal(columns, np.concatenate(pieces, axis=1)[:, :199])
    assert heard.segment(5.0, 5.05)[0].shape == (200, 0)
    assert heard.segment(13.0, 14.0)[0].shape == (200, 0)
    assert heard.segment(2.0, 12.04)[0].shape == (200, 199)  # the file ends 40 ms early: silence


def test_sound_that_is_missing_damaged_or_short_is_reported_and_not_fatal(published: Path, tmp_path: Path) -> None:
    wav = tmp_path / "wav"
    files.write_tones(wav / "vidtrain0_0.wav", 8.0, [(7.0, 8.0, 1000)])  # ends within the first segment
    files.write_tones(wav / "vidtrain_00.wav", 9.0, [])
    (wav / "vidtrain_00.wav").write_bytes((wav / "vidtrain_00.wav").read_bytes()[:4000])
    files.write_tones(wav / "vidtest0000.wav", 4.0, [])
    (wav / "stranger000.wav").write_text("not sound")
    told = done(prepare.Job(published, wav, tmp_path / "out"))
    assert told["segments_without_sound"] == 5
    assert len(told["refused"]) == 3
    assert "no -vidvalid00.wav" in told["refused"][0]
    assert any("cut short" in one for one in told["refused"])
    batch = Prepared.open(tmp_path / "out" / "train").inputs(np.arange(3))
    assert batch["columns"].sum(axis=1).tolist() == [119, 0, 0]  # 2 to 8 s
    assert lit(batch["picture"][0], 1000)[-1] == 399
    np.testing.assert_allclose(batch["word_spans"][0, 35], columns_of(2.5, 3.0, 8.0), atol=1e-3)
    assert batch["word_mask"][0].sum() == 4  # what was said after the sound ended is still said


def test_sound_of_nobody_or_of_one_twice_is_refused(published: Path, tmp_path: Path) -> None:
    (tmp_path / "wav").mkdir()
    with pytest.raises(SourceError, match="sound of none of the 5 labelled videos"):
        done(prepare.Job(published, tmp_path / "wav", tmp_path / "out"))
    files.write_tones(tmp_path / "wav" / "vidtrain0_0.wav", 1.0, [])
    files.write_tones(tmp_path / "wav" / "x" / "vidtrain0_0.wav", 1.0, [])
    with pytest.raises(SourceError, match="both sound of vidtrain0_0"):
        done(prepare.Job(published, tmp_path / "wav", tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_stopped_run_goes_on_without_doing_anything_twice(
    published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.write_tones(tmp_path / "wav" / "vidtrain0_0.wav", 45.0, [(3.0, 4.0, 700)])
    whole = prepare.Job(published, tmp_path / "wav", tmp_path / "whole")
    told = done(whole)

    def stop(n: int, of: int) -> None:
        if n == 2:
            raise KeyboardInterrupt

    job = prepare.Job(published, tmp_path / "wav", tmp_path / "halved")
    with pytest.raises(KeyboardInterrupt):
        prepare.prepare(job, stop)
    with (tmp_path / "halved" / "done.jsonl").open("a") as file:
        file.write('{"video": "vidtr')  # a kill in the middle of a line
    prepared = []
    real = windows_module.windows

    def counted(
        material: windows_module.Material, segments: list[Segment]
    ) -> tuple[dict[str, NDArray[Any]], windows_module.Note]:
        prepared.append(segments[0].video)
        return real(material, segments)

    monkeypatch.setattr(windows_module, "windows", counted)
    assert done(job) == told
    assert prepared == ["vidtest0000", "vidtrain0_0", "vidtrain_00"]
    assert contents(tmp_path / "halved") == contents(tmp_path / "whole")
    assert done(job) == told
    assert len(prepared) == 3


def test_a_killed_program_goes_on_to_the_same_files(tmp_path: Path) -> None:
    words = [(f"w{i}", 0.1 * i, 0.1 * i + 0.1) for i in range(300)]
    videos = [files.Video(f"video{i:02d}", [(0.0, 29.0, {"sad": 1.0})], words) for i in range(60)]
    files.write(tmp_path / "csd", videos, vectors=False)
    command = [sys.executable, str(TOOL), "--csd", str(tmp_path / "csd"), "--json", "--out"]
    process = subprocess.Popen([*command, str(tmp_path / "killed")], stdout=subprocess.PIPE)
    notes = tmp_path / "killed" / "done.jsonl"
    while process.poll() is None and not (notes.exists() and notes.stat().st_size):
        time.sleep(0.001)
    process.kill()
    process.communicate()
    n_done = notes.read_bytes().count(b"\n")
    again = subprocess.run([*command, str(tmp_path / "killed")], check=True, capture_output=True)
    whole = subprocess.run([*command, str(tmp_path / "whole")], check=True, capture_output=True)
    assert n_done > 0
    assert again.stdout == whole.stdout
    assert again.stderr == b""  # no bar where nobody looks
    assert contents(tmp_path / "killed") == contents(tmp_path / "whole")


def test_another_runs_folder_is_not_touched(published: Path, tmp_path: Path) -> None:
    job = prepare.Job(published, None, tmp_path / "out")
    done(job)
    os.utime(published / "b.csd", (1, 1))
    with pytest.raises(UsageError, match="begun from other files"):
        done(job)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(UsageError, match="not empty"):
        done(prepare.Job(published, None, tmp_path / "mine"))
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["letter.txt"]


def test_errors_are_one_sentence_and_a_code(published: Path, tmp_path: Path) -> None:
    (published / "b.csd").unlink()
    command = [sys.executable, str(TOOL), "--csd", str(published), "--out", str(tmp_path / "out")]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == SourceError.exit_code == 4
    wanted = f"prepare_mosei: {str(published)!r} holds no sequence with root 'words' (found: All Labels, COVAREP, glove"
    assert ended.stderr.startswith(wanted)
    assert ended.stderr.count("\n") == 1
    assert subprocess.run([sys.executable, str(TOOL)], capture_output=True, check=False).returncode == 2


def test_pauses_are_told_from_words() -> None:
    assert not any(speech.is_pause(text) for text in ("spa", "s", "sp2"))
    assert all(speech.is_pause(text) for text in ("sp", "", "{LG}"))


def test_vectors_are_found_by_time_and_serve_one_word(tmp_path: Path) -> None:
    """Rows in another order, a pause with a vector of its own, two words at one start, a rounding error."""
    words = [("one", 0.0, 0.5), ("sp", 0.5, 0.5), ("two", 0.5, 1.0), ("three", 1.0, 1.0), ("four", 1.0, 1.6)]
    words += [("five", 2.0, 2.5), ("six", 2.0, 2.5)]
    rows = [("four", 1.0, 1.6), ("sp", 0.5, 0.5), ("three", 1.0, 1.0), ("two", 0.5002, 1.0002), ("one", 0.0, 0.5)]
    rows += [("five", 2.0, 2.5), ("six", 2.0, 2.5)]
    features = np.stack([files.vector_of(text) for text, _, _ in rows])
    intervals = np.array([(start, end) for _, start, end in rows])
    files.write_sequence(tmp_path / "w.csd", "words", {"v": files.words_entry(words)}, {})
    files.write_sequence(tmp_path / "g.csd", "glove_vectors", {"v": (features, intervals)}, {})
    with csd.Sequence(tmp_path / "w.csd") as said, csd.Sequence(tmp_path / "g.csd") as vectors:
        found = speech.with_vectors(speech.read(said, "v").words, vectors, "v")
        assert speech.with_vectors(found, vectors, "another") == found
    assert [word.text for word in found] == ["one", "two", "three", "four", "five", "six"]
    for word in found:
        assert word.vector is not None
        np.testing.assert_array_equal(word.vector, files.vector_of(word.text))


def peak_kib(folder: Path) -> int:
    code = (
        f"import sys, resource; sys.path.insert(0, {str(TOOL.parents[1])!r}); from pathlib import Path;"
        "from tools.mosei import prepare;"
        f"prepare.prepare(prepare.Job(Path({str(folder)!r}), None, Path({str(folder / 'out')!r})), lambda a, b: None);"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    return int(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout)


def test_memory_does_not_grow_with_the_files(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    words = [(f"w{i}", 0.1 * i, 0.1 * i + 0.1) for i in range(3000)]
    said, block = files.words_entry(words), rng.standard_normal((3000, 300)).astype(np.float32)
    segments = [(10.0 * i, 10.0 * i + 9.0, {"happy": 1.0}) for i in range(30)]
    peaks = []
    for n_videos in (2, 40):
        folder = tmp_path / str(n_videos)
        entries = [f"video{i:03d}" for i in range(n_videos)]
        labelled = files.labels_entry(segments, files.PUBLISHED)
        for root, entry in (("All Labels", labelled), ("words", said), ("glove_vectors", (block, said[1]))):
            files.write_sequence(folder / f"{root}.csd", root, dict.fromkeys(entries, entry), {}, packed=False)
        peaks.append(peak_kib(folder))
    assert (tmp_path / "40" / "glove_vectors.csd").stat().st_size > 140e6
    assert peaks[1] - peaks[0] < 40_000, peaks
