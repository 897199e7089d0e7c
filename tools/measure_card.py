"""Measures a model for its card: `python tools/measure_card.py --model NAME --corpora DIR`.

`DIR` holds one folder with a manifest.csv per corpus of recordings, and `text/*.csv.gz`. Every figure is a document of
`emostream evaluate`; its command line stands beside it. Written are `figures` in the model's card.json (its weights
stay as they are), its README.md and its drawings. What was measured before on the same model, code and rows is taken
from `--work`. `--quick` takes few rows of everything, `--render` measures nothing and writes anew what the card knows.
"""

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import platformdirs

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from streamer import places
from streamer.network import checkpoint
from streamer.network.card import Card, card_from_json, card_to_json
from streamer.settings import Settings
from tools.cards import figures, manifests, measures, plots, readme, speed, voices
from tools.cards.measures import Bench

CROSS, ADAPTATION, ALARMS, SPEED = "cross corpus", "adaptation", "false alarms", "speed"
BROUGHT: Final = (CROSS, ADAPTATION, ALARMS)
"""Figures that other tools measure; kept from the card where their file is not named."""


def main() -> None:
    """Read the command line, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="name of the model's folder")
    parser.add_argument("--corpora", type=Path, required=True, help="folder of the prepared corpora")
    parser.add_argument("--models", type=Path, default=measures.ROOT / "models", help="folder of the model's folder")
    parser.add_argument("--work", type=Path, default=platformdirs.user_cache_path("emostream") / "cards")
    parser.add_argument("--cross", type=Path, help="JSON of what was measured on corpora left out of training")
    parser.add_argument("--adaptation", type=Path, help="JSON of tools/measure_adaptation.py")
    parser.add_argument("--alarms", type=Path, help="JSON of tools/measure_alarms.py")
    parser.add_argument("--split", default="test")
    parser.add_argument("--seed", type=int, default=0, help="of everything that is drawn")
    parser.add_argument("--quick", action="store_true", help=f"at most {measures.QUICK_ROWS} rows of everything")
    parser.add_argument("--same-code", action="store_true", help="what other code measured counts: it does the same")
    parser.add_argument("--kept", action="store_true", help="only what is kept in --work; measure nothing")
    parser.add_argument("--render", action="store_true", help="write README and drawings from the card alone")
    given = parser.parse_args()
    folder = given.models / given.model
    if not given.render:
        brought = {CROSS: given.cross, ADAPTATION: given.adaptation, ALARMS: given.alarms}
        found = {name: json.loads(path.read_text(encoding="utf-8")) for name, path in brought.items() if path}
        bench = Bench(
            corpora=given.corpora, work=given.work, models=(given.models, *places.model_folders()), model=given.model,
            split=given.split, seed=given.seed, quick=given.quick, same_code=given.same_code,
        )  # fmt: skip
        write_figures(folder, measured(bench, only_kept=given.kept) | found)
    render(folder)
    print(f"written to {folder}")


def measured(bench: Bench, *, only_kept: bool = False) -> dict[str, Any]:
    """Return the figures of all evaluations, and of speed."""
    manifests.write_all(bench.corpora, bench.work, bench.split, bench.seed)
    wanted = list(measures.measures(bench))
    documents = measures.run(bench, wanted, only_kept=only_kept)
    told = {(one.group, one.name): measures.command(one.request, bench.corpora, bench.work) for one in wanted}
    found = figures.of_documents(documents, told)
    found[SPEED] = _speed(bench)
    if bench.quick:
        found["limit"] = measures.QUICK_ROWS
    return found


def _speed(bench: Bench) -> dict[str, Any]:
    """Return the costs of all models, measured in one run; the same files and code, the same figures."""
    entries = [entry for entry in checkpoint.installed(bench.models) if entry.card]
    # Unlike what a model says, what it costs depends on how it was exported.
    of = [f"{entry.name} {note.sha256}" for entry in entries if entry.card for note in entry.card.files.values()]
    kept = measures.kept_at(bench, "speeds", measures.digest(*sorted(of)), measures.digest_of_code())
    if not kept.exists():
        print("speed of " + ", ".join(entry.name for entry in entries), file=sys.stderr)
        kept.parent.mkdir(parents=True, exist_ok=True)
        checkpoint.write_whole(kept, json.dumps(speed.measured(bench.models)).encode())
    found: dict[str, Any] = json.loads(kept.read_bytes())
    return found


def write_figures(folder: Path, found: dict[str, Any]) -> Card:
    """Write the figures into the card of a folder, whose files must be those that it names, and return it."""
    card = checkpoint.verify(folder)
    of = measures.identity(card)
    if card.figures.get("model") == of:
        found = {name: card.figures[name] for name in BROUGHT if name in card.figures} | found
    # In the order in which they stand, so that a card which was measured anew differs where its figures do.
    found = {name: found[name] for name in (*card.figures, *found) if name in found}
    if CROSS in found:
        found[CROSS] = {**found[CROSS], "mean": figures.left_out(found[CROSS])}
    text = card_to_json(replace(card, figures={"model": of, **figures.rounded(found)}))
    checked = card_from_json(text, str(folder / checkpoint.CARD_FILE))
    checkpoint.write_whole(folder / checkpoint.CARD_FILE, text)
    return checked


def render(folder: Path) -> None:
    """Write README and drawings from the card."""
    card = checkpoint.read_card(folder)
    draw(folder, card.figures)
    checkpoint.write_whole(folder / "README.md", readme.readme(card, folder.name, Settings().model.name).encode())


def draw(folder: Path, found: Any) -> None:  # noqa: ANN401  figures are free of form
    """Write the drawings for which there are figures."""
    curves = {name.removesuffix(" noise"): found[name] for name in voices.NOISES if name in found}
    clean = figures.at(found, ("sound", measures.NOISY, "uar"))
    if curves and clean is not None:
        plots.noise(curves, clean, folder / voices.NOISE_SVG)
    pooled = figures.at(found, ("everybody", "all corpora")) or {}
    if pooled.get("reliability"):
        plots.reliability(pooled["reliability"], pooled["ece"], folder / voices.CALIBRATION_SVG)
    lines = {"clips of the six emotions": pooled.get("risk_coverage"), "all clips": pooled.get("risk_coverage_7")}
    if drawn := {name: points for name, points in lines.items() if points}:
        right = pooled.get("accuracy_when_sure")
        shown = None if right is None else (pooled["coverage"], 1.0 - right)
        plots.coverage(drawn, shown, folder / voices.COVERAGE_SVG)


if __name__ == "__main__":
    main()
