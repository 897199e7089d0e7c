"""The card of a model: what it is, what it eats, what it was trained on, and the hashes of its files.

A card is JSON beside the weights, and is read strictly. No torch here, and no file is opened.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Final

from streamer.network import contract
from streamer.network.entries import Entries

SCHEMA: Final = "emostream.card/1"

NONE_LABEL: Final = "none"
"""The answer of a network that it is none of the six; always the last label."""

LABEL_SETS: Final = (contract.EMOTIONS, (*contract.EMOTIONS, NONE_LABEL))
HEADS: Final = ("joint", "sound", "words")
SHA256: Final = re.compile(r"[0-9a-f]{64}")
NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")

Shapes = Mapping[str, tuple[int, ...]]

PICTURE: Final = "picture"
MELS: Final = "mels"
SPEAKER: Final = "speaker"

WORD_SHAPES: Final[Shapes] = {
    "words": contract.WORDS_SHAPE,
    "word_mask": (contract.N_WORDS,),
    "word_spans": (contract.N_WORDS, 2),
}
BOOLEAN_INPUTS: Final = ("columns", "word_mask")
FREE_AXES: Final[Mapping[str, int]] = {MELS: 1, "columns": 0, "words": 1, "word_mask": 0, "word_spans": 0}
"""Axes, without the batch, along which a network that takes mels may be fed less: what is masked before all that was
heard or said changes nothing. Columns in steps of contract.POOLING_GRID_COLUMNS.
"""

SHORTEST_COLUMNS: Final = 2 * contract.POOLING_GRID_COLUMNS
"""Columns of the shortest sound that is fed to a network that takes mels."""

FEWEST_SLOTS: Final = 2
"""Word slots that are fed at least."""

EMBEDDING_CAP: Final = 65_536
"""Longest embedding that is believed."""


def input_shapes(sound: str, embedding_size: int | None, n_columns: int = contract.N_COLUMNS) -> Shapes:
    """Return the inputs of a network in their order; `embedding_size` is that of the speaker's mean, None without.

    `sound` is "picture" or "mels". A network that takes mels may hear fewer columns than a picture has, the newest.
    """
    bands, frames = (contract.N_BANDS, 1) if sound == PICTURE else (contract.N_MELS, contract.MELS_PER_COLUMN)
    heard = {sound: (bands, frames * n_columns), "columns": (n_columns,)}
    return {**heard, **WORD_SHAPES, **({} if embedding_size is None else {SPEAKER: (embedding_size,)})}


INPUT_SHAPES: Final = input_shapes(PICTURE, None)
"""Inputs of the paper's networks in their order, without the batch."""


@dataclass(frozen=True, slots=True)
class FileNote:
    """What a file of the model must be."""

    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True)
class VectorsNote:
    """Which word vectors the network was trained with."""

    name: str
    sha256: str
    """Of that folder's vectors.safetensors."""


@dataclass(frozen=True, slots=True)
class CorpusNote:
    """One corpus that the weights have seen."""

    corpus: str
    licence: str
    rows: int


@dataclass(frozen=True, slots=True)
class AdaptationNote:
    """How the running mean of the speaker's embeddings is kept (streamer.engines.speaker)."""

    prior: float
    strength: float
    warm_up: int


@dataclass(frozen=True, slots=True)
class Card:
    """Everything that is known about one trained network."""

    name: str
    """Name of the model, and of its folder."""
    network: str
    """Name in registry.NETWORKS."""
    config: Mapping[str, Any]
    """Arguments of the network's config."""
    labels: tuple[str, ...]
    """contract.EMOTIONS, with or without "none" after them."""
    heads: tuple[str, ...]
    temperatures: tuple[float, ...]
    """One per head: its logits are divided by it."""
    head_weights: tuple[float, ...]
    """One per head: how calibrated logits are summed where both words and sound are there."""
    threshold: float
    """Calibrated share of the best emotion under which the answer is "unsure"."""
    licence: str
    """Of the weights."""
    command: str
    """The exact training command."""
    trained_on: tuple[CorpusNote, ...] = ()
    figures: Mapping[str, Any] = field(default_factory=dict)
    """What was measured, free of form."""
    vectors: VectorsNote | None = None
    """None: the network hears sound alone."""
    step_samples: int = contract.LIVE_STEP_SAMPLES
    """Picture samples between two columns."""
    shapes: Shapes = field(default_factory=lambda: dict(INPUT_SHAPES))
    """Inputs that the network was made for, in their order, without the batch; filled by export.save."""
    adaptation: AdaptationNote | None = None
    """None: the network hears every speaker as nobody in particular."""
    tensors: Shapes = field(default_factory=dict)
    """Shape of every tensor of the weights; filled by checkpoint.write."""
    files: Mapping[str, FileNote] = field(default_factory=dict)
    """Filled by checkpoint.write."""


