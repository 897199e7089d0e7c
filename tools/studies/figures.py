"""The study's figures, each as SVG and PNG: confusion (5, 6), attention (2), spectrograms (3), recalls, training."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final, cast

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from streamer.network import contract
from tools.studies.runs import Example

Floats = NDArray[np.float64]

STYLE: Final[Mapping[str, Any]] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "svg.hashsalt": "emostream",
    "svg.fonttype": "path",
}
INK, ACCENT, QUIET = "#1f2933", "#0b6e99", "#9aa5b1"
DPI: Final = 130
STEP_S: Final = contract.PAPER_STEP_SAMPLES / contract.PICTURE_RATE_HZ


def styled() -> AbstractContextManager[None]:
    """Return a context in which figures look alike."""
    return mpl.rc_context(cast("Any", dict(STYLE)))


def save(figure: Figure, folder: Path, name: str) -> str:
    """Write NAME.svg and NAME.png; return the name. The same figure gives the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    figure.savefig(folder / f"{name}.svg", metadata={"Date": None, "Creator": None}, bbox_inches="tight")
    figure.savefig(folder / f"{name}.png", dpi=DPI, metadata={"Software": None}, bbox_inches="tight")
    return name


def confusions(panels: Mapping[str, Floats], folder: Path, name: str) -> str:
    """Draw confusion matrices side by side; a row per true class, shares of that class."""
    with styled():
        figure = Figure(figsize=(4.1 * len(panels), 3.9), layout="constrained")
        for axes, (title, shares) in zip(np.ravel(figure.subplots(1, len(panels))), panels.items(), strict=True):
            axes.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0)
            for (row, column), share in np.ndenumerate(shares):
                colour = "white" if share > 0.5 else INK
                axes.text(column, row, f"{share:.2f}", ha="center", va="center", color=colour, fontsize=8)
            names = list(contract.EMOTIONS)
            axes.set_xticks(range(len(names)), names, rotation=40, ha="right")
            axes.set_yticks(range(len(names)), names)
            axes.set_xlabel("answer")
            axes.set_ylabel("truth")
            axes.set_title(title)
            axes.spines[:].set_visible(False)
        return save(figure, folder, name)


def _picture(axes: Axes, columns: NDArray[np.floating[Any]], label: str, figure: Figure, cmap: str = "magma") -> None:
    span = (0.0, columns.shape[1] * STEP_S, 0.0, contract.PICTURE_RATE_HZ / 2000.0)
    drawn = axes.imshow(columns, origin="lower", aspect="auto", cmap=cmap, extent=span, interpolation="nearest")
    axes.set_ylabel("frequency (kHz)")
    axes.spines[:].set_visible(False)
    figure.colorbar(drawn, ax=axes, label=label, pad=0.01)


def spectrograms(
    power: NDArray[np.floating[Any]],
    after: NDArray[np.floating[Any]],
    folder: Path,
    name: str = "figure-3-spectrograms",
) -> str:
    """Draw a row's power (F, n) before the logarithm and the picture (F, n) after it (Figure 3)."""
    with styled():
        figure = Figure(figsize=(7.2, 4.8), layout="constrained")
        upper, lower = figure.subplots(2, 1, sharex=True)
        _picture(upper, power / power.max(), "power, share of the largest", figure)
        upper.set_title("before the logarithm: a few loud cells and nothing else")
        _picture(lower, after, "picture, 0 to 1 over 80 dB", figure)
        lower.set_title("after the logarithm, as the networks see it: silence is 0")
        lower.set_xlabel("time (s)")
        return save(figure, folder, name)


def attention(one: Example, folder: Path, name: str = "figure-2-attention") -> str:
    """Draw what the words looked at (Figure 2): picture, equation 1 per group of words, the weight of each column."""
    with styled():
        height = 4.4 + 0.34 * len(one.words)
        figure = Figure(figsize=(7.2, height), layout="constrained")
        ratios = (2.2, 0.45 * len(one.words) + 0.4, 1.1)
        top, middle, bottom = figure.subplots(3, 1, sharex=True, height_ratios=ratios)
        _picture(top, one.picture, "picture", figure)
        sound, words = one.places
        origin = f"video {sound}, {one.label}" if sound == words else f"sound: {sound}, {one.label}; words: {words}"
        top.set_title(f"{origin}; answered: {one.answer}")
        seconds = one.picture.shape[1] * STEP_S
        span = (0.0, seconds, len(one.words) - 0.5, -0.5)
        peak = max(2.0 / one.matrix.shape[1], float(one.matrix.max()))
        drawn = middle.imshow(one.matrix, aspect="auto", cmap="viridis", extent=span, vmin=0.0, vmax=peak)
        middle.set_yticks(range(len(one.words)), one.words)
        middle.set_title("equation 1: each group of words over time (rows sum to 1)")
        middle.spines[:].set_visible(False)
        figure.colorbar(drawn, ax=middle, label="weight", pad=0.01)
        times = (np.arange(len(one.weights)) + 0.5) * STEP_S
        bottom.step(times, one.weights, where="mid", color=ACCENT, linewidth=1.4)
        bottom.axhline(1.0, color=QUIET, linewidth=0.8, linestyle="--")
        bottom.set_ylim(0.0, max(2.0, float(one.weights.max()) * 1.1))
        bottom.set_ylabel("weight")
        bottom.set_xlabel("time (s)")
        bottom.set_title("equation 2: weight of each column of the picture (1 = untouched)")
        return save(figure, folder, name)


def recalls(rows: Sequence[tuple[str, float, tuple[float, float], Floats]], folder: Path, told: str) -> str:
    """Draw mean recall per row with its interval and each seed: (title, mean, interval, seeds); `told`: of what."""
    with styled():
        figure = Figure(figsize=(7.2, 0.9 + 0.36 * len(rows)), layout="constrained")
        axes = figure.subplots()
        for at, (_, mean, (low, high), seeds) in enumerate(rows):
            axes.plot((low, high), (at, at), color=QUIET, linewidth=3.0, solid_capstyle="butt")
            axes.plot(seeds, np.full(len(seeds), at), "o", color=ACCENT, markersize=3.5, alpha=0.7)
            axes.plot(mean, at, "|", color=INK, markersize=13, markeredgewidth=2.0)
        axes.axvline(1.0 / contract.N_EMOTIONS, color=QUIET, linewidth=0.9, linestyle="--")
        axes.text(1.0 / contract.N_EMOTIONS, -0.75, " chance", color=INK, fontsize=8, va="center")
        axes.set_yticks(range(len(rows)), [title for title, *_ in rows])
        axes.set_ylim(len(rows) - 0.4, -1.1)
        axes.set_xlim(left=0.0)
        axes.set_xlabel(f"mean recall, {told}; dots: seeds")
        return save(figure, folder, "recalls")


def training(courses: Mapping[str, Sequence[float]], folder: Path) -> str:
    """Draw mean recall on validation speakers after each epoch, one line per row of the study."""
    with styled():
        figure = Figure(figsize=(7.2, 3.2), layout="constrained")
        axes = figure.subplots()
        colours = mpl.colormaps["tab10"].colors  # type: ignore[attr-defined]  # a listed colour map has them
        for colour, (title, course) in zip(colours, courses.items(), strict=False):
            axes.plot(range(1, len(course) + 1), course, "-o", markersize=3, linewidth=1.2, color=colour, label=title)
        axes.set_xlabel("epoch")
        axes.set_ylabel("mean recall, validation")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend(frameon=False, fontsize=7.5, loc="center left", bbox_to_anchor=(1.0, 0.5))
        return save(figure, folder, "training")
