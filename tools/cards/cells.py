"""Figures as cells of a Markdown table. Pure."""

from collections.abc import Sequence


def grid(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table, a newline at its end."""
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)]) + "\n"


def n(value: float | None) -> str:
    """Return a figure, a dash where it was not measured."""
    return "–" if value is None else f"{value:.3f}"


def ends(interval: Sequence[float] | None) -> str:
    """Return an interval, a dash where there is none."""
    return "–" if interval is None else f"{interval[0]:.2f} to {interval[1]:.2f}"


def listed(names: Sequence[str]) -> str:
    """Return names as in a sentence."""
    return ", ".join(names[:-1]) + (" and " if len(names) > 1 else "") + names[-1]
