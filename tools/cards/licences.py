"""Whose data a model was trained on, and what that forbids. Pure."""

from typing import Final

from streamer.network.card import Card
from tools.cards import texts
from tools.cards.cells import grid

FORBIDDING: Final = ("-nc", "non-commercial", "research")
"""What a licence says that forbids commercial use, lower case."""
FREE: Final = ("cc by 4.0", "cc0", "mit", "apache-2.0", "odbl")


def verdict(licence: str) -> str:
    """Return whether a licence allows commercial use, as far as its name tells; what nobody stated is unclear."""
    said = licence.lower()
    if any(word in said for word in FORBIDDING):
        return "**forbidden**"
    return "allowed" if said in FREE else "unclear: ask"


def section(card: Card) -> str:
    """Return data, licences, and what the model must not be used for."""
    rows = [[note.corpus, f"{note.rows:,}", note.licence, verdict(note.licence)] for note in card.trained_on]
    forbidding = [note.corpus for note in card.trained_on if verdict(note.licence) == "**forbidden**"]
    told = f"Weights: **{card.licence}**. The code's Apache-2.0 does not cover them.\n\n"
    if forbidding:
        told += (
            f"**No commercial use**: {', '.join(forbidding)} forbid it, and nothing that was learned from them can be "
            "unlearned. Where no licence is stated (*unclear*), nobody has allowed it.\n\n"
        )
    table = grid(("corpus", "rows in training", "licence", "commercial use"), rows) + "\n" if rows else ""
    return f"## Data, licences, and what it must not be used for\n\n{told}{table}{texts.PROHIBITED}"
