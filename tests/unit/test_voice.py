"""Voice detector: the real network hears speech and nothing else."""

import numpy as np
import pytest

from streamer.engines.voice import VoiceDetector
from streamer.records import Samples
from tests.harness.speech import spoken
from tests.signals import clicks, noise, silence, tone

FOUR_SECONDS = 64_000
SENTENCE = "I am so happy to see you my dear friend"


def probabilities(detector: VoiceDetector, sound: Samples) -> list[float]:
    blocks = sound[: len(sound) // detector.BLOCK_SAMPLES * detector.BLOCK_SAMPLES].reshape(-1, detector.BLOCK_SAMPLES)
    return [detector.probability(block) for block in blocks]


def voiced_share(sound: Samples) -> float:
    return float(np.mean(np.array(probabilities(VoiceDetector(), sound)) >= 0.5))


@pytest.mark.parametrize("voice", ["en-us", "ko"])
def test_speech_is_voice(voice: str) -> None:
    sentence = SENTENCE if voice == "en-us" else "안녕하세요. 오늘은 날씨가 아주 좋습니다."
    assert voiced_share(spoken(sentence, voice)) > 0.6


@pytest.mark.parametrize(
    "sound",
    [
        silence(FOUR_SECONDS),
        noise(FOUR_SECONDS, level_db=-40),
        noise(FOUR_SECONDS, level_db=-20),
        noise(FOUR_SECONDS, level_db=-10),
        tone(FOUR_SECONDS, 100),
        tone(FOUR_SECONDS, 440),
        tone(FOUR_SECONDS, 3000, level_db=-3),
        clicks(FOUR_SECONDS, 4000),
    ],
    ids=["silence", "faint noise", "noise", "loud noise", "hum", "tone", "whistle", "clicks"],
)
def test_silence_noise_tones_and_clicks_are_no_voice(sound: Samples) -> None:
    assert voiced_share(sound) <= 0.02


def test_speech_in_noise_is_still_voice() -> None:
    speech = spoken(SENTENCE)
    level_db = 20 * float(np.log10(np.sqrt(np.mean(speech**2))))
    assert voiced_share(speech + noise(len(speech), level_db=level_db - 10)) > 0.6


def test_the_same_sound_gives_the_same_answers_after_reset() -> None:
    detector = VoiceDetector()
    first = probabilities(detector, spoken(SENTENCE))
    without_reset = probabilities(detector, spoken(SENTENCE))
    detector.reset()
    assert probabilities(detector, spoken(SENTENCE)) == first == probabilities(VoiceDetector(), spoken(SENTENCE))
    assert without_reset != first


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_samples_that_are_no_numbers_count_as_silence(bad: float) -> None:
    damaged, quiet = VoiceDetector(), VoiceDetector()
    damaged.probability(np.full(512, bad, np.float32))
    quiet.probability(silence(512))
    assert probabilities(damaged, spoken(SENTENCE)) == probabilities(quiet, spoken(SENTENCE))


def test_the_block_is_left_as_it_was_and_may_be_read_only() -> None:
    block = spoken(SENTENCE)[4096:4608].copy()
    before = block.copy()
    block.setflags(write=False)
    VoiceDetector().probability(block)
    assert np.array_equal(block, before)


@pytest.mark.parametrize("n", [0, 511, 513])
def test_a_block_of_another_length_is_refused(n: int) -> None:
    with pytest.raises(ValueError, match="512 samples"):
        VoiceDetector().probability(silence(n))
