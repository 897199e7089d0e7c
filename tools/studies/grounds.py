"""What a study stands on, pairs made from the shared corpora or CMU-MOSEI: its rows, and how they are told."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from streamer.features import spectrogram, words
from streamer.network import contract
from tools.mosei import folds
from tools.training import batches, clipstore, crosspairs, moseiwindows
from tools.training.crosspairs import Mode

Columns = NDArray[np.floating]
VECTORS_OF_MOSEI: Final = "glove_vectors"


@dataclass(frozen=True, slots=True)
class Telling:
    """Sentences of a report that depend on what the study stands on."""

    title: str
    label: str
    """Named wherever a figure is: what the pairs are."""
    unit: str
    """What is judged, plural."""
    group: str
    """Of which intervals draw anew."""
    paragraph: str
    """What must be known before any figure."""
    material: str
    """What the networks were trained on, as it goes after "from"."""
    remarks: str
    """On word times and word vectors."""
    data: str
    """Options of the command that name the data."""


class Ground(Protocol):
    """Where rows come from."""

    @property
    def telling(self) -> Telling:
        """How it is told."""
        ...

    def rows(self, split: str, mode: Mode = "match", per_clip: int = 1) -> batches.DataSet:
        """Return a split, with its own words, those of others, or none."""
        ...

    def drawn(self, test: batches.DataSet) -> int:
        """Return the row that is drawn in the figures; not chosen by what attention does."""
        ...

    def power(self, test: batches.DataSet, row: int) -> tuple[Columns, Columns]:
        """Return the power (F, n) of a row's sound, and its picture (F, n)."""
        ...

    def said(self, test: batches.DataSet, row: int) -> list[str]:
        """Return what stands in each of the word slots, newest last; unknown words are a dot, empty slots empty."""
        ...

    def places(self, test: batches.DataSet, row: int) -> tuple[str, str]:
        """Return where the sound and the words of a row come from."""
        ...


PAIRING: Final = (
    "No corpus here has emotional words spoken with that emotion. Each clip of one corpus is joined with a written "
    "line of another that has the same label; voice and words are then independent given the label, which real speech "
    "is not, and two independent witnesses flatter every network that can hear both. Speakers and lines were split "
    "before anything was paired. These figures say how the networks compare here, and nothing about CMU-MOSEI or about "
    "people."
)


class Pairs:
    """Synthetic pairs of the shared corpora."""

    def __init__(self, material: crosspairs.Material, vocabulary: list[str]) -> None:
        self.material = material
        self._vocabulary = vocabulary

    @property
    def telling(self) -> Telling:
        """How it is told."""
        training = crosspairs.CrossPairs(self.material, "train")
        n_lines = sum(line.split == "train" for line in self.material.lines.lines)
        n_speakers = len(np.unique(training.groups))
        return Telling(
            title="The paper's study, rebuilt on synthetic pairs",
            label="synthetic pairing",
            unit="pairs",
            group="speaker",
            paragraph=f"Synthetic pairing. {PAIRING}",
            material=f"{len(training.labels)} clips of {n_speakers} speakers and {n_lines} written lines",
            remarks="Word times (synced) are made up, evenly over the voice. The word vectors were fine-tuned on "
            "training lines of the same text corpora.",
            data="--corpora DIR",
        )

    def rows(self, split: str, mode: Mode = "match", per_clip: int = 1) -> crosspairs.CrossPairs:
        """Return a split."""
        return crosspairs.CrossPairs(self.material, split, mode=mode, per_clip=per_clip)

    def drawn(self, test: batches.DataSet) -> int:
        """Return the longest clip in English with 8 to 16 words."""
        assert isinstance(test, crosspairs.CrossPairs)
        recordings, rows = self.material.store.recordings, self.material.lines.rows
        partners = test.partners(0, 0)
        fits = [
            at
            for at in range(len(test.labels))
            if recordings[int(test.clips[at])].corpus == "ravdess" and 8 <= len(rows[int(partners[at])]) <= 16
        ] or [0]
        bounds = self.material.clips.bounds
        return max(fits, key=lambda at: int(bounds[test.clips[at] + 1] - bounds[test.clips[at]]))

    def power(self, test: batches.DataSet, row: int) -> tuple[Columns, Columns]:
        """Return power and picture of the clip."""
        assert isinstance(test, crosspairs.CrossPairs)
        sound = clipstore.trimmed(self.material.store, int(test.clips[row]))
        power = spectrogram.power_columns(sound, contract.PAPER_STEP_SAMPLES)[:, 1:]
        bands = power.reshape(len(power), contract.N_BANDS, 2).sum(axis=2).T
        return bands, spectrogram.picture_columns(sound, contract.PAPER_STEP_SAMPLES)

    def said(self, test: batches.DataSet, row: int) -> list[str]:
        """Return the slots."""
        assert isinstance(test, crosspairs.CrossPairs)
        rows = self.material.lines.rows[int(test.partners(0, 0)[row])]
        return slots([self._vocabulary[at - 1] if at else "·" for at in rows])

    def places(self, test: batches.DataSet, row: int) -> tuple[str, str]:
        """Return the corpora of clip and line."""
        assert isinstance(test, crosspairs.CrossPairs)
        clip, line = int(test.clips[row]), int(test.partners(0, 0)[row])
        return self.material.store.recordings[clip].corpus, self.material.lines.lines[line].corpus


