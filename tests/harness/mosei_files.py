"""CMU-MOSEI as it is published, small: the same HDF5 schema with its known quirks, and sound made of tones."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np
import soundfile
from numpy.typing import NDArray

RATE_HZ = 44_100

PUBLISHED = ("sentiment", "happy", "sad", "anger", "surprise", "disgust", "fear")

FUSED = "dimension namescomputational sequence version"
"""The SDK's template misses a comma, so two of its keys are one in the files."""

Entry = tuple[NDArray[np.generic], NDArray[np.float64]]
"""Features and intervals."""


@dataclass
class Video:
    """What one video holds."""

    name: str
    segments: list[tuple[float, float, dict[str, float]]]
    """Start, end, and what is above zero, by the published names."""
    words: list[tuple[str, float, float]] = field(default_factory=list)


def labels_entry(segments: Sequence[tuple[float, float, dict[str, float]]], order: Sequence[str]) -> Entry:
    """Return segments as the file holds them, columns in `order`."""
    features = [[said.get(name, 0.0) for name in order] for _, _, said in segments]
    intervals = [(start, end) for start, end, _ in segments]
    return np.array(features, np.float32).reshape(-1, 7), np.array(intervals, np.float64).reshape(-1, 2)


def words_entry(words: Sequence[tuple[str, float, float]]) -> Entry:
    """Return words as the file holds them: (n, 1) bytes of fixed length."""
    features = np.array([[text.encode()] for text, _, _ in words], "S32").reshape(-1, 1)
    return features, np.array([(start, end) for _, start, end in words], np.float64).reshape(-1, 2)


def vector_of(text: str) -> NDArray[np.float32]:
    """Return a vector of 300 that is the word's own; `xxunknown` has zeros, as the published file has for such."""
    if text == "xxunknown":
        return np.zeros(300, np.float32)
    return np.random.default_rng(list(text.encode())).standard_normal(300).astype(np.float32)


def vectors_entry(words: Sequence[tuple[str, float, float]]) -> Entry:
    """Return the vectors of the words; pauses are not in this file, so rows are not those of `words`."""
    said = [word for word in words if word[0] != "sp"]
    features = np.array([vector_of(text) for text, _, _ in said], np.float32).reshape(-1, 300)
    return features, np.array([(start, end) for _, start, end in said], np.float64).reshape(-1, 2)


def write_sequence(
    path: Path, root: str, entries: Mapping[str, Entry], metadata: Mapping[str, object], *, packed: bool = True
) -> None:
    """Write one computational sequence as CMU-MultimodalSDK does: gzip, no attributes, metadata as JSON strings."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        data = file.create_group(f"{root}/data")
        for name, (features, intervals) in entries.items():
            group = data.create_group(name)
            compression = "gzip" if len(features) and packed else None
            group.create_dataset("features", data=features, compression=compression)
            group.create_dataset("intervals", data=intervals, compression=compression)
        notes = file.create_group(f"{root}/metadata")
        for key, value in metadata.items():
            notes.create_dataset(key, (1,), dtype=h5py.string_dtype())[0] = json.dumps(value)


def write(
    folder: Path, videos: Sequence[Video], *, vectors: bool = True, order: Sequence[str] = PUBLISHED, named: bool = True
) -> None:
    """Write `All Labels`, `words`, `COVAREP` and (if wanted) `glove_vectors` under names that say nothing."""
    common: dict[str, object] = {"creator": "nobody", "dataset name": "CMU-MOSEI"}
    columns: dict[str, object] = {FUSED: list(order)} if named else {FUSED: "1.0"}
    labelled = {video.name: labels_entry(video.segments, order) for video in videos}
    write_sequence(
        folder / "labels" / "a.csd", "All Labels", labelled, {"root name": "All Labels", **columns, **common}
    )
    said = {video.name: words_entry(video.words) for video in videos if video.words}
    write_sequence(folder / "b.csd", "words", said, {"root name": "words", **common})
    covarep = {video.name: (np.full((3, 74), -np.inf), np.zeros((3, 2))) for video in videos}
    write_sequence(folder / "c.csd", "COVAREP", covarep, {"root name": "COVAREP", **common})
    if vectors:
        placed = {video.name: vectors_entry(video.words) for video in videos if video.words}
        write_sequence(folder / "d.csd", "glove_vectors", placed, {"root name": "glove_vectors", **common})


def write_folds(path: Path, split_of: Mapping[str, str]) -> None:
    """Write a table of folds."""
    path.write_text("".join(["video_id,split\n", *(f"{video},{split}\n" for video, split in split_of.items())]))


def write_tones(
    path: Path, seconds: float, tones: Sequence[tuple[float, float, float]], rate_hz: int = RATE_HZ
) -> None:
    """Write sound that is faint noise but for `tones`: (start s, end s, Hz), with soft ends that do not click."""
    path.parent.mkdir(parents=True, exist_ok=True)
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    sound = 1e-3 * np.random.default_rng(0).standard_normal(len(t))
    for start, end, hz in tones:
        inside = (t >= start) & (t < end)
        soft = np.clip(np.minimum(t[inside] - start, end - t[inside]) / 0.05, 0.0, 1.0)
        sound[inside] += 0.3 * np.sin(2 * np.pi * hz * t[inside]) * np.sin(0.5 * np.pi * soft) ** 2
    soundfile.write(path, sound.astype(np.float32), rate_hz, subtype="PCM_16")
