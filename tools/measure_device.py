"""Hold a graphics card against the processor: `python tools/measure_device.py [--device cuda|cpu] [--model NAME ...]`.

The windows of five utterances of the bundled recording, with words and without, short and full, and one of words alone,
go through the live classifier twice: by ONNX Runtime on the processor, as where there is no card, and by torch on the
device. Each side keeps its own running mean of the speaker. Shown are the largest differences, and windows per second:
one by one as the monitor runs, copies to the device and back included, and many at once. Exits with 1 where the logits
differ by more than is allowed. `--device cpu` compares torch with ONNX Runtime on the processor, which needs no card.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np
import platformdirs
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from streamer import places
from streamer.engines.classifier import Classifier, find_model, find_vectors, on_cpu
from streamer.engines.engine import Answer, Engine, Feed, blank_feed
from streamer.engines.torch_engine import TorchEngine, has_cuda
from streamer.engines.verdict import Calibration
from streamer.errors import EmostreamError, ModelError
from streamer.evaluation import examples, recordings, turns
from streamer.features.words import WordVectors
from streamer.network import checkpoint, contract, registry
from streamer.network.card import MELS, Card
from streamer.records import Window

ALLOWED: Final = {"deep": 1e-3}
"""How far logits may be apart."""
ALLOWED_OTHERS: Final = 1e-4

LINE: Final = "So I am very happy that you are here today! Why did nobody tell me about all of this before?"
UTTERANCES: Final = ((0.0, 2.0, True), (4.0, 10.0, True), (16.0, 4.0, False), (20.0, 10.0, True), (32.0, 5.0, False))
"""Seconds of the bundled recording (first, length), and whether words are heard with them."""

BATCHES: Final = (1, 16, 64, 256)
ROUNDS: Final = 20
MIB: Final = 2**20


class Recorded:
    """An engine whose answers and time are kept."""

    def __init__(self, engine: Engine) -> None:
        self.device = engine.device
        self.answers: list[Answer] = []
        self.feeds: list[Feed] = []
        self.seconds: list[float] = []
        self._engine = engine

    def run(self, feed: Feed) -> Answer:
        """Run the engine."""
        began = time.perf_counter()
        answer = self._engine.run(feed)
        self.seconds.append(time.perf_counter() - began)
        self.answers.append(answer)
        self.feeds.append(feed)
        return answer

    def forget(self) -> None:
        """Keep nothing of what was run until now."""
        for kept in (self.answers, self.feeds, self.seconds):
            kept.clear()


@dataclass(frozen=True, slots=True)
class Compared:
    """What one network said and cost on both."""

    model: str
    device: str
    windows: int
    logits_apart: float
    """The largest difference of any logit of any head."""
    allowed: float
    shares_apart: float
    """The same of the calibrated shares of the six."""
    embedding_apart: float | None
    """The same of the sound's embedding, against its largest number; None: the network has none."""
    processor_windows_per_s: float
    device_windows_per_s: float
    """One by one, median."""
    at_once_windows_per_s: dict[int, float]
    """By size of the batch, on the device."""
    device_mib: float | None
    """What torch took of the graphics card at most."""

    @property
    def equal(self) -> bool:
        """Say whether the logits are as near to each other as they are to be."""
        return self.logits_apart <= self.allowed


