"""Networks of the study as model folders: shallow and attention for the monitor, attention with a = 1 as a control."""

from pathlib import Path
from typing import Final

from streamer.network import checkpoint, contract
from tools.studies import plan, runs
from tools.studies.grounds import Pairs
from tools.studies.report import Source
from tools.training import paper, paperfolder

SEED: Final = 1
"""Of the study's seeds, the one that is shipped."""
SHIPPED: Final = {"shallow": plan.SHALLOW, "attention": plan.ATTENTION, "attention-even": plan.EVEN}
"""Name of the folder, and the row of the study."""


def ship(source: Source, ground: Pairs, corpora: Path, vectors: Path, out: tuple[Path, Path]) -> None:
    """Write the folders of SHIPPED, the first seed of each, measured by `emostream evaluate`.

    `out`: the folder of models, and that of controls.
    """
    for name, row in SHIPPED.items():
        recipe = source.size.recipe(row.recipe)
        network = runs.again(row, SEED, source.profile, source.work, averaged=bool(recipe.average))
        settings = {"even": True} if row is plan.EVEN else {}
        models = out[row is plan.EVEN]
        told = paper.Plan(
            name, row.network, recipe, "pairs", source.profile, contract.PAPER_STEP_SAMPLES, SEED, settings
        )
        places = paper.Places(source.work, vectors, models, corpora)
        sets = {split: ground.rows(split) for split in paper.SPLITS}
        note = paper.write(told, places, network, sets, f"{source.command} --ship models")
        assert note is not None
        paperfolder.measure(models / name, note, corpora, vectors.parent)


def measure(corpora: Path, vectors: Path, out: tuple[Path, Path], *, words: bool) -> None:
    """Measure the shipped folders anew, as after a change of `emostream evaluate`; `out` as above."""
    for name, row in SHIPPED.items():
        folder = out[row is plan.EVEN] / name
        paperfolder.measure(folder, checkpoint.read_card(folder), corpora, vectors.parent, words=words)
