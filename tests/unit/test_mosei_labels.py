"""Seven numbers to our six classes by name; none, ties, repeats; folds; the segment table."""

import gzip
import itertools
from pathlib import Path

import numpy as np
import pytest

from streamer.errors import SourceError
from streamer.network import contract
from tests.harness import mosei_files as files
from tools.mosei import csd, folds, labels, prepare, summary, table

OURS = {
    "happy": "happy",
    "sad": "sad",
    "anger": "angry",
    "surprise": "surprised",
    "disgust": "disgusted",
    "fear": "fear",
}


def read(
    tmp_path: Path, segments: list[tuple[float, float, dict[str, float]]], **how: object
) -> tuple[list[labels.Segment], prepare.Labelled]:
    files.write(tmp_path, [files.Video("v", segments)], **how)  # type: ignore[arg-type]
    found = prepare.read_labels(tmp_path / "labels" / "a.csd")
    return found.by_video["v"], found


@pytest.mark.parametrize("published", OURS)
def test_each_emotion_arrives_under_our_name_and_place(tmp_path: Path, published: str) -> None:
    (segment,), found = read(tmp_path, [(0.0, 1.0, {published: 2.0, "sentiment": -1.5})], named=False)
    assert segment.label == OURS[published]
    assert segment.intensities[contract.EMOTIONS.index(OURS[published])] == 2.0
    assert sum(segment.intensities) == 2.0
    assert segment.sentiment == -1.5
    assert found.order_from == "published"


def test_a_file_in_another_order_is_read_by_its_names(tmp_path: Path) -> None:
    order = ("anger", "disgust", "fear", "happy", "sad", "surprise", "sentiment")
    said = {"anger": 3.0, "sad": 1.0, "sentiment": 2.0}
    (segment,), found = read(tmp_path, [(0.0, 1.0, said)], order=order)
    assert found.order_from == "metadata"
    assert dict(zip(contract.EMOTIONS, segment.intensities, strict=True)) == {
        "happy": 0.0,
        "angry": 3.0,
        "sad": 1.0,
        "surprised": 0.0,
        "disgusted": 0.0,
        "fear": 0.0,
    }
    assert segment.sentiment == 2.0


@pytest.mark.parametrize("key", ["dimension names", files.FUSED, " Dimension Names"])
def test_names_are_found_under_plain_and_fused_keys_and_other_spellings(key: str) -> None:
    names = ["sentiment", "happiness", "sadness", "angry", "surprised", "disgusted", "fearful"]
    ours = ("sentiment", "happy", "sad", "angry", "surprised", "disgusted", "fear")
    assert labels.order({key: names}, "f") == (ours, "metadata")
    assert labels.order({key: "[" + ", ".join(f"'{name}'" for name in names) + "]"}, "f") == (ours, "metadata")
    assert labels.order({"creator": names, key: "1.0"}, "f") == (ours, "published")


def test_seven_names_that_are_not_ours_are_refused() -> None:
    with pytest.raises(SourceError, match="names its columns a, b, c, d, e, f, g, wanted sentiment, happy"):
        labels.order({"dimension names": list("abcdefg")}, "f")
    twice = ["sentiment", "happy", "happiness", "anger", "surprise", "disgust", "fear"]
    with pytest.raises(SourceError, match="happiness"):
        labels.order({"dimension names": twice}, "f")


def test_no_emotion_is_none_and_a_tie_is_nobodys(tmp_path: Path) -> None:
    said: list[tuple[float, float, dict[str, float]]] = [
        (0.0, 1.0, {"sentiment": 3.0}),
        (1.0, 2.0, {"happy": 2 / 3, "fear": 2 / 3, "sad": 1 / 3}),
        (2.0, 3.0, {"happy": 1 / 3, "sad": 2 / 3}),
        (3.0, 4.0, {"anger": 1.0, "happy": 1.0}),
    ]
    segments, found = read(tmp_path, said)
    assert [one.label for one in segments] == ["none", "happy+fear", "sad", "happy+angry"]
    told = summary.of_labels(found.by_video, {"v": "train"})
    assert (told["videos"], told["segments"], told["none"], told["ties"]) == (1, 4, 1, 2)
    assert told["emotions"] == dict(zip(contract.EMOTIONS, (3, 1, 2, 0, 0, 1), strict=True))
    assert told["strongest"] == dict(zip(contract.EMOTIONS, (0, 0, 1, 0, 0, 0), strict=True))
    assert told["ties_between"] == {"happy+angry": 1, "happy+fear": 1}
    assert told["folds"]["train"]["segments"] == 4
    assert told["folds"]["test"]["segments"] == 0


def test_segments_are_sorted_and_repeats_kept_once(tmp_path: Path) -> None:
    said: list[tuple[float, float, dict[str, float]]] = [
        (5.0, 9.0, {"sad": 1.0}),
        (1.0, 2.0, {"happy": 1.0}),
        (5.0, 9.0, {"sad": 1.0}),
        (1.0, 2.0, {"anger": 1.0}),
        (3.0, 3.0, {"fear": 4.0}),
        (4.0, 3.99, {"disgust": -0.5}),
        (-0.02, 0.5, {}),
    ]
    segments, found = read(tmp_path, said)
    places = [(0.0, 0.5), (1.0, 2.0), (3.0, 3.0), (4.0, 4.0), (5.0, 9.0)]
    assert [(one.start_s, one.end_s) for one in segments] == places
    assert [one.label for one in segments] == ["none", "happy", "fear", "none", "sad"]
    assert (found.faults.duplicates, found.faults.contradictions, found.faults.out_of_scale) == (1, 1, 2)
    assert max(segments[2].intensities) == 3.0


