"""Windows of sound that the trunk of `stream` is trained on."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from streamer.network import contract
from streamer.network.stream import Stream
from tests.harness import small_corpora
from tools.training import loop, pictures, sounddata, soundstore, stage_sound
from tools.training.teacher import N_COMPONENTS

WIDTH = 208
RECEPTIVE = 64


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> soundstore.SoundStore:
    """Return the store of a small corpus whose pictures lie beside it."""
    monkeypatch.setattr(pictures, "N_EMPTY", 20)
    small_corpora.write(tmp_path / "corpora", clips=2)
    made = soundstore.load(tmp_path / "corpora", tmp_path)
    pictures.build_copy(tmp_path / "corpora", tmp_path, 0, 0)
    return made


def test_windows_are_of_few_speakers_and_zero_where_nothing_is_shown(
    tmp_path: Path, store: soundstore.SoundStore
) -> None:
    teacher = np.zeros((0, N_COMPONENTS), np.float16), np.zeros(len(store.recordings) + 1, np.int64)
    windows = sounddata.SoundWindows(store, tmp_path, 1, teacher, RECEPTIVE, {})
    batch = windows.batch(64, WIDTH, np.random.default_rng(0), n_speakers=8)
    assert batch.picture.shape == (64, contract.N_BANDS, WIDTH)
    clips = batch.clip.numpy()
    assert (clips >= 0).any()
    assert {store.recordings[c].speaker for c in clips if c >= 0} == {"ravdess/train0", "ravdess/train1"}
    assert not batch.picture.permute(0, 2, 1)[~batch.columns].any()
    for at in range(0, 64, 8):
        who = {store.recordings[c].speaker if c >= 0 else "" for c in clips[at : at + 8]}
        assert len(who) == 1


def test_a_corpus_that_is_left_out_is_never_shown(tmp_path: Path, store: soundstore.SoundStore) -> None:
    two = tuple(
        replace(r, corpus="emodb" if r.speaker.endswith("1") and r.split == "train" else r.corpus)
        for r in store.recordings
    )
    some = soundstore.SoundStore(store.samples, two)
    teacher = np.zeros((0, N_COMPONENTS), np.float16), np.zeros(len(two) + 1, np.int64)
    windows = sounddata.SoundWindows(some, tmp_path, 1, teacher, RECEPTIVE, {}, without=("emodb",))
    for n_speakers in (0, 8):
        clips = windows.batch(200, WIDTH, np.random.default_rng(0), n_speakers).clip.numpy()
        assert {two[c].corpus for c in clips if c >= 0} == {"ravdess"}
        assert (clips < 0).mean() == pytest.approx(0.05, abs=0.13)


def test_a_trunk_that_imitates_reads_no_label(
    tmp_path: Path, store: soundstore.SoundStore, capsys: pytest.CaptureFixture[str]
) -> None:
    n_frames = 100
    offsets = n_frames * np.arange(len(store.recordings) + 1)
    teacher = np.full((n_frames * len(store.recordings), N_COMPONENTS), 0.5, np.float16), offsets
    schedule = loop.Schedule(2, 8, 8, 3e-3, average=0.5)
    taught = []
    for label in (0, 3):
        told = soundstore.SoundStore(store.samples, tuple(replace(r, label=label) for r in store.recordings))
        torch.manual_seed(0)
        network = Stream(kernels=(2, 2, 2), sound_channels=8, n_blocks=1, word_channels=32)
        listener = stage_sound.Listener(network)
        before = listener.head.weight.clone()
        windows = sounddata.SoundWindows(told, tmp_path, 1, teacher, network.receptive_columns, {})
        (tmp_path / f"{label}").mkdir()
        stage_sound.imitate("trunk", listener, windows, schedule, tmp_path / f"{label}", 0)
        assert torch.equal(listener.head.weight, before)
        taught.append(listener.state_dict())
    assert all(torch.equal(one, other) for one, other in zip(*(each.values() for each in taught), strict=True))
    first, last = (float(row.split("loss")[1].split()[0]) for row in capsys.readouterr().out.splitlines()[:2])
    assert last < first < 0.5, "frames of one half are soon guessed"