REAL: Final = (
    "Every segment is heard with the words that were spoken in it. Its class is its strongest emotion of the six; "
    'segments without any emotion are "none" and in no class, and a tie for the strongest belongs to nobody: both are '
    "left out and counted here, where an argmax over the file would have given them to its first class. The videos of "
    "the folds do not overlap, but who speaks in several videos is not known, so intervals draw videos."
)


class Mosei:
    """CMU-MOSEI as tools/prepare_mosei.py leaves it: real pairs."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def telling(self) -> Telling:
        """How it is told."""
        splits = {split: self.rows(split) for split in ("train", "valid", "test")}
        left_out = "; ".join(
            f"{split} {len(one.labels)} of {one.n_segments} (none {one.n_none}, ties {one.n_ties}, without sound "
            f"{one.n_silent})"
            for split, one in splits.items()
        )
        standard = folds.read(folds.OWN_COPY)
        is_standard = all(standard.get(video) == split for split, one in splits.items() for video in one.videos)
        training = splits["train"]
        vectors = "published GloVe" if training.vectors == VECTORS_OF_MOSEI else f"models/{training.vectors}"
        return Telling(
            title="The paper's study, rebuilt on CMU-MOSEI",
            label=f"CMU-MOSEI with {'the standard folds' if is_standard else 'folds of its own'}",
            unit="segments",
            group="video",
            paragraph=f"Real pairs. {REAL} Kept: {left_out}.",
            material=f"{len(training.labels)} segments of {len(np.unique(training.groups))} videos",
            remarks=f"Word times (synced) are the published ones (P2FA). Word vectors: {vectors}.",
            data="--mosei DIR",
        )

    def rows(self, split: str, mode: Mode = "match", per_clip: int = 1) -> moseiwindows.MoseiWindows:
        """Return a split; a segment has one set of words, so `per_clip` changes nothing."""
        del per_clip
        return moseiwindows.MoseiWindows(self._folder, split, mode=mode)

    def drawn(self, test: batches.DataSet) -> int:
        """Return the first segment with 8 to 16 words."""
        assert isinstance(test, moseiwindows.MoseiWindows)
        return next((at for at, text in enumerate(test.texts) if 8 <= len(text.split()) <= 16), 0)

    def power(self, test: batches.DataSet, row: int) -> tuple[Columns, Columns]:
        """Return power, taken back from the picture (what lay more than 80 dB down is gone), and the picture."""
        picture, columns = (x[0].numpy() for x in test.batch(np.array([row]), 0, 0).inputs[:2])
        after = picture[:, columns]
        return 10.0 ** ((after - 1.0) * contract.RANGE_DB / 10.0) * (after > 0.0), after

    def said(self, test: batches.DataSet, row: int) -> list[str]:
        """Return the slots: words as published, or as our own vectors split them."""
        assert isinstance(test, moseiwindows.MoseiWindows)
        text = test.texts[row]
        known = test.batch(np.array([row]), 0, 0).inputs[3][0].numpy()
        found = slots(text.split() if test.vectors == VECTORS_OF_MOSEI else words.tokens(text))
        return [word if there or not word else "·" for word, there in zip(found, known, strict=True)]

    def places(self, test: batches.DataSet, row: int) -> tuple[str, str]:
        """Return the video, twice."""
        assert isinstance(test, moseiwindows.MoseiWindows)
        return test.videos[row], test.videos[row]


def slots(said: list[str]) -> list[str]:
    """Return the last words in as many slots as a window has, newest last."""
    kept = said[-contract.N_WORDS :]
    return [""] * (contract.N_WORDS - len(kept)) + kept


def pairs(corpora_root: Path, work: Path, vectors: Path) -> Pairs:
    """Return synthetic pairs at the paper's step; computes columns first where `work` does not hold them."""
    material = crosspairs.prepare(corpora_root, work, vectors, contract.PAPER_STEP_SAMPLES)
    return Pairs(material, (vectors / "vocabulary.txt").read_text(encoding="utf-8").splitlines())
