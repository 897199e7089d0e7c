"""The network `stream` on the CPU, computed only where a window is new.

What `network.onnx` answers from the whole picture is answered here from what was kept of the window before: the sound's
latent columns, what the convolutions remember, and what was read in the words. Whether a window goes on from the one
before is decided by its own numbers, so that a wrong position, a hole, a restart or another recording cannot bring old
sound into an answer: the columns that both windows hold are compared, and unless they are the same the picture is begun
anew at its first column that is shown.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from streamer.engines.engine import Answer, Feed, first_slot
from streamer.engines.onnx_engine import EMBEDDING, LOGITS, OnnxGraph
from streamer.errors import ModelError
from streamer.network import checkpoint, contract
from streamer.network.card import SPEAKER, Card, shape_text

Array = NDArray[Any]

Graph = Callable[[Mapping[str, Array]], Sequence[Array]]
"""A part of the cached form made ready to run: inputs by name to outputs in order; see streamer.network.cached."""

GRID: Final = contract.POOLING_GRID_COLUMNS
"""Columns between two latent columns."""

SAMPLES_PER_COLUMN: Final = contract.LIVE_STEP_SAMPLES * contract.SAMPLES_PER_PICTURE_SAMPLE

N_MADE: Final = 3
"""The step's first outputs are latent columns, their keys and their scores; the rest is what it remembers."""


class Sound(NamedTuple):
    """What was kept of a window's sound."""

    picture: Array
    """(F, T) and its mask (T,), as they were."""
    columns: Array
    end: int
    latent: tuple[Array, ...]
    """f (1, D, N), keys (1, A, N) and scores (1, H, N); newest last."""
    memory: tuple[Array, ...]


class Words(NamedTuple):
    """What was kept of a window's words."""

    words: Array
    """(E, L) and its mask (L,), as they were."""
    mask: Array
    first: int
    """Slots before it are left out."""
    queries: Array
    summary: Array


class CachedEngine:
    """The three parts of a cached form, and what they have kept."""

    device = "cpu"

    def __init__(self, step: Graph, reading: Graph, judging: Graph, shapes: Mapping[str, tuple[int, ...]]) -> None:
        """Make the parts ready; `shapes` are those of the inputs of step and judging by name."""
        self._step, self._reading, self._judging = step, reading, judging
        self._n_latent = shapes["f"][-1]
        self._blank = tuple(np.zeros(shapes[name], np.float32) for name in ("f", "keys", "scores"))
        n_layers = sum(name.startswith("memory") for name in shapes)
        memory = tuple(np.zeros(shapes[f"memory{i}"], np.float32) for i in range(n_layers))
        # Zeros at the trunk's input are not zeros in its layers; what they are once the start is forgotten:
        _, self._silence = self._stepped(np.zeros(contract.PICTURE_SHAPE, np.float32), memory)
        self._sound: Sound | None = None
        self._words: Words | None = None

    @classmethod
    def open(cls, exported: Mapping[str, bytes], card: Card, threads: int) -> Self:
        """Make a model's own parts ready, by the names of checkpoint.CACHED_FILES.

        Raises ModelError if they were exported from other weights or answer something else than the card says.
        """
        step, reading, judging = (OnnxGraph(exported[name], card, threads, name) for name in checkpoint.CACHED_FILES)
        wanted = {LOGITS: (1, len(card.heads), len(card.labels)), EMBEDDING: (1, *card.shapes.get(SPEAKER, ()))}
        if judging.outputs != wanted:
            answers = " and ".join(f"{name} of {shape_text(shape)}" for name, shape in judging.outputs.items())
            message = f"model {card.name}: {checkpoint.CACHED_HEADS} answers {answers}; install the model again"
            raise ModelError(message)
        return cls(step, reading, judging, step.inputs | judging.inputs)

    def run(self, feed: Feed) -> Answer:
        """Return the answer to one window; it equals that of the whole network to 1e-4, whatever came before."""
        given = feed.arrays
        self._sound = sound = self._listen(given["picture"][0], given["columns"][0], feed.end)
        self._words = words = self._read(given["words"], given["word_mask"])
        f, keys, scores = sound.latent
        logits, embedding = self._judging(
            {
                "f": f,
                "keys": keys,
                "scores": scores,
                "columns": given["columns"],
                "queries": words.queries,
                "summary": words.summary,
                "word_mask": given["word_mask"][:, words.first :],
                "word_spans": given["word_spans"][:, words.first :],
                "speaker": given["speaker"],
            }
        )
        return Answer(logits[0], embedding[0])

    def _listen(self, picture: Array, columns: Array, end: int) -> Sound:
        before = self._sound
        n_new = None if before is None else columns_since(before, picture, columns, end)
        if before is None or n_new is None:
            n_shown = contract.N_COLUMNS - int(columns.argmax()) if columns.any() else 0
            n_new = -(-n_shown // GRID) * GRID
            latent, memory = self._blank, self._silence
        else:
            latent, memory = before.latent, before.memory
        if n_new:
            new = np.where(columns[-n_new:], picture[:, -n_new:], np.float32(0))
            made, memory = self._stepped(new, memory)
            latent = tuple(
                np.concatenate((old, added), axis=-1)[..., -self._n_latent :]
                for old, added in zip(latent, made, strict=True)
            )
        return Sound(picture.copy(), columns.copy(), end, latent, memory)

    def _stepped(self, new: Array, memory: Sequence[Array]) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
        given = {f"memory{i}": kept for i, kept in enumerate(memory)}
        answers = self._step({"picture": new[np.newaxis], **given})
        return tuple(answers[:N_MADE]), tuple(answers[N_MADE:])

    def _read(self, words: Array, mask: Array) -> Words:
        before = self._words
        if before and np.array_equal(mask, before.mask) and np.array_equal(words, before.words):
            return before
        first = first_slot(mask[0])
        queries, summary = self._reading({"words": words[..., first:], "word_mask": mask[:, first:]})
        return Words(words.copy(), mask.copy(), first, queries, summary)


def columns_since(before: Sound, picture: Array, columns: Array, end: int) -> int | None:
    """Return how many new columns a window has after the one `before`; None if it does not go on from there.

    It does if what both hold is the same, column by column, and the new columns fill whole latent columns.
    """
    n_new, rest = divmod(end - before.end, SAMPLES_PER_COLUMN)
    n_both = contract.N_COLUMNS - n_new
    if rest or n_new % GRID or not 0 <= n_new < contract.N_COLUMNS:
        return None
    if not np.array_equal(columns[:n_both], before.columns[n_new:]):
        return None
    first = int(columns.argmax())
    same = np.array_equal(picture[:, first:n_both], before.picture[:, first + n_new :])
    return n_new if same else None
