"""Voices that nobody has labelled: which files count, whose they seem to be, and what is learned from them."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from streamer.network import contract
from tools.training import (
    company,
    corpora,
    encoded,
    metrics,
    soundstore,
    speakerpast,
    stage_taught,
    unlabelled,
)
from tools.training.sounddata import SoundBatch
from tools.training.soundstore import Recording

N, SIZE = 12, 4


def write(path: Path, length_s: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.sin(np.arange(round(length_s * 8_000)) * 0.1) * 0.5, 8_000)


def test_files_of_fair_length_count_and_a_folder_is_a_source(tmp_path: Path) -> None:
    for name, length_s in (("a/1.flac", 1.0), ("a/2.wav", 0.3), ("b/3.ogg", 3.0), ("b/4.flac", 21.0)):
        write(tmp_path / name, length_s)
    (tmp_path / "a" / "notes.txt").write_text("no sound")
    found = list(unlabelled.clips(tmp_path))
    assert [(clip.path.name, clip.corpus) for clip in found] == [
        ("1.flac", "unlabelled/a"),
        ("3.ogg", "unlabelled/b"),
    ]
    assert {clip.split for clip in found} == {"train"}
    with pytest.raises(unlabelled.NoVoicesError, match="found no sound file"):
        list(unlabelled.clips(tmp_path / "a" / "none"))


def recording(source: str, speaker: str = "?") -> Recording:
    return Recording(0, 100, 0, 100, source, speaker, corpora.LABEL_INDEX[corpora.NONE], "train", leaks_words=False)


def test_clips_that_sound_alike_are_one_voice_of_their_source() -> None:
    rng = np.random.default_rng(0)
    per = unlabelled.CLIPS_PER_VOICE
    middles = rng.normal(size=(3, 48)) * 5.0
    of = np.concatenate([np.arange(2 * per) % 2, np.full(per, 2)])
    recordings = tuple(recording("unlabelled/a" if voice < 2 else "unlabelled/b") for voice in of)
    items = [((middles[v] + rng.normal(size=(3, 48))).astype(np.float16), i, 0) for i, v in enumerate(of)]
    notes = np.array([(3 * i, 3, i, 0) for i in range(len(of))], encoded.NOTE)
    heard = encoded.EncodedScenes(np.concatenate([latents for latents, _, _ in items]), notes)
    found = unlabelled.voices(heard, recordings, seed=0)
    assert len(set(found[of == 0])) == len(set(found[of == 1])) == len(set(found[of == 2])) == 1
    assert found[0] != found[1]


def batch(clip: list[int], label: list[int]) -> SoundBatch:
    n = len(clip)
    nothing = torch.zeros(n, 1)
    allowed = torch.tensor([[True] * 3 + [False] * 4] * n)
    return SoundBatch(nothing, nothing, torch.tensor(label), allowed, nothing, nothing, nothing, torch.tensor(clip))


def test_where_nobody_has_labelled_a_clip_the_teachers_word_alone_counts() -> None:
    rng = np.random.default_rng(1)
    lessons = [stage_taught.Lesson(*(rng.normal(size=(N, n)).astype(np.float32) for n in (7, SIZE))) for _ in range(2)]
    materials = tuple(
        stage_taught.Material(None, lesson, labelled=labelled)  # type: ignore[arg-type]
        for lesson, labelled in zip(lessons, (True, False), strict=True)
    )
    course = stage_taught.Course(materials)
    some, logits = batch([3, -1], [1, 6]), torch.from_numpy(rng.normal(size=(2, 7)).astype(np.float32))
    log_p = torch.log_softmax(logits, dim=1)
    soft = torch.softmax(torch.from_numpy(lessons[1].logits[3]) / stage_taught.TEMPERATURE, dim=0)
    wanted = [-float((soft * log_p[0]).sum()), -float(log_p[1, 6])]
    assert course.named(1, some, logits).tolist() == pytest.approx(wanted, abs=1e-5)
    # A labelled clip has the classes of its corpus, and its label counts.
    told = torch.softmax(torch.from_numpy(lessons[0].logits[3]) / stage_taught.TEMPERATURE, dim=0)[:3]
    told = 0.75 * told / told.sum() + 0.25 * torch.tensor([0.0, 1.0, 0.0])
    over_three = torch.log_softmax(logits[0, :3], dim=0)
    assert float(course.named(0, some, logits)[0]) == pytest.approx(-float((told * over_three).sum()), abs=1e-4)
    # Both materials are measured by the spread of the labelled one's summaries.
    first = lessons[0].summary
    echo = (lessons[1].summary[[3]] - first.mean(axis=0)) / (first.std(axis=0) + 1e-3)
    assert course.unlike(1, some, torch.from_numpy(np.concatenate((echo, echo)))).tolist() == pytest.approx([0.0])


def test_a_lesson_is_kept_as_it_was(tmp_path: Path) -> None:
    lesson = stage_taught.Lesson(np.ones((2, 7), np.float32), np.zeros((2, SIZE), np.float32))
    stage_taught.keep(tmp_path / "told.npz", lesson)
    again = stage_taught.kept(tmp_path / "told.npz")
    np.testing.assert_array_equal(again.logits, lesson.logits)
    np.testing.assert_allclose(again.shares.sum(axis=1), 1.0, atol=1e-6)


def test_two_batches_side_by_side_hear_nothing_of_each_other() -> None:
    one, other = torch.ones(2, 2), torch.ones(3, 3)
    beside = company.apart((one, other))
    assert beside.shape == (5, 5)
    assert float(beside.sum()) == 13.0
    assert not beside[:2, 2:].any()
    assert not beside[2:, :2].any()


def test_the_store_of_unlabelled_clips_is_like_any_other(tmp_path: Path) -> None:
    for i in range(3):
        write(tmp_path / "voices" / "game" / f"{i}.flac", 1.0 + i)
    soundstore.build(unlabelled.clips(tmp_path / "voices"), tmp_path / "store")
    store = soundstore.load(tmp_path / "nowhere", tmp_path / "store")
    assert [round(r.length / contract.PICTURE_RATE_HZ) for r in store.recordings] == [1, 2, 3]
    assert store.recordings[0].label == speakerpast.NONE_INDEX
    assert store.recordings[0].label == metrics.N_SIX
