"""What the networks are trained on where a speaker's other clips count, and how both sides are summed."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from streamer.engines.speaker import SpeakerMean
from streamer.evaluation import examples
from streamer.network import contract
from streamer.network.pooling import AttentiveMean, Summary
from streamer.network.sides import PLAIN_SHARE
from streamer.network.stream import Stream
from tools.training import company, encoded, soundstore, speakerpast, stage_taught
from tools.training.soundstore import Recording

N_SPEAKERS, N_CLIPS, SIZE = 3, 20, 5
RECORDINGS = tuple(
    Recording(0, 100, 0, 100, "ravdess", f"s{speaker}", clip % 7, "train", leaks_words=False)
    for speaker in range(N_SPEAKERS)
    for clip in range(N_CLIPS)
)


def embedded(n_copies: int = 1) -> speakerpast.Embedded:
    n = len(RECORDINGS)
    x = np.random.default_rng(0).normal(size=(n_copies, n, SIZE)).astype(np.float32)
    return speakerpast.Embedded(x, np.arange(n), np.array([r.label for r in RECORDINGS]))


def test_held_out_clips_are_heard_against_the_mean_that_the_live_program_keeps() -> None:
    data, adaptation = embedded(), replace(speakerpast.ADAPTATION, strength=0.7)
    departures = speakerpast.in_order(data, RECORDINGS, adaptation, seed=3)
    means = {
        r.speaker: SpeakerMean(SIZE, adaptation.prior, adaptation.strength, adaptation.warm_up) for r in RECORDINGS
    }
    for at, i in enumerate(np.random.default_rng(3).permutation(len(RECORDINGS)).tolist()):
        mean = means[RECORDINGS[i].speaker]
        np.testing.assert_allclose(departures[i], data.x[0, i] - mean.mean(at), atol=1e-5)
        mean.take(at, (at + 1) * contract.STREAM_RATE_HZ, data.x[0, i])


def test_a_past_is_the_speakers_own_but_for_strangers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speakerpast, "STRANGER_SHARE", 0.0)
    streams = speakerpast.Streams(embedded(2), RECORDINGS, {})
    rng = np.random.default_rng(1)
    lengths = []
    for _ in range(200):
        scene = int(rng.integers(len(RECORDINGS)))
        past = streams.past(scene, rng)
        lengths.append(len(past))
        assert {RECORDINGS[i].speaker for i in past} <= {RECORDINGS[scene].speaker}
    assert min(lengths) == 0
    assert max(lengths) <= speakerpast.LONGEST_STREAM


def test_drawn_means_are_drawn_to_nobody_while_little_is_known() -> None:
    data = replace(embedded(), x=np.ones((1, len(RECORDINGS), SIZE), np.float32))
    drawn = speakerpast.Streams(data, RECORDINGS, {}).draw(64, np.random.default_rng(2))
    known = drawn.means[:, 0]
    assert known.min() == 0.0
    assert 0.5 < known.max() <= speakerpast.LONGEST_STREAM / (speakerpast.LONGEST_STREAM + 10.0)


def test_a_clip_is_heard_beside_others_of_its_speaker_and_never_itself() -> None:
    others = company.drawn(24, np.random.default_rng(0), n_speakers=4)
    assert not others.diagonal().any()
    for row in range(24):
        assert {int(i) * 4 // 24 for i in np.flatnonzero(others[row])} <= {row * 4 // 24}
    scenes = speakerpast.Streams(embedded(), RECORDINGS, {}).company(12, 3, np.random.default_rng(0))
    assert all(len({RECORDINGS[i].speaker for i in scenes[at : at + 4]}) == 1 for at in (0, 4, 8))


def test_a_clip_departs_from_its_company_and_the_centre_follows_in_training_alone() -> None:
    x = torch.tensor([[3.0, 0.0], [1.0, 2.0], [5.0, 4.0]])
    others, centre = torch.tensor([[0.0, 1.0, 1.0], [0.0, 0.0, 0.0], [1.0, 0.0, 0.0]]), torch.zeros(2)
    apart = company.departures(x, others, centre, training=False)
    np.testing.assert_allclose(apart, [[3.0 - 6 / 6, 0.0 - 6 / 6], [1.0, 2.0], [5.0 - 3 / 5, 4.0]])
    assert not centre.any()

    company.departures(x, others, centre, training=True)
    np.testing.assert_allclose(centre, company.CENTRE_RATE * x.mean(dim=0))


def test_answers_that_calibrate_count_each_corpus_alike() -> None:
    recordings = tuple(replace(r, corpus="nemo") if i < 6 else r for i, r in enumerate(RECORDINGS))
    head = speakerpast.Head(Summary(SIZE, 8, 0.5), torch.nn.Linear(8, 7))
    label, logits, weights = speakerpast.answers(head, {"clean": embedded(), "babble": embedded()}, recordings)
    few = np.array([r.corpus == "nemo" for r in recordings] * 2)
    assert label.tolist() == [r.label for r in RECORDINGS] * 2
    assert logits.shape == (len(label), 7)
    assert weights[few].sum() == pytest.approx(weights[~few].sum())


def test_a_lesson_is_what_the_teacher_makes_of_a_clip_beside_the_speakers_others_over_all_copies() -> None:
    torch.manual_seed(0)
    data, store = embedded(2), soundstore.SoundStore(np.zeros(0, np.int16), RECORDINGS)
    head = speakerpast.Head(Summary(SIZE, speakerpast.DEEP_SUMMARY, 0.5), torch.nn.Linear(256, 7))
    lesson = stage_taught.lesson(head, data, store, n_virtual=30)
    clip, copies = 25, range(2)
    own = [i for i, r in enumerate(RECORDINGS) if r.speaker == RECORDINGS[clip].speaker]
    departures = [data.x[copy, clip] - 0.75 * data.x[copy, own].mean(axis=0) for copy in copies]
    with torch.inference_mode():
        wanted = np.mean([head.eval()(torch.from_numpy(x[None])).numpy()[0] for x in departures], axis=0)
    np.testing.assert_allclose(lesson.logits[clip], wanted, atol=1e-5)
    with torch.inference_mode():
        wanted = np.mean([head.summary(torch.from_numpy(x[None])).numpy()[0] for x in departures], axis=0)
    np.testing.assert_allclose(lesson.summary[clip], wanted, atol=1e-5)


def test_a_window_shows_the_voice_and_little_before_it() -> None:
    for seed in range(100):
        rng = np.random.default_rng(seed)
        first, last = encoded.cut(8_000, 40_000, 56_000, rng, whole=False)
        assert 8_000 - 3_200 <= first <= 8_000
        assert 16_000 <= last <= 56_000
    assert encoded.cut(8_000, 40_000, 56_000, np.random.default_rng(0), whole=True) == (7_200, 42_400)


def test_latents_in_a_batch_are_at_the_right_and_centred() -> None:
    latents = np.arange(12, dtype=np.float16).reshape(6, 2)
    notes = np.array([(0, 2, 0, 1), (2, 4, 1, 2)], encoded.NOTE)
    f, mask = encoded.EncodedScenes(latents, notes, centre=1.0, spread=2.0).batch([0, 1])
    assert mask.tolist() == [[False, False, True, True], [True] * 4]
    np.testing.assert_allclose(f[0].T, np.array([[0, 0], [0, 0], [-0.5, 0.0], [0.5, 1.0]]))
    np.testing.assert_allclose(f[1].T, (latents[2:].astype(np.float32) - 1.0) / 2.0)


def test_words_as_plain_as_any_take_little_from_a_voice() -> None:
    """Bayes' rule by hand: with half of all feeling said plainly, words that are plain halve its odds at most."""
    network = Stream().eval()
    voice = torch.tensor([[4.0, 0, 0, 0, 0, 0, 2.0]])
    plain = torch.tensor([[0.0, 0, 0, 0, 0, 0, 40.0]])
    with torch.no_grad():
        shares = torch.softmax(network.believed(voice, plain), dim=1)[0]
        before = torch.softmax(voice, dim=1)[0]
    assert shares[0] / shares[6] == pytest.approx(float(before[0] / before[6]) * PLAIN_SHARE, rel=1e-4)
    telling = torch.tensor([[0.0, 40.0, 0, 0, 0, 0, 0.0]])
    with torch.no_grad():
        assert int(network.believed(voice, telling).argmax()) == 1


