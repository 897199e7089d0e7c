"""The study's list of runs, most important first, so that a study that is cut short still says the most it can."""

from dataclasses import dataclass
from typing import Final

from tools.training.crosspairs import Mode
from tools.training.recipe import Recipe

PAPER: Final = "paper"
MODERN: Final = "modern"
PAPER_EPOCHS: Final = 2
"""Times as many epochs for the paper's recipe, which is slow to learn."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the study: a network, trained in one way; run once per seed."""

    key: str
    title: str
    network: str
    recipe: str
    """PAPER or MODERN."""
    variant: str = "plain"
    training_words: Mode = "match"
    what: str = ""
    """What the row is there to show."""


SHALLOW_PAPER: Final = Row("shallow-paper", "shallow", "shallow", PAPER, what="the paper's baseline (Table 1)")
ATTENTION_PAPER: Final = Row("attention-paper", "attention", "attention", PAPER, what="the paper's network (Table 2)")
SHALLOW: Final = Row("shallow-modern", "shallow", "shallow", MODERN, what="the baseline, trained better")
ATTENTION: Final = Row("attention-modern", "attention", "attention", MODERN, what="the paper's network, trained better")
EVEN: Final = Row(
    "attention-even", "attention replaced by 1", "attention", MODERN, "even", what="control: words can do nothing"
)
SHUFFLED: Final = Row(
    "attention-shuffled",
    "words shuffled between clips",
    "attention",
    MODERN,
    training_words="shuffled",
    what="control: trained and tested with words of other clips",
)
ENSEMBLE: Final = Row(
    "attention-ensemble", "with the original features", "attention", MODERN, "ensemble", what="the paper's proposal"
)
UNMASKED: Final = Row(
    "attention-unmasked", "loss masking off", "attention", MODERN, "unmasked", what="padding taken for sound and words"
)
SYNCED: Final = Row(
    "attention-synced",
    "attention synced to word times",
    "attention",
    MODERN,
    "synced",
    what="the paper's future work",
)

MAIN: Final = (SHALLOW, ATTENTION, SHALLOW_PAPER, ATTENTION_PAPER)
CONTROLS: Final = (EVEN, SHUFFLED)
SWITCHES: Final = (ENSEMBLE, UNMASKED, SYNCED)
ROWS: Final = (*MAIN, *CONTROLS, *SWITCHES)


@dataclass(frozen=True, slots=True)
class Size:
    """How much is computed."""

    seeds: int
    epochs: int
    epoch_rows: int
    """Pairs per epoch; 0: as many as there are training clips."""
    per_clip: int
    """Test lines per test clip."""

    def recipe(self, name: str) -> Recipe:
        """Return the recipe called PAPER or MODERN, at this size."""
        if name == PAPER:
            return Recipe(epochs=PAPER_EPOCHS * self.epochs, epoch_rows=self.epoch_rows)
        return Recipe(
            epochs=self.epochs,
            epoch_rows=self.epoch_rows,
            optimiser="adamw",
            rate=5e-4,
            schedule="cosine",
            warm_up=0.05,
            decay=0.02,
            smoothing=0.05,
            clip=5.0,
            balanced=True,
            average=0.995,
        )


FULL: Final = Size(seeds=3, epochs=6, epoch_rows=4_000, per_clip=3)
"""About 25 minutes on one core with the 1-D profile."""

WHOLE: Final = Size(seeds=3, epochs=10, epoch_rows=0, per_clip=1)
"""For CMU-MOSEI: every segment in every epoch; meant for a GPU."""

QUICK: Final = Size(seeds=1, epochs=1, epoch_rows=320, per_clip=1)
"""Two minutes; shows that everything runs, and nothing else."""


def runs(size: Size) -> list[tuple[Row, int]]:
    """Return (row, seed) in the order of training."""
    return [(row, seed) for seed in range(1, size.seeds + 1) for row in ROWS]
