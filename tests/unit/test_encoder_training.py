"""What the encoder of `deep` is tuned on: scenes as mel frames, as the live program hears them."""

from pathlib import Path

import numpy as np
import pytest
import torch

from streamer.features import mel
from streamer.network import contract
from streamer.network.deep import EncodedSound
from streamer.network.encoder import Encoder
from streamer.network.pooling import AttentiveMean
from streamer.network.sides import GRID
from tests.harness import small_corpora
from tools.training import augment, config, encoded, hearing, melstore, pictures, soundstore, speakerpast, stage_tune
from tools.training.soundstore import Recording

RNG = np.random.default_rng(5)
LENGTHS_S = (1.0, 0.3, 2.5, 1.7, 0.05, 0.9)
RECORDINGS = tuple(
    Recording(0, 100, 0, 100, corpus, f"s{clip % 2}", clip % 7, "train", leaks_words=False)
    for corpus in ("ravdess", "emodb")
    for clip in range(3)
)


def sound(length_s: float) -> np.ndarray:
    return (0.1 * RNG.standard_normal(round(length_s * contract.PICTURE_RATE_HZ))).astype(np.float32)


def scenes(folder: Path) -> melstore.MelScenes:
    items = ((melstore.mels_of(sound(length)), clip, clip % 7) for clip, length in enumerate(LENGTHS_S))
    encoded.write(items, melstore.name_of("some"), folder)
    return melstore.open_scenes(folder, "some")


def encoder() -> Encoder:
    torch.manual_seed(2)
    made = Encoder(2).eval()
    made.positions.normal_(std=0.1)
    return made


def test_a_scene_holds_the_newest_whole_latents_of_its_sound() -> None:
    heard = sound(1.0)
    n = contract.columns_in(len(heard))
    kept = melstore.mels_of(heard).reshape(-1, contract.N_MELS)
    dropped = n % GRID
    whole = mel.frames_of_columns(mel.mel_frames(heard), n).T
    assert len(kept) == contract.MELS_PER_COLUMN * (n - dropped)
    np.testing.assert_allclose(kept, whole[contract.MELS_PER_COLUMN * dropped :], atol=0.01)
    assert melstore.mels_of(sound(0.05)).shape == (0, melstore.COLUMN)


