"""Choose the mood's rules on joined validation recordings: `python tools/tune_mood.py --corpora DIR [--model NAME]`.

`DIR` holds one folder with a manifest.csv per corpus. The recordings (tools/moods/recordings.py) go through the monitor
once, in lock-step; its estimates are kept in `--work` and made anew only when the model, the code or the sound changes.
Thousands of rules are folded over them and the worthiest within the limits is chosen (tools/moods/choice.py). The page
goes to standard output and between two markers of `--out`.
"""

import argparse
import sys
from dataclasses import fields
from pathlib import Path

import platformdirs

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from streamer.evaluation import listening
from streamer.features.windows import WindowRules
from streamer.mood import MoodRules
from streamer.network import contract
from tools.moods import choice, page, recordings, scores
from tools.moods.hearing import Ears, Heard, Memory


def main() -> None:
    """Read the command line, listen, choose, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpora", type=Path, required=True, help="folder of the prepared corpora")
    parser.add_argument("--model", default="stream", help="whose estimates are folded")
    parser.add_argument("--split", default="valid", help="never one that figures are told of")
    parser.add_argument("--joins", type=int, default=1, help="recordings of each kind of every speaker")
    parser.add_argument("--most-speakers", type=int, help="of each corpus; without it all")
    parser.add_argument("--most-clips", type=int, default=recordings.MOST_CLIPS, help="of one speaker in a recording")
    parser.add_argument("--hop-columns", type=int, default=contract.DEFAULT_HOP_COLUMNS, help="of 20 ms each")
    parser.add_argument("--seed", type=int, default=0, help="of the recordings and the rules")
    parser.add_argument("--smoothings", type=int, default=60, help="ways to smooth that are tried")
    parser.add_argument("--namings", type=int, default=100, help="ways to name that each of them is tried with")
    parser.add_argument(
        "--rule",
        nargs=6,
        type=float,
        action="append",
        default=[],
        metavar=tuple(field.name.upper() for field in fields(MoodRules)),
        help="rules to be told of beside the chosen; as often as wanted",
    )
    parser.add_argument("--work", type=Path, default=platformdirs.user_cache_path("emostream") / "moods")
    parser.add_argument("--out", type=Path, help="Markdown file to write into, between markers named after the model")
    given = parser.parse_args()
    heard = list(listened(given))
    grid = scores_grid(given)
    scored = []
    for i, one in enumerate(heard):
        scored.append(choice.Scored(one.kind, one.corpus, scores.tally(one, grid)))
        print(f"\rscored {i + 1} of {len(heard)}", end="", file=sys.stderr)
    asked = [MoodRules(*rule) for rule in given.rule]
    text = page.page(f"Model `{given.model}`, split `{given.split}`", heard, grid, scored, asked)
    print("\n" + text)
    if given.out:
        write(given.out, given.model, text)


def listened(given: argparse.Namespace) -> list[Heard]:
    """Return every recording with its estimates."""
    found = []
    rules = listening.Rules(windows=WindowRules(hop_columns=given.hop_columns))
    with Ears(given.model, rules) as ears:
        memory = Memory(ears, given.model, given.work, rules)
        size = recordings.Size(given.joins, given.most_speakers, given.most_clips)
        for one in recordings.recordings(given.corpora, given.split, given.seed, size):
            found.append(memory.hear(one.kind, one.corpus, one.joined))
            print(f"{one.kind} {one.speaker}: {found[-1].length / 16_000:.0f} s", file=sys.stderr)
    return found


def scores_grid(given: argparse.Namespace) -> scores.Grid:
    """Return the rules to try; the first are those in force."""
    return choice.candidates(given.smoothings, given.namings, MoodRules(), given.seed)


def write(path: Path, model: str, text: str) -> None:
    """Write between the model's markers; without them at the end."""
    begin, end = f"<!-- mood {model}: begin -->", f"<!-- mood {model}: end -->"
    whole = path.read_text(encoding="utf-8") if path.exists() else ""
    if begin not in whole or end not in whole:
        whole = f"{whole.rstrip()}\n\n{begin}\n{end}\n".lstrip()
    before, rest = whole.split(begin, 1)
    path.write_text(f"{before}{begin}\n\n{text.strip()}\n\n{end}{rest.split(end, 1)[1]}", encoding="utf-8")


if __name__ == "__main__":
    main()
