"""The report as one HTML page that needs nothing else: figures inside, no script, no font, no address."""

import base64
import re
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, Final

from tools.studies import plan, scores

LEAST_P: Final = 2.0 / scores.N_DRAWS
"""What so many draws can show."""

STYLE: Final = """
:root{color-scheme:light dark;--ink:#1f2933;--quiet:#5b6875;--line:#d9e0e6;--paper:#fff;--mark:#0b6e99;--tint:#f2f6f9}
@media(prefers-color-scheme:dark){:root{--ink:#e6ebf0;--quiet:#9fb0bf;--line:#33404c;--paper:#12181e;--mark:#5cb8e0;
--tint:#1b242c}}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,sans-serif}
main{max-width:68rem;margin:0 auto;padding:2.5rem 1.25rem 5rem}
h1{font-size:1.7rem;line-height:1.25;margin:0 0 1rem}h2{font-size:1.2rem;margin:2.6rem 0 .6rem}
.verdict{border-left:4px solid var(--mark);background:var(--tint);padding:.9rem 1.1rem;font-size:1.06rem}
.scroll{overflow-x:auto}table{border-collapse:collapse;font-size:.9rem;width:100%;font-variant-numeric:tabular-nums}
caption{text-align:left;color:var(--quiet);padding:1.2rem 0 .3rem}th,td{padding:.3rem .45rem;text-align:right;
border-bottom:1px solid var(--line)}th:first-child,td:first-child{text-align:left}thead th{border-bottom:2px solid}
td:first-child{min-width:10rem}td+td{white-space:nowrap}tbody tr.sum td{font-weight:600}
figure{margin:1.2rem 0}figure img{max-width:100%;height:auto;background:#fff;border-radius:4px}
figcaption,.note{color:var(--quiet);font-size:.9rem}code{background:var(--tint);padding:.1em .35em;border-radius:3px}
code.command{display:block;padding:.6rem .8rem;overflow-x:auto;white-space:nowrap}
"""


def table(head: Sequence[str], rows: Sequence[Sequence[str]], caption: str, *, sums: int = 0) -> str:
    """Return a table; the last `sums` rows are set apart."""
    cells = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    body = []
    for at, row in enumerate(rows):
        mark = ' class="sum"' if at >= len(rows) - sums else ""
        body.append(f"<tr{mark}>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>")
    return (
        f'<div class="scroll"><table><caption>{escape(caption)}</caption>'
        f"<thead><tr>{cells}</tr></thead><tbody>{''.join(body)}</tbody></table></div>"
    )


def paper_table(found: Mapping[str, Any], caption: str, unit: str) -> str:
    """Return Table 1 or 2: precision, recall, F1 per class, averages, overall and class accuracy."""
    rows = [
        [name, f"{one['precision']:.3f}", f"{one['recall']:.3f}", f"{one['f1']:.3f}", f"{one['support']:.0f}"]
        for name, one in found["per_class"].items()
    ]
    total = f"{sum(one['support'] for one in found['per_class'].values()):.0f}"
    for title, key in (("mean over classes", "mean"), ("weighted by support", "weighted")):
        rows.append([title, *(f"{found[key][name]:.3f}" for name in ("precision", "recall", "f1")), total])
    rows.append(["overall accuracy", "", f"{found['overall_accuracy']:.3f}", "", total])
    rows.append(["class accuracy as mean recall", "", f"{found['mean_recall']:.3f}", "", total])
    rows.append(["class accuracy as macro-F1", "", "", f"{found['macro_f1']:.3f}", total])
    return table(("class", "precision", "recall", "F1", unit), rows, caption, sums=5)


def rows_table(results: Mapping[str, Any], attention: Mapping[str, Mapping[str, float]]) -> str:
    """Return one line per row of the study."""
    rows = []
    for key, one in results["rows"].items():
        low, high = one["ci95"]
        other = one["tested_otherwise"]
        looked = attention.get(key, {})
        spread = "" if one["mean_recall_sd"] is None else f" ± {one['mean_recall_sd']:.3f}"
        rows.append(
            [
                f"{one['title']} ({one['recipe']})",
                str(one["seeds"]),
                f"{one['mean_recall']:.3f}{spread}",
                f"{low:.3f} to {high:.3f}",
                f"{one['macro_f1']:.3f}",
                f"{one['overall_accuracy']:.3f}",
                f"{other['shuffled']:.3f}",
                f"{other['none']:.3f}",
                f"{other['no sound']:.3f}",
                f"{looked['entropy']:.2f}" if looked else "",
                f"{looked['spread']:.2f}" if looked else "",
            ]
        )
    telling = results["telling"]
    head = ["row", "seeds", "mean recall ± sd", f"95 % by {telling['group']}", "macro-F1", "overall", "words swapped"]
    head += ["no words", "no sound", "entropy", "spread"]
    return table(
        head,
        rows,
        f"All rows, test {telling['unit']}. Overall is the share that is right; what follows it are mean recalls.",
    )


