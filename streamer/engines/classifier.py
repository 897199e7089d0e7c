"""The owner of the network: windows in, estimates out, in a thread of its own.

On the CPU through ONNX Runtime, on a graphics card through torch. What network/ finds wrong with a model becomes
ModelError here.
"""

import asyncio
import importlib
import logging
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Self

import platformdirs

from streamer.engines.accelerator import n_cuda_devices
from streamer.engines.cached_engine import CachedEngine
from streamer.engines.engine import Embedding, Engine, blank_feed, feed_of
from streamer.engines.exported import exported_once
from streamer.engines.onnx_engine import OnnxEngine
from streamer.engines.speaker import SpeakerMean
from streamer.engines.verdict import Calibration, Verdict, judge
from streamer.errors import ModelError, UsageError
from streamer.network import checkpoint
from streamer.network.card import MELS, SPEAKER, Card
from streamer.network.entries import CheckpointError
from streamer.records import Estimate, State, Window

log = logging.getLogger(__name__)

VECTORS_FILE = "vectors.safetensors"


@dataclass(frozen=True, slots=True)
class Choice:
    """What the user chose about the network."""

    name: str
    device: str = "auto"
    """"auto", "cpu" or "cuda"."""
    threads: int = 1
    """Threads of one estimate on the CPU."""
    unsure_below: float | None = None
    """Takes the place of the card's threshold."""


