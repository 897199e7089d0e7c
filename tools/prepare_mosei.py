#!/usr/bin/env python3
"""Prepare CMU-MOSEI for training: published files in, memory-mapped windows at the paper profile out.

`python tools/prepare_mosei.py --csd DIR [--audio DIR] --out DIR [--json]`. A run that was stopped goes on where it was.
What the folders must hold and what is written is in docs/mosei.md.
"""

import argparse
import json
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from streamer.errors import EmostreamError
from tools.mosei import summary
from tools.mosei.prepare import VECTORS, Job, prepare

INTERRUPTED = 130


def arguments(command_line: list[str] | None = None) -> tuple[Job, bool]:
    """Return the job on the command line, and whether the summary is wanted as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--csd", type=Path, required=True, help="folder of the .csd files (and folds.csv, if any)")
    parser.add_argument("--audio", type=Path, help="folder of <video id>.wav; without it: words and labels only")
    parser.add_argument("--out", type=Path, required=True, help="folder to write; one that was begun is gone on with")
    parser.add_argument("--folds", type=Path, help="table video_id,split; default: in --csd, else the standard folds")
    parser.add_argument("--vectors", type=Path, default=VECTORS, help="word vectors where there is no glove_vectors")
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")
    found = parser.parse_args(command_line)
    return Job(found.csd, found.audio, found.out, found.folds, found.vectors), found.json


def run(job: Job) -> dict[str, object]:
    """Prepare, with a bar on standard error where that is a terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("videos", total=None)
        return prepare(job, lambda done, of: bar.update(task, completed=done, total=of))


def main() -> int:
    """Prepare and say what was prepared; every error is one sentence."""
    job, as_json = arguments()
    try:
        found = run(job)
    except EmostreamError as error:
        print(f"prepare_mosei: {error}", file=sys.stderr)
        return error.exit_code
    except OSError as error:
        print(f"prepare_mosei: {error}; make room or name another folder for --out, then go on", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("prepare_mosei: stopped; the same command goes on from here", file=sys.stderr)
        return INTERRUPTED
    print(json.dumps(found) if as_json else "\n".join(summary.lines(found)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