def test_labels_of_nothing_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="labels no segment"):
        read(tmp_path, [])


def test_our_copy_of_the_standard_folds_is_whole() -> None:
    found = folds.read(folds.OWN_COPY)
    sizes = {split: sum(one == split for one in found.values()) for split in folds.SPLITS}
    assert sizes == {"train": 2249, "valid": 300, "test": 678}
    assert found["hh04W3xXa5s"] == "train"
    assert folds.split_of("nobody knows", found) == folds.UNASSIGNED


def test_folds_are_read_from_the_folder_first_as_a_table_or_the_sdks_lists(tmp_path: Path) -> None:
    assert folds.file_in(tmp_path) == folds.OWN_COPY
    python = tmp_path / "cmu_mosei_std_folds.py"
    python.write_text("standard_train_fold=['a','b']\nstandard_valid_fold=['c']\nstandard_test_fold=['d']\n")
    assert folds.file_in(tmp_path) == python
    wanted = {"a": "train", "b": "train", "c": "valid", "d": "test"}
    assert folds.read(python) == wanted
    files.write_folds(tmp_path / "folds.csv", wanted)
    assert folds.file_in(tmp_path).name == "folds.csv"
    assert folds.read(folds.file_in(tmp_path)) == wanted


def test_python_folds_are_parsed_and_never_run(tmp_path: Path) -> None:
    trap = tmp_path / "cmu_mosei_std_folds.py"
    trap.write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nstandard_train_fold=[open({str(tmp_path / 'ran')!r}, 'w')]")
    with pytest.raises(SourceError, match="cannot be read"):
        folds.read(trap)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("video_id,split\na,train\na,test\n", "puts a into train and test"),
        ("video_id,split\na,dev\n", "split 'dev'"),
        ("video_id,split\n", "names no video"),
        ("id,fold\na,train\n", "cannot be read"),
    ],
)
def test_wrong_folds_are_refused(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "folds.csv").write_text(text)
    with pytest.raises(SourceError, match=sentence):
        folds.read(tmp_path / "folds.csv")
    (tmp_path / "folds.csv.gz").write_bytes(gzip.compress(text.encode())[:-9])
    with pytest.raises(SourceError, match="cannot be read"):
        folds.read(tmp_path / "folds.csv.gz")


def test_the_segment_table_is_compared_and_finds_a_swapped_order(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    said: list[tuple[float, float, dict[str, float]]] = [
        (
            i * 2.0 - 0.1,
            i * 2.0 + 1.5,
            {name: float(rng.integers(1, 4)) for name in rng.choice([*OURS], 2, replace=False)},
        )
        for i in range(30)
    ]
    segments, _ = read(tmp_path, said)
    head = "video_id,segment,start,end,sentiment7,argmax_emotion,split\n"
    rows = [f"v,{i},{i * 2.0 - 0.1},{s.end_s},0,{table.first_strongest(s)},train\n" for i, s in enumerate(segments)]
    (tmp_path / "segments.csv.gz").write_bytes(
        gzip.compress("".join([head, *rows[:-1], "w,0,1,2,0,happy,\n"]).encode())
    )
    path = table.file_in(tmp_path)
    assert path is not None
    same = {"rows": 30, "matched": 29, "only_in_table": 1, "only_in_labels": 1, "argmax_differs": 0}
    assert table.compare(path, segments) == same
    swapped = [
        labels.Segment(s.video, s.number, s.start_s, s.end_s, 0.0, s.intensities[::-1])
        for s in itertools.islice(segments, 30)
    ]
    assert table.compare(path, swapped)["argmax_differs"] > 10
    path.write_bytes(b"no gzip")
    with pytest.raises(SourceError, match="segment table"):
        table.compare(path, segments)


def test_only_one_video_is_read_at_a_time(tmp_path: Path) -> None:
    """A damaged video is met only when its turn comes: nothing reads the whole file at once."""
    videos = [files.Video(name, [(0.0, 1.0, {"sad": 1.0})]) for name in ("a", "b", "c")]
    files.write(tmp_path, videos)
    bad = {name: files.labels_entry([(0.0, 1.0, {})], files.PUBLISHED) for name in "abc"}
    bad["c"] = (np.zeros((1, 3), np.float32), np.zeros((1, 2)))
    files.write_sequence(tmp_path / "labels" / "a.csd", "All Labels", bad, {})
    with csd.Sequence(tmp_path / "labels" / "a.csd") as sequence:
        names = labels.order({}, "")[0]
        assert len(labels.segments(sequence, "a", names, labels.Faults())) == 1
        assert len(labels.segments(sequence, "b", names, labels.Faults())) == 1
        with pytest.raises(SourceError, match=r"c has features \(1, 3\)"):
            labels.segments(sequence, "c", names, labels.Faults())