def card_to_json(card: Card) -> bytes:
    """Return the card as it stands in card.json."""
    entries = {"schema": SCHEMA, **asdict(card)}
    return (json.dumps(entries, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def card_from_json(text: bytes, where: str) -> Card:
    """Return the card that `text` holds, checked; `where` opens the sentence of a CheckpointError."""
    entries = Entries.parse(text, where)
    schema = entries.text("schema")
    if schema != SCHEMA:
        entries.refuse(f"schema is {schema!r:.60}, wanted {SCHEMA!r}")
    entries.only(["schema", *(f.name for f in fields(Card))])
    adapts = entries.values.get("adaptation") is not None  # a card may be older than this entry
    card = Card(
        name=entries.text("name", NAME),
        network=entries.text("network", NAME),
        config=entries.inner("config").values,
        labels=entries.each("labels", Entries.text),
        heads=entries.each("heads", Entries.text),
        temperatures=entries.each("temperatures", Entries.number),
        head_weights=entries.each("head_weights", Entries.number),
        threshold=entries.number("threshold"),
        licence=entries.text("licence"),
        command=entries.text("command"),
        trained_on=entries.each("trained_on", _corpus),
        figures=entries.inner("figures").values,
        vectors=None if entries.values.get("vectors", "") is None else _vectors(entries.inner("vectors")),
        step_samples=entries.count("step_samples", at_least=1),
        shapes=_shapes(entries.inner("shapes")),
        adaptation=_adaptation(entries.inner("adaptation")) if adapts else None,
        tensors=_shapes(entries.inner("tensors")),
        files=_files(entries.inner("files")),
    )
    check(card, entries)
    return card


def check(card: Card, entries: Entries) -> None:
    """Raise CheckpointError unless the card agrees with itself and with the contract."""
    if card.labels not in LABEL_SETS:
        wanted = f"{', '.join(contract.EMOTIONS)} in this order, then {NONE_LABEL} or nothing"
        entries.refuse(f"the labels are {', '.join(card.labels):.200}, wanted {wanted}")
    if not card.heads or not set(card.heads) <= set(HEADS) or len(set(card.heads)) < len(card.heads):
        wanted = f"some of {', '.join(HEADS)}, each once"
        entries.refuse(f"the heads are {', '.join(card.heads):.80}, wanted {wanted}")
    if not len(card.heads) == len(card.temperatures) == len(card.head_weights):
        found = f"{len(card.heads)} heads, {len(card.temperatures)} temperatures, {len(card.head_weights)} head_weights"
        entries.refuse(f"found {found}, wanted as many of each")
    if min(card.temperatures) <= 0 or min(card.head_weights) < 0 or max(card.head_weights) == 0:
        entries.refuse("wanted temperatures above 0, and head_weights from 0 up that are not all 0")
    if not 0 <= card.threshold < 1:
        entries.refuse(f"threshold is {card.threshold}, wanted 0 to under 1")
    _check_inputs(card, entries)


def _check_inputs(card: Card, entries: Entries) -> None:
    wanted = input_shapes(PICTURE, None)
    if MELS in card.shapes:
        (n_columns, *more) = card.shapes.get("columns") or (0,)
        if more or n_columns not in range(SHORTEST_COLUMNS, contract.N_COLUMNS + 1, contract.POOLING_GRID_COLUMNS):
            whole = f"a multiple of {contract.POOLING_GRID_COLUMNS} from {SHORTEST_COLUMNS} to {contract.N_COLUMNS}"
            entries.refuse(f"input columns is {shape_text(card.shapes.get('columns', ()))}, wanted {whole}")
        wanted = input_shapes(MELS, None, n_columns)
    for name, shape in wanted.items():
        made_for = card.shapes.get(name)
        if made_for != shape:
            found = "missing" if made_for is None else shape_text(made_for)
            entries.refuse(f"input {name} is {found}, but this program makes {shape_text(shape)}")
    names = tuple(card.shapes)
    if names not in {tuple(wanted), (*wanted, SPEAKER)}:
        entries.refuse(f"the inputs are {', '.join(names):.120}, wanted {', '.join(wanted)} and maybe {SPEAKER}")
    speaker = card.shapes.get(SPEAKER, (1,))
    if len(speaker) != 1 or not 0 < speaker[0] <= EMBEDDING_CAP:
        entries.refuse(f"input {SPEAKER} is {shape_text(speaker)}, wanted one row of at most {EMBEDDING_CAP}")
    if card.adaptation is not None and SPEAKER not in card.shapes:
        entries.refuse(f"there is an adaptation, but no input {SPEAKER}")


def shape_text(shape: tuple[int, ...]) -> str:
    """Return a shape as people write it: 200x400."""
    return "x".join(str(side) for side in shape) if shape else "a single number"


def _corpus(entries: Entries, key: str) -> CorpusNote:
    note = entries.inner(key).only(["corpus", "licence", "rows"])
    return CorpusNote(note.text("corpus"), note.text("licence"), note.count("rows"))


def _vectors(note: Entries) -> VectorsNote:
    note.only(["name", "sha256"])
    return VectorsNote(note.text("name", NAME), note.text("sha256", SHA256))


def _adaptation(note: Entries) -> AdaptationNote:
    note.only([f.name for f in fields(AdaptationNote)])
    return AdaptationNote(note.number("prior"), note.number("strength"), note.count("warm_up"))


def _shapes(entries: Entries) -> dict[str, tuple[int, ...]]:
    return {name: entries.each(name, Entries.count) for name in entries.values}


def _files(entries: Entries) -> dict[str, FileNote]:
    notes = {name: entries.inner(name).only(["sha256", "bytes"]) for name in entries.values}
    return {name: FileNote(n.text("sha256", SHA256), n.count("bytes", at_least=1)) for name, n in notes.items()}
