"""The drawings of a card, as SVG: recall in noise, confidence beside truth, errors beside answers withheld."""

import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from matplotlib.figure import Figure

from streamer.network import checkpoint, contract
from tools.studies.figures import ACCENT, INK, QUIET, styled

SECOND: Final = "#b3541e"
Z: Final = 1.96
SIZE: Final = (6.4, 3.6)
CHANCE: Final = 1.0 / contract.N_EMOTIONS


def noise(curves: Mapping[str, Mapping[str, Mapping[str, Any]]], clean: float, path: Path) -> None:
    """Draw UAR by SNR, a line per noise with its intervals; `clean` is the UAR without noise."""
    with styled():
        figure = Figure(figsize=SIZE, layout="constrained")
        axes = figure.subplots()
        for (name, curve), colour in zip(curves.items(), (ACCENT, SECOND), strict=False):
            snrs = sorted(float(snr) for snr in curve)
            rows = [curve[f"{snr:g}"] for snr in snrs]
            axes.fill_between(snrs, *np.array([row["ci95"] for row in rows]).T, color=colour, alpha=0.13, linewidth=0)
            axes.plot(snrs, [row["uar"] for row in rows], "-o", color=colour, markersize=4, label=name)
        axes.axhline(clean, color=INK, linewidth=0.9, linestyle=":", label="as recorded")
        axes.axhline(CHANCE, color=QUIET, linewidth=0.9, linestyle="--", label="chance")
        axes.set_ylim(0.0, 1.0)
        axes.set_xlabel("speech over noise (dB)")
        axes.set_ylabel("mean recall of six (UAR)")
        axes.legend(frameon=False, fontsize=8, loc="upper left", ncols=2)
        _save(figure, path)


def reliability(bins: Sequence[Mapping[str, float]], ece: float, path: Path) -> None:
    """Draw the share that is right by confidence, with Wilson's 95 % interval of each bin."""
    with styled():
        figure = Figure(figsize=(4.2, 4.0), layout="constrained")
        axes = figure.subplots()
        axes.plot((0, 1), (0, 1), color=QUIET, linewidth=0.9, linestyle="--", label="perfectly calibrated")
        ends = np.array([_wilson(one["accuracy"], one["n"]) for one in bins])
        x, y = ([one[name] for one in bins] for name in ("confidence", "accuracy"))
        axes.vlines(x, *ends.T, color=ACCENT, linewidth=1.2, alpha=0.5)
        axes.plot(x, y, "-o", color=ACCENT, markersize=4, linewidth=1.0, label=f"model, ECE {ece:.3f}")
        axes.set_xlim(0.0, 1.0)
        axes.set_ylim(0.0, 1.0)
        axes.set_xlabel("confidence (share of the best of six)")
        axes.set_ylabel("share of clips that are right")
        axes.legend(frameon=False, fontsize=8, loc="upper left")
        _save(figure, path)


def coverage(
    curves: Mapping[str, Sequence[Mapping[str, float]]], shown: tuple[float, float] | None, path: Path
) -> None:
    """Draw errors by the share of clips that are answered; `shown` is coverage and risk at the card's threshold."""
    with styled():
        figure = Figure(figsize=SIZE, layout="constrained")
        axes = figure.subplots()
        for (name, curve), colour in zip(curves.items(), (ACCENT, SECOND), strict=False):
            x, y = ([point[key] for point in curve] for key in ("coverage", "risk"))
            axes.plot(x, y, "-o", color=colour, markersize=3.5, linewidth=1.2, label=name)
        if shown:
            axes.plot(*shown, "D", color=INK, markersize=6, label="clips of the six, at the model's threshold")
        axes.set_xlim(0.0, 1.02)
        axes.set_ylim(0.0, 1.0)
        axes.set_xlabel("share of clips that get an emotion (most confident first)")
        axes.set_ylabel("share of these that are wrong")
        axes.legend(frameon=False, fontsize=8, loc="upper left")
        _save(figure, path)


def _wilson(share: float, n: float) -> tuple[float, float]:
    """Return the 95 % interval of a share of `n` rows."""
    middle = (share + Z * Z / (2 * n)) / (1 + Z * Z / n)
    half = Z * math.sqrt(share * (1 - share) / n + Z * Z / (4 * n * n)) / (1 + Z * Z / n)
    return middle - half, middle + half


def _save(figure: Figure, path: Path) -> None:
    """Write the drawing; the same figures give the same bytes."""
    drawn = io.BytesIO()
    figure.savefig(drawn, format="svg", metadata={"Date": None, "Creator": None}, bbox_inches="tight")
    checkpoint.write_whole(path, drawn.getvalue())