def test_scenes_heard_together_are_heard_as_by_themselves(tmp_path: Path) -> None:
    kept, listening = scenes(tmp_path), encoder()
    together = list(melstore.encode(listening, kept))
    assert [(clip, label) for _, clip, label in together] == [(clip, clip % 7) for clip in range(len(LENGTHS_S))]
    for row, (latents, _, _) in enumerate(together):
        n = kept.columns(row)
        assert latents.shape == (n // GRID, listening.channels)
        if n:
            mels = torch.from_numpy(kept.cut(row, 0, n).astype(np.float32).T[None])
            with torch.inference_mode():
                alone = listening(mels, torch.ones(1, n, dtype=torch.bool))
            np.testing.assert_allclose(latents.T, torch.nn.functional.avg_pool1d(alone, GRID)[0], atol=5e-3)


def test_embeddings_come_in_the_order_of_their_scenes(tmp_path: Path) -> None:
    kept = scenes(tmp_path)
    sounding = EncodedSound(2)
    sounding.encoder = encoder()
    tuned = stage_tune.Tuned(sounding, AttentiveMean(sounding.channels)).eval()
    pieces = [kept.cut(row, 0, kept.columns(row)) for row in range(len(LENGTHS_S))]
    with torch.inference_mode():
        together = tuned.embed(pieces)
        for row, piece in enumerate(pieces):
            np.testing.assert_allclose(together[row], tuned.embed([piece])[0], atol=1e-4)
    np.testing.assert_allclose(stage_tune.embeddings(tuned, kept), together, atol=1e-4)


def test_what_is_wanted_is_compared_with_the_newest_latents_and_only_where_it_is_told() -> None:
    rows, n, wide = np.array([2, 0, 1]), 5, 4
    f = torch.from_numpy(RNG.standard_normal((3, wide, n)).astype(np.float32))
    heard = [(rows, f, torch.ones(3, n, dtype=torch.bool))]
    newest = f.transpose(1, 2).numpy()
    wanted = [newest[1][-2:] + 2.0, np.zeros((0, wide), np.float32), newest[0]]
    error = stage_tune.unfaithfulness(heard, wanted)
    assert float(error) == pytest.approx(2 * 4.0 / (2 + n), abs=1e-5)
    assert float(stage_tune.unfaithfulness(heard, [np.zeros((0, wide), np.float32)] * 3)) == 0.0


def test_a_still_scene_is_the_scene_before_room_noise_and_microphone(tmp_path: Path) -> None:
    small_corpora.write(tmp_path / "corpora", clips=2)
    director = pictures.Director(soundstore.load(tmp_path / "corpora", tmp_path))
    clip = director.training[0]
    still = director.still_scene(clip, np.random.default_rng(3))
    rng = np.random.default_rng(3)
    heard = director.through_the_air(director.still_scene(clip, rng), rng)
    scene = director.scene(clip, np.random.default_rng(3))
    np.testing.assert_array_equal(scene.sound, heard.sound)
    assert (still.on, still.off, len(still.sound)) == (heard.on, heard.off, len(heard.sound))
    voice = still.sound[still.on : still.off]
    assert augment.rms(voice) == pytest.approx(0.1, rel=0.2)
    melstore.build_copy(tmp_path / "corpora", tmp_path, 1, 0)
    noisy, quiet = (melstore.open_scenes(tmp_path, name) for name in ("train-1", melstore.still_name(1)))
    spoken = quiet.notes["clip"] >= 0
    np.testing.assert_array_equal(noisy.notes["latents"][spoken], quiet.notes["latents"][spoken])
    assert not quiet.notes["latents"][~spoken].any(), "where nobody speaks there is nothing to be near to"


def test_what_ships_is_the_mean_of_all_tunings_and_is_kept_apart_from_the_first() -> None:
    plan = config.read(Path(__file__).parents[2] / "tools" / "configs" / "deep.toml")
    assert hearing.tunings(plan) == ["tune", "tune-2"]
    assert hearing.tunings(plan, "tune-without-nemo") == ["tune-without-nemo", "tune-without-nemo-2"]
    states = [
        {"w": torch.tensor([1.0, 4.0]), "n": torch.tensor(3)},
        {"w": torch.tensor([2.0, 0.0]), "n": torch.tensor(3)},
    ]
    mean = hearing.mean_of(states)
    assert mean["w"].tolist() == [1.5, 2.0]
    assert mean["n"].dtype == torch.int64
    assert int(mean["n"]) == 3


def test_corpora_that_are_left_out_are_never_drawn() -> None:
    data = speakerpast.Embedded(np.zeros((1, 6, 1), np.float32), np.arange(6), np.arange(6) % 7)
    streams = speakerpast.Streams(data, RECORDINGS, {}, without=("emodb",))
    drawn = streams.company(400, 20, np.random.default_rng(0))
    assert {RECORDINGS[data.clip[i]].corpus for i in drawn} == {"ravdess"}


def test_long_scenes_are_cut_and_so_is_what_is_wanted_of_them(tmp_path: Path) -> None:
    n = 3 * stage_tune.LONGEST_COLUMNS
    items = ((np.ones((n, melstore.COLUMN), np.float16), clip, 0) for clip in range(6))
    encoded.write(items, melstore.name_of("long"), tmp_path)
    kept = melstore.open_scenes(tmp_path, "long")
    data = speakerpast.Embedded(np.zeros((1, 6, 1), np.float32), np.arange(6), np.arange(6) % 7)
    places = np.repeat(np.arange(n // GRID, dtype=np.float16)[:, None], 3, axis=1)
    encoded.write(((places, clip, 0) for clip in range(6)), encoded.name_of("still", "long"), tmp_path)
    targets = encoded.open_scenes(tmp_path, "still", "long", 3)
    windows = stage_tune.Windows((kept,), (targets,), speakerpast.Streams(data, RECORDINGS, {}))
    drawn = windows.draw(24, np.random.default_rng(1))
    for wanted in drawn.wanted:
        assert (np.diff(wanted, axis=0) == 1.0).all(), "what is wanted is of one stretch"
    assert len({wanted[0, 0] for wanted in drawn.wanted}) > 5, "which begins anywhere"
    for piece in drawn.pieces:
        assert len(piece) == contract.MELS_PER_COLUMN * GRID * len(drawn.wanted[0])
        assert piece.shape == (contract.MELS_PER_COLUMN * stage_tune.LONGEST_COLUMNS, contract.N_MELS)
    assert (kept.frames == 1.0).all()