def main() -> None:
    """Read the command line, measure, print; exit with 1 where a network differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--model", action="append", help="name of a model's folder (default: all that are there)")
    parser.add_argument("--json", type=Path, help="file for the figures")
    given = parser.parse_args()
    if given.device == "cuda" and not has_cuda():
        sys.exit("measure_device: this torch reaches no graphics card; wanted one, or --device cpu")
    names = given.model or [entry.name for entry in checkpoint.installed(places.model_folders()) if entry.card]
    try:
        found = [compared(name, lambda tensors, card: TorchEngine(tensors, card, given.device)) for name in names]
    except EmostreamError as error:
        print(f"measure_device: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    print(table(found))
    if given.json:
        given.json.write_text(json.dumps([asdict(one) for one in found], indent=1) + "\n", encoding="utf-8")
    sys.exit(not all(one.equal for one in found))


def compared(name: str, made: Callable[[checkpoint.Tensors, Card], Engine]) -> Compared:
    """Return what a model says and costs on the processor and in the engine `made`."""
    folders = places.model_folders()
    folder = find_model(folders, name)
    card = checkpoint.read_card(folder)
    tensors = checkpoint.read_tensors(folder, card)
    vectors_folder = find_vectors(folders, card)
    vectors = WordVectors.load(vectors_folder)
    cache = platformdirs.user_cache_path("emostream") / "networks"
    here = Recorded(on_cpu(folder, card, 1, cache))
    if has_cuda():
        torch.cuda.reset_peak_memory_stats()
    there = Recorded(made(tensors, card))
    spoken = [list(utterance) for utterance in utterances(card, vectors, said=vectors_folder is not None)]
    shares = [listened(engine, card, spoken) for engine in (here, there)]
    return Compared(
        model=name,
        device=there.device,
        windows=len(there.answers),
        logits_apart=_apart([x.logits for x in here.answers], [x.logits for x in there.answers]),
        allowed=ALLOWED.get(card.network, ALLOWED_OTHERS),
        shares_apart=_apart(*shares),
        embedding_apart=_embeddings_apart(here.answers, there.answers),
        processor_windows_per_s=1.0 / float(np.median(here.seconds)),
        device_windows_per_s=1.0 / float(np.median(there.seconds)),
        at_once_windows_per_s=at_once(tensors, card, fullest(there.feeds), there.device),
        device_mib=torch.cuda.max_memory_allocated() / MIB if there.device.startswith("cuda") else None,
    )


def utterances(card: Card, vectors: WordVectors, *, said: bool) -> Iterator[Iterator[Window]]:
    """Yield the windows of one utterance after the other, as those of one stream."""
    sound = recordings.heard(places.DEMO_RECORDING)
    tokens = examples.spoken_tokens(LINE, plain=False) if said else []
    hop, with_mels, start = contract.DEFAULT_HOP_COLUMNS, MELS in card.shapes, 0
    for number, (first_s, length_s, worded) in enumerate(UTTERANCES):
        first, n = round(first_s * contract.STREAM_RATE_HZ), round(length_s * contract.STREAM_RATE_HZ)
        heard = sound[first : first + n]
        windows = examples.windows_of(heard, tokens if worded else [], vectors, hop, with_mels=with_mels)
        yield turns.spoken_at(windows, number, start)
        start = turns.next_start(start + n)
    if said:
        alone = examples.window_of_words(tokens, vectors, with_mels=with_mels)
        yield turns.spoken_at(iter([alone]), len(UTTERANCES), start)


def listened(engine: Recorded, card: Card, spoken: Sequence[Sequence[Window]]) -> list[np.ndarray]:
    """Return the shares of the six in every window, heard by the live classifier."""
    engine.run(blank_feed(card.shapes))
    engine.forget()
    with Classifier(engine, card, Calibration.of(card, None)) as classifier:
        estimates = [classifier.classify(window) for utterance in spoken for window in utterance]
    shares = [one.probabilities for one in estimates if one.probabilities is not None]
    if len(shares) < len(estimates):
        message = f"model {card.name} on {engine.device}: {len(estimates) - len(shares)} answers are no number"
        raise ModelError(message)
    return [np.array(one) for one in shares]


def _apart(one: Sequence[np.ndarray], other: Sequence[np.ndarray]) -> float:
    return max(float(np.abs(a - b).max()) for a, b in zip(one, other, strict=True))


def _embeddings_apart(one: Sequence[Answer], other: Sequence[Answer]) -> float | None:
    pairs = [(a.embedding, b.embedding) for a, b in zip(one, other, strict=True)]
    found = [(a, b) for a, b in pairs if a is not None and b is not None]
    if not found:
        return None
    return _apart(*zip(*found, strict=True)) / max(float(np.abs(a).max()) for a, _ in found)


def fullest(feeds: Sequence[Feed]) -> Feed:
    """Return the feed in which most is heard and said."""
    return max(feeds, key=lambda feed: (int(feed.arrays["columns"].sum()), int(feed.arrays["word_mask"].sum())))


def at_once(tensors: checkpoint.Tensors, card: Card, feed: Feed, device: str) -> dict[int, float]:
    """Return windows per second of batches of one window many times, on the device already."""
    where = torch.device(device.split(":", maxsplit=1)[0])
    network = registry.restore(card, tensors, f"model {card.name}").to(where)
    found = {}
    for size in BATCHES if where.type == "cuda" else BATCHES[:2]:
        inputs = [torch.tensor(feed.arrays[name], device=where).repeat_interleave(size, 0) for name in card.shapes]
        with torch.inference_mode(), torch.backends.cudnn.flags(deterministic=True, allow_tf32=False):
            registry.answers_of(network, inputs)[0].cpu()
            began = time.perf_counter()
            for _ in range(ROUNDS):
                # Fetched, because the device answers late.
                registry.answers_of(network, inputs)[0].cpu()
            found[size] = size * ROUNDS / (time.perf_counter() - began)
    return found


def table(found: Sequence[Compared]) -> str:
    """Return a row per network."""
    heads = ("network", "device", "windows", "logits apart (allowed)", "shares apart", "embedding apart",
             "processor, windows/s", "device, one by one", "many at once", "MiB")  # fmt: skip
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for one in found:
        many = ", ".join(f"{size}: {rate:.0f}" for size, rate in one.at_once_windows_per_s.items())
        embedding = "–" if one.embedding_apart is None else f"{one.embedding_apart:.1e}"
        mib = "–" if one.device_mib is None else f"{one.device_mib:.0f}"
        verdict = "" if one.equal else " **too far**"
        lines.append(
            f"| {one.model} | {one.device} | {one.windows} | {one.logits_apart:.1e} ({one.allowed:.0e}){verdict} "
            f"| {one.shares_apart:.1e} | {embedding} | {one.processor_windows_per_s:.0f} "
            f"| {one.device_windows_per_s:.0f} | {many} | {mib} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
