"""Windows of sound that the trunk of `stream` is trained on."""

from pathlib import Path

import numpy as np
import pytest

from streamer.network import contract
from tests.harness import small_corpora
from tools.training import pictures, sounddata, soundstore
from tools.training.teacher import N_COMPONENTS

WIDTH = 208
RECEPTIVE = 64


def test_windows_are_of_few_speakers_and_zero_where_nothing_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "N_EMPTY", 20)
    small_corpora.write(tmp_path / "corpora", clips=2)
    store = soundstore.load(tmp_path / "corpora", tmp_path)
    pictures.build_copy(tmp_path / "corpora", tmp_path, 0, 0)
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
