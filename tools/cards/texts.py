"""The sentences of a card that no figure changes."""

from typing import Final

INTRODUCTIONS: Final = {
    "stream": (
        "The small network. Hears up to {seconds:g} s of sound as a picture of 200 bands (0 to 4 kHz) × 400 columns "
        "and reads up to 40 English words with their times. Its sound half was taught by the frames of a speech "
        "encoder (Whisper tiny.en, blocks 1 and 2) and then by the answers of `deep`, also to voices that nobody has "
        "labelled, its words half by what a sentence encoder (all-mpnet-base-v2, Apache-2.0) reads; it needs none of "
        "them when it runs."
    ),
    "deep": (
        "The large network. Hears up to {seconds:g} s of sound as 80 mel bands (filled up to 4 kHz) through the "
        "first layers and the first three blocks of the encoder of Whisper tiny.en (OpenAI, MIT), tuned on the voices "
        "below, and reads up to 40 English words with their times through the first three blocks of the sentence "
        "encoder all-MiniLM-L6-v2 (sentence-transformers, Apache-2.0), tuned on the lines below and taught by what a "
        "larger one (all-mpnet-base-v2, Apache-2.0) reads in them. Computed only where somebody speaks."
    ),
}  # fmt: skip

OTHER: Final = "A network of the paper's kind. Hears up to {seconds:g} s of sound and reads up to 40 words."

ANSWERS: Final = (
    "It answers with shares of happy, angry, sad, surprised, disgusted and fear, and with a seventh, hidden answer: "
    "none of these (neutral speech, noise, music, silence). Where that one is the largest, or the best of the six "
    "stays under {threshold:g}, the program says `unsure`. Where both sides are there, its calibrated heads are summed "
    "({weights}); where one is missing, the other's head answers by itself, as if there were no other."
)  # fmt: skip

PROHIBITED: Final = (
    "**Prohibited, whatever the licence.** In the European Union nobody may infer the emotions of persons at work "
    "or in education (AI Act, Regulation (EU) 2024/1689, Article 5(1)(f)), and whoever uses such a system on "
    "persons must tell them (Article 50(3), in force since 2 August 2026); the program shows a notice and always "
    "shows that it listens. Nor is it made for decisions about persons, for medical, legal or safety purposes, for "
    "lie detection, or for anybody who has not agreed."
)  # fmt: skip

NOT_ABLE: Final = """\
* It was trained and measured on *acted* voices. Real talk is quieter, mixed and mostly neutral: expect much less.
* What somebody sounds like or says is not what they feel. Culture, illness, age, tiredness and irony mislead it, and
  no corpus is known to hold children.
* Words are English. The sound side has heard {languages}.
* No corpus pairs emotional words with an emotional voice, so the head for both learned from sounds and lines joined by
  label. Figures on such pairs flatter.
* Some corpora have one test speaker: an interval over one speaker's clips says nothing of other speakers.
"""

LANGUAGES: Final = {
    "ravdess": "English",
    "emospeech": "Indian English",
    "nemo": "Polish",
    "emodb": "German",
    "ased": "Amharic",
    "emovo": "Italian",
    "emotiontts": "Korean",
}

HOW: Final = (
    "Measured by `emostream evaluate` (docs/evaluate.md says what every name means) on speakers and lines of the "
    "test splits, which nothing was trained or fitted on (three choices were made after a look at test figures: see "
    "[EXPERIMENTS.md](../EXPERIMENTS.md)). UAR: mean recall of those of the six emotions that a "
    "corpus has, the answer being the likeliest of all six (own: of those that it has); chance is 0.167. Intervals "
    "are bootstrap, 95 %, over whole speakers; `*` marks those over clips, where a corpus has one test speaker. ECE "
    "is over the six."
)  # fmt: skip

PAIRED: Final = (
    "**Synthetic pairs, optimistic**: each test clip is joined with a test line of the same label, so voice and "
    "words are two independent witnesses of it, which real speech never offers. The words are spread over the clip. "
    "Clips come in another random order than above, so sound alone differs a little."
)  # fmt: skip

JOINED: Final = (
    "The head for both takes voice and words for independent witnesses (Bayes' rule), but half of what is said with "
    "feeling for plain talk, so that plain words take little from a voice; attention between words and columns adds "
    "what it learned beyond that."
)  # fmt: skip

NOT_CROSSED: Final = (
    "Not measured on these weights: `python tools/train.py --stage left-out` (docs/training.md) trains the network, "
    "and `deep` that teaches it, anew without each corpus. [`deep`](../deep/README.md) says what to expect at best."
)  # fmt: skip