class Classifier:
    """A checked network, ready to judge windows. Close it, or use it as a context manager.

    It gets to know the speaker window by window, so windows come in the order of one stream; `forget` before another.
    """

    def __init__(
        self, engine: Engine, card: Card, calibration: Calibration, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self.card = card
        self.non_finite = 0
        """Windows on which the network answered with something that is no number."""
        self.vectors_folder: Path | None = None
        """Where the word vectors lie that the network was trained with; None: it hears sound alone."""
        self._engine = engine
        self._speaker = _speaker_mean(card)
        self._calibration = calibration
        self._clock = clock
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="classifier")

    @classmethod
    def open(cls, folders: Iterable[Path], choice: Choice, cache: Path | None = None) -> Self:
        """Find, check and load a model, and run it once. Takes 0.2 s to 0.6 s; blocks.

        Raises ModelError if it is missing, damaged or does not fit; UsageError if the device is not there.
        """
        folders = tuple(folders)
        folder = find_model(folders, choice.name)
        cache = platformdirs.user_cache_path("emostream") / "networks" if cache is None else cache
        try:
            card = checkpoint.read_card(folder)
            tensors = checkpoint.read_tensors(folder, card)
            engine: Engine | None = _on_cuda(tensors, card, choice.device)
            if engine is None:
                del tensors  # checked, and not needed: the ONNX file holds the same
                engine = on_cpu(folder, card, choice.threads, cache)
            vectors_folder = find_vectors(folders, card)
        except CheckpointError as error:
            raise ModelError(str(error)) from error
        engine.run(blank_feed(card.shapes))
        classifier = cls(engine, card, Calibration.of(card, choice.unsure_below))
        classifier.vectors_folder = vectors_folder
        log.info("model %s (%s) from %s on %s", card.name, card.network, folder, engine.device)
        return classifier

    @property
    def name(self) -> str:
        """Return the model's name."""
        return self.card.name

    @property
    def device(self) -> str:
        """Return where the network runs: "cpu", or "cuda: " and the card's name."""
        return self._engine.device

    @property
    def vectors_name(self) -> str | None:
        """Return the name of the word vectors that the network was trained with."""
        return None if self.card.vectors is None else self.card.vectors.name

    @property
    def wants_mels(self) -> bool:
        """Say whether the windows must carry mel frames."""
        return MELS in self.card.shapes

    def classify(self, window: Window, queue_s: float = 0.0) -> Estimate:
        """Return the estimate of a window; one that is not `SPEECH` keeps its state and the network is not asked."""
        began = self._clock()
        verdict = Verdict(window.state, None, 0.0)
        if window.state is State.SPEECH:
            verdict, embedding = self._ask(window, self._speaker.mean(window.utterance) if self._speaker else None)
            if self._speaker and embedding is not None and window.columns.any():
                self._speaker.take(window.utterance, window.end, embedding)
        return self._estimate(window, verdict, queue_s, began)

    def classify_both(self, window: Window) -> tuple[Estimate, Estimate]:
        """Return the estimate of a window, and what it would be if nothing were known of the speaker.

        The network is asked twice only where something is known.
        """
        knows = self._speaker is not None and self._speaker.mean(window.utterance).any()
        if window.state is not State.SPEECH or not knows:
            estimate = self.classify(window)
            return estimate, estimate
        began = self._clock()
        verdict, _ = self._ask(window, None)
        return self.classify(window), self._estimate(window, verdict, 0.0, began)

    def forget(self) -> None:
        """Know nothing of the speaker. Not while a window is in the classifier's thread: see `forget_speaker`."""
        if self._speaker:
            self._speaker.forget()

    async def forget_speaker(self) -> None:
        """Know nothing of the speaker from the next window on that is handed to `estimate`."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self.forget)

    def _ask(self, window: Window, speaker: Embedding | None) -> tuple[Verdict, Embedding | None]:
        """Return the verdict on a window that holds speech, and what it sounds like."""
        answer = self._engine.run(feed_of(window, self.card.shapes, speaker))
        heard, said = bool(window.columns.any()), bool(window.word_mask.any())
        verdict = judge(answer.logits, self._calibration, heard=heard, said=said)
        self.non_finite += verdict.probabilities is None
        return verdict, answer.embedding

    def _estimate(self, window: Window, verdict: Verdict, queue_s: float, began: float) -> Estimate:
        return Estimate(
            start=window.start,
            end=window.end,
            state=verdict.state,
            stage=window.stage,
            utterance=window.utterance,
            revision=window.revision,
            probabilities=verdict.probabilities,
            none_probability=verdict.none_probability,
            n_words=window.n_words,
            captured_s=window.captured_s,
            queue_s=queue_s,
            features_s=window.features_s,
            model_s=self._clock() - began if window.state is State.SPEECH else 0.0,
        )

    async def estimate(self, window: Window, queue_s: float = 0.0) -> Estimate:
        """Return the estimate of a window, computed in the classifier's thread; order is kept."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self.classify, window, queue_s)

    def close(self) -> None:
        """Wait for the window at hand, and end the thread."""
        self._thread.shutdown(wait=True, cancel_futures=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _speaker_mean(card: Card) -> SpeakerMean | None:
    """Return the running mean that a network was trained with, None for one that does not adapt."""
    if card.adaptation is None:
        return None
    note, (size,) = card.adaptation, card.shapes[SPEAKER]
    return SpeakerMean(size, note.prior, note.strength, note.warm_up)


def find_model(folders: Iterable[Path], name: str) -> Path:
    """Return the first folder that holds a model of this name; raises ModelError."""
    return _find(tuple(folders), f"model {name!r}", Path(name) / checkpoint.CARD_FILE).parent


def find_vectors(folders: Iterable[Path], card: Card) -> Path | None:
    """Return the folder with the word vectors that the card names, their hash checked; raises ModelError."""
    if card.vectors is None:
        return None
    wanted = f"word vectors {card.vectors.name!r} for model {card.name!r}"
    path = _find(tuple(folders), wanted, Path(card.vectors.name) / VECTORS_FILE)
    found = checkpoint.sha256(path.read_bytes())
    if found != card.vectors.sha256:
        message = (
            f"{path} has SHA-256 {found[:12]}…, but model {card.name} was trained with {card.vectors.sha256[:12]}…; "
            "install the model and its word vectors again"
        )
        raise ModelError(message)
    return path.parent


def _find(folders: tuple[Path, ...], what: str, path: Path) -> Path:
    for folder in folders:
        if (folder / path).is_file():
            return folder / path
    looked_in = " and ".join(str(folder) for folder in folders) or "no folder"
    message = f"cannot find {what}: looked for {path} in {looked_in}; `emostream models list` shows what is there"
    raise ModelError(message)


def on_cpu(folder: Path, card: Card, threads: int, cache: Path) -> Engine:
    """Return the network on the CPU: in its cached form where the model comes with one."""
    parts = checkpoint.read_cached(folder, card)
    if parts:
        return CachedEngine.open(parts, card, threads)
    exported = checkpoint.read_onnx(folder, card)
    if exported is None:
        exported = exported_once(folder, card, cache)
    return OnnxEngine(exported, card, threads)


def _on_cuda(tensors: checkpoint.Tensors, card: Card, device: str) -> Engine | None:
    """Return the network on the graphics card, or None where the CPU is to be used; raises UsageError."""
    reason = None if device != "cpu" else "the CPU was asked for"
    if reason is None and n_cuda_devices() == 0:
        reason = "no NVIDIA graphics card and driver were found"
    if reason is None and find_spec("torch") is None:
        reason = "PyTorch is not installed (pip install 'emostream[gpu]')"
    if reason is None:
        # Imported here and not above: it brings torch, which the CPU never needs.
        torch_engine = importlib.import_module("streamer.engines.torch_engine")
        if torch_engine.has_cuda():
            engine: Engine = torch_engine.TorchEngine(tensors, card, "cuda")
            return engine
        reason = "this PyTorch was built without CUDA or does not fit the driver"
    if device == "cuda":
        message = f"the device is to be cuda, but {reason}; put that right, or choose --device cpu or auto"
        raise UsageError(message)
    return None
