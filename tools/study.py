#!/usr/bin/env python3
"""Rebuild the paper's study and write its report: on pairs made from the corpora at hand, or on CMU-MOSEI.

`python tools/study.py --corpora DIR --work DIR --out docs/study`; or `--mosei DIR` with a folder of
tools/prepare_mosei.py: real pairs, the standard folds. Trains attention and shallow under the paper's and a
modern recipe, the paper's proposals and two controls, several seeds each; a killed study goes on where it was, and
`--report` writes what is there. On a GPU the sound is read as an image (2-D), on a CPU over time (1-D), unless
--profile says otherwise.
"""

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from streamer.errors import EmostreamError, UsageError
from tools.studies import grounds, plan, report, runs, shipping
from tools.training import fit, parallel

VECTORS = Path(__file__).resolve().parents[1] / "models" / "words-paper"


def arguments() -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpora", type=Path, help="folder of the prepared corpora: synthetic pairs")
    parser.add_argument("--mosei", type=Path, help="folder of tools/prepare_mosei.py --audio: real pairs")
    parser.add_argument("--work", type=Path, required=True, help="folder for features, states and answers")
    parser.add_argument("--out", type=Path, help="folder of the report (default: docs/study or docs/study-mosei)")
    parser.add_argument("--vectors", type=Path, default=VECTORS, help="folder of word vectors")
    parser.add_argument("--quick", action="store_true", help="a few steps of everything, to see that it runs")
    parser.add_argument("--report", action="store_true", help="train nothing, write the report of what is there")
    parser.add_argument("--ship", type=Path, help="write shallow and attention into this folder, measured; no report")
    parser.add_argument("--controls", type=Path, default=Path("tools/controls"), help="where the control goes then")
    parser.add_argument(
        "--measure", choices=("sound", "all"), help="with --ship: only measure anew what was shipped; words rest or not"
    )
    parser.add_argument("--seeds", type=int, help="seeds per row (default: 3)")
    parser.add_argument("--profile", choices=("1-D", "2-D"), help="default: 2-D on a GPU, 1-D elsewhere")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--threads", type=int, default=1, help="threads of torch; other numbers give other weights")
    return parser.parse_args()


def train_all(ground: grounds.Ground, size: plan.Size, where: tuple[Path, str, parallel.Place]) -> None:
    """Do every run that is not there yet."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    wanted = plan.runs(size)
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        whole = bar.add_task("runs", total=len(wanted))
        inner = bar.add_task("steps", total=None)
        for row, seed in wanted:
            name = f"{row.key}-{seed}"
            ears = fit.Ears(
                lambda done, of: bar.update(inner, completed=done, total=of),
                lambda text, name=name: print(f"{name}  {text}", flush=True),  # type: ignore[misc]
            )
            begun = time.monotonic()
            runs.do(row, seed, size, ground, where, ears)
            bar.advance(whole)
            print(f"{name}  done in {time.monotonic() - begun:.0f} s", flush=True)


def ground_of(args: argparse.Namespace) -> grounds.Ground:
    """Return what the study stands on.

    Raises: UsageError unless exactly one of the two is named.
    """
    if (args.corpora is None) == (args.mosei is None):
        message = "wanted either --corpora DIR (synthetic pairs) or --mosei DIR (real pairs)"
        raise UsageError(message)
    if args.mosei and args.ship:
        message = "--ship measures on the corpora; wanted it with --corpora DIR"
        raise UsageError(message)
    return grounds.Mosei(args.mosei) if args.mosei else grounds.pairs(args.corpora, args.work, args.vectors)


def study(args: argparse.Namespace) -> None:
    """Train what is missing, then write the report."""
    torch.set_num_threads(args.threads)
    if args.measure and args.ship and args.corpora:
        shipping.measure(args.corpora, args.vectors, (args.ship, args.controls), words=args.measure == "all")
        return
    ground = ground_of(args)
    telling = ground.telling  # what is damaged is noticed before anything is trained
    size = plan.QUICK if args.quick else plan.WHOLE if args.mosei else plan.FULL
    size = replace(size, seeds=args.seeds) if args.seeds else size
    place = parallel.Place(parallel.device_named(args.device))
    profile = args.profile or ("2-D" if place.device.type == "cuda" else "1-D")
    work = args.work / f"{'mosei-' if args.mosei else ''}{'quick' if args.quick else 'full'}-{profile}"
    if not args.report:
        train_all(ground, size, (work, profile, place))
    options = "".join(f" {name}" for name, given in (("--quick", args.quick), (f"--profile {profile}", True)) if given)
    out = args.out or Path("docs/study-mosei" if args.mosei else "docs/study")
    named = "DIR" if out.is_absolute() else out
    command = f"python tools/study.py {telling.data} --work DIR --out {named}{options} --seeds {size.seeds}"
    source = report.Source(work, size, profile, ground, command)
    if args.ship:
        assert isinstance(ground, grounds.Pairs)
        shipping.ship(source, ground, args.corpora, args.vectors, (args.ship, args.controls))
    else:
        print(report.write(source, out))


def main() -> None:
    """Run the study; on trouble say so in one sentence."""
    try:
        study(arguments())
    except EmostreamError as error:
        print(f"study: {error}", file=sys.stderr)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
