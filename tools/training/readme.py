"""Figures as Markdown tables. The READMEs of `stream` and `deep` are written by tools/measure_card.py."""

from collections.abc import Mapping
from typing import Any


def table(figures: Mapping[str, Mapping[str, Any]], columns: Mapping[str, str]) -> str:
    """Return a Markdown table: a row per entry, a column per key of `columns` under its heading."""
    lines = ["| | " + " | ".join(columns.values()) + " |", "|---" * (len(columns) + 1) + "|"]
    for name, row in figures.items():
        cells = [" to ".join(map(str, v)) if isinstance(v, list) else str(v) for v in (row[key] for key in columns)]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"