def paired_table(results: Mapping[str, Any]) -> str:
    """Return the paired tests."""
    rows = []
    for one in results["paired"].values():
        low, high = one["ci95"]
        m = one["mcnemar"]
        rows.append(
            [
                one["question"],
                f"{one['difference']:+.3f}",
                f"{low:+.3f} to {high:+.3f}",
                f"{one['p_bootstrap']:.3f}" if one["p_bootstrap"] > LEAST_P else f"≤ {LEAST_P}",
                f"{m['only_first']} : {m['only_second']}",
                f"{m['p']:.2g}",
            ]
        )
    telling = results["telling"]
    head = (
        "question",
        "difference",
        f"95 % by {telling['group']}",
        "p, bootstrap",
        "only first : only second",
        "p, McNemar",
    )
    return table(head, rows, "Differences of mean recall, first minus second, on the same " + telling["unit"])


def figure(folder: Path, name: str, caption: str) -> str:
    """Return a figure with its picture inside the page."""
    picture = base64.b64encode((folder / f"{name}.png").read_bytes()).decode()
    text = escape(caption)
    return (
        f'<figure id="{escape(name)}"><img alt="{text}" src="data:image/png;base64,{picture}">'
        f"<figcaption>{text} Files: <code>{escape(name)}.svg</code>, <code>{escape(name)}.png</code>.</figcaption>"
        "</figure>"
    )


def page(results: Mapping[str, Any], figures: Mapping[str, str], folder: Path) -> str:
    """Return the page; `figures` are names and captions of pictures in `folder`."""
    rows, telling = results["rows"], results["telling"]
    parts = [f'<p class="verdict">{escape(results["verdict"])}</p>', f"<p>{escape(results['mechanism'])}</p>"]
    parts += _intro(results)
    parts += ["<h2>All rows</h2>", rows_table(results, results["attention"]), _notes(telling)]
    parts += ["<h2>Paired tests</h2>", paired_table(results)]
    parts.append("<h2>The paper's tables</h2>")
    for recipe in (plan.PAPER, plan.MODERN):
        for number, network in ((1, "shallow"), (2, "attention")):
            if (key := f"{network}-{recipe}") in rows:
                caption = f"Table {number}: {network}, {recipe} recipe, {seeds(rows[key]['seeds'])}, {telling['label']}"
                parts.append(paper_table(rows[key], caption, telling["unit"]))
    parts.append(
        '<p class="note">The paper prints a "class accuracy" that fits the macro-F1 of its own columns and not their '
        "mean recall; here each stands under its own name.</p>"
    )
    parts.append("<h2>Figures</h2>")
    parts += [figure(folder, name, caption) for name, caption in figures.items()]
    missing = results["missing"]
    if missing:
        parts.append(f"<h2>Missing</h2><p>Not finished when this was written: {escape(', '.join(missing))}.</p>")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(telling['title'])}</title><style>{STYLE}</style></head><body><main>"
        f"<h1>{escape(telling['title'])}</h1>{minus(''.join(parts))}</main></body></html>\n"
    )


def minus(text: str) -> str:
    """Return the text with a minus sign, not a hyphen, before every negative number; pictures hold none."""
    return re.sub(r"(?<=[\s>\[])-(?=\d)", "−", text)


def seeds(n: int) -> str:
    """Return how many seeds there are, in words."""
    return "one seed" if n == 1 else f"{n} seeds"


def _intro(results: Mapping[str, Any]) -> list[str]:
    test, majority, telling = results["test"], results["majority"], results["telling"]
    unit, group = escape(telling["unit"]), escape(telling["group"])
    opening, rest = telling["paragraph"].split(". ", 1)
    per_class = escape(", ".join(f"{name} {n}" for name, n in test["per_class"].items()))
    tested = (
        f"<p>Test: {test['rows']} {unit} of {test['groups']} {group}s that no network has met ({per_class}). "
        f"Chance is a mean recall of {1 / len(results['classes']):.3f}; always answering {escape(majority['answer'])} "
        f"is right for {majority['overall_accuracy']:.3f} of {unit}.</p>"
    )
    return [
        f"<p>{escape(results['setting'])}</p>",
        f"<p><strong>{escape(opening)}.</strong> {escape(rest)}</p>",
        tested,
        f'<p>Made with <code class="command">{escape(results["command"])}</code></p>',
    ]


def _notes(telling: Mapping[str, Any]) -> str:
    return (
        '<p class="note">Seeds: networks trained from different beginnings; every figure is their mean. Intervals draw '
        f"{escape(telling['group'])}s anew; a class that a draw misses is left out of that draw, so an interval need "
        "not lie evenly around its mean. Words swapped: "
        "the same network, tested with the words of other clips; no words and no sound: one side hidden at the test "
        "alone. Entropy: of equation 1 over its largest, 1 is no preference at all. Spread: standard deviation of the "
        f"weights over the columns of one sound, 0 is no attention at all. {escape(telling['remarks'])} In the "
        "attention network words reach the answer only through the weights of columns; in the baseline, and with the "
        "original features, "
        "they reach it directly. That the mechanism can work, where the answer lies only in the relation of words and "
        "sound, is held by <code>tests/unit/test_relation.py</code>.</p>"
    )