def test_attention_begins_as_the_mean_and_does_not_hear_what_is_masked() -> None:
    torch.manual_seed(0)
    pooling, f = AttentiveMean(6), torch.randn(2, 6, 9)
    mask = torch.arange(9) >= torch.tensor([[2], [5]])
    pooled = pooling(f, mask)
    torch.testing.assert_close(pooled[:, :6], pooled[:, 6:])
    torch.testing.assert_close(pooled[1, :6], f[1, :, 5:].mean(dim=1))
    torch.nn.init.normal_(pooling.score_out.weight)
    torch.testing.assert_close(pooling(f, mask), pooling(torch.where(mask[:, None], f, 9.0), mask))


def test_a_recordings_voice_is_what_stands_out_of_silence_or_noise() -> None:
    rate = contract.STREAM_RATE_HZ
    rng = np.random.default_rng(0)
    voice = np.zeros(4 * rate, np.float32)
    voice[rate : 3 * rate] = 0.3 * np.sin(2 * np.pi * 200.0 * np.arange(2 * rate) / rate)
    for level in (0.0, 1e-4, 0.02):
        start, end = examples.voice_of(voice + np.float32(level) * rng.standard_normal(len(voice), dtype=np.float32))
        assert (start, end) == (rate - examples.LEAD_SAMPLES, 3 * rate + examples.TAIL_SAMPLES)
    steady = rng.standard_normal(rate, dtype=np.float32)
    assert examples.voice_of(steady) == (0, rate)
