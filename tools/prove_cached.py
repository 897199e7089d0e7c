"""Prove the cached form of `stream` on a long recording: `python tools/prove_cached.py --minutes 10`.

Every window of the recording is answered by the cached form and by the whole network, one after the other on one
thread. Told are the largest difference, the multiply-adds per hop by the shapes that were really fed, and the time per
hop. Ends with 1 if the difference is above 1e-4 anywhere, or the cached form is not 20 times cheaper.

Without --sound the bundled recording is said again and again, at other levels, with other pauses, in chunks of other
lengths. Words are made up: two or three a second while somebody speaks, the last one often heard otherwise at first.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import soundfile
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from streamer.engines.cached_engine import CachedEngine, Graph
from streamer.engines.engine import Answer, Engine, Feed, blank_feed, feed_of
from streamer.engines.onnx_engine import OnnxEngine, OnnxGraph
from streamer.engines.speaker import SpeakerMean
from streamer.engines.voice import VoiceDetector
from streamer.features.speech import SpeechTimeline
from streamer.features.windows import Windower, WindowRules
from streamer.features.words import WordVectors
from streamer.network import checkpoint, contract
from streamer.network.card import SPEAKER, Card
from streamer.records import Chunk, SpeechSound, State, Transcript, Window, Word

MODELS = Path(__file__).resolve().parent.parent / "models"
DEMO = MODELS.parent / "streamer" / "data" / "demo.flac"
RATE = contract.STREAM_RATE_HZ
TOLERANCE, WANTED_RATIO = 1e-4, 20.0
WORDS_PER_S, NEWS_S = 2.5, 0.4
FREQUENT = 2000
"""Words that are said are among the first of the vocabulary."""
SPEAKER_PRIOR, SPEAKER_STRENGTH = 2.0, 1.0
"""Where the card says nothing about the speaker's mean; any will do here."""

Arrays = Mapping[str, NDArray[Any]]


class Counted:
    """A graph that tells how many multiply-adds its runs take, by the real shape of everything in it."""

    def __init__(self, exported: bytes, run: Graph) -> None:
        self.spent = 0
        self._run = run
        self._known: dict[tuple[tuple[int, ...], ...], int] = {}
        self._model = onnx.load_model_from_string(exported)
        names = [name for node in self._model.graph.node for name in node.output if name]
        del self._model.graph.output[:]
        self._model.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in names)
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.log_severity_level = 3
        self._names = names
        self._every = onnxruntime.InferenceSession(
            self._model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        self._inputs = [entry.name for entry in self._every.get_inputs()]

    def __call__(self, given: Arrays) -> Sequence[NDArray[Any]]:
        """Run the graph itself, and note what it cost."""
        key = tuple(given[name].shape for name in self._inputs)
        if key not in self._known:
            self._known[key] = self._count({name: given[name] for name in self._inputs})
        self.spent += self._known[key]
        return self._run(given)

    def _count(self, given: Arrays) -> int:
        found = dict(zip(self._names, self._every.run(None, given), strict=True))
        shapes = {name: array.shape for name, array in {**given, **found}.items()}
        shapes |= {tensor.name: tuple(tensor.dims) for tensor in self._model.graph.initializer}
        return sum(_multiply_adds(node, shapes) for node in self._model.graph.node)


def _multiply_adds(node: onnx.NodeProto, shapes: Mapping[str, tuple[int, ...]]) -> int:
    """Count convolutions and matrix products, and one for every element that is multiplied or divided."""
    made = int(np.prod(shapes[node.output[0]], dtype=np.int64))
    match node.op_type:
        case "Conv":
            return made * int(np.prod(shapes[node.input[1]][1:]))
        case "MatMul":
            return made * shapes[node.input[0]][-1]
        case "Gemm":
            across = any(entry.name == "transA" and entry.i for entry in node.attribute)
            return made * shapes[node.input[0]][0 if across else 1]
        case "Mul" | "Div":
            return made
    return 0


@dataclass
class Asked:
    """An engine, and what was seen of it."""

    name: str
    engine: Engine
    cpu_ms: list[float] = field(default_factory=list)
    wall_ms: list[float] = field(default_factory=list)
    multiply_adds: list[int] = field(default_factory=list)

    def ask(self, feed: Feed) -> Answer:
        """Ask, and note the time."""
        wall, cpu = time.perf_counter(), time.thread_time()
        answer = self.engine.run(feed)
        self.cpu_ms.append(1e3 * (time.thread_time() - cpu))
        self.wall_ms.append(1e3 * (time.perf_counter() - wall))
        return answer

    def row(self) -> str:
        """Return one line of the table."""
        cells = [f"{statistics.mean(self.multiply_adds):13,.0f} {max(self.multiply_adds):13,d}"]
        for times in (self.cpu_ms, self.wall_ms):
            quick, middle, late = np.percentile(times, (10, 50, 99))
            cells.append(f"{quick:9.2f} {middle:7.2f} {late:6.2f}")
        return f"{self.name:7s}{' '.join(cells)}"


HEADING = """\
         multiply-adds per hop              ms of one thread          ms on the clock
                  mean          most       p10     p50    p99       p10     p50    p99"""


class MadeUpWords:
    """A recogniser that hears no words but says when there would be some."""

    def __init__(self, vocabulary: Sequence[str], chance: np.random.Generator) -> None:
        self._vocabulary = vocabulary
        self._chance = chance
        self._said: list[Word] = []
        self._heard_until = 0
        self._utterance = -1

    def hear(self, piece: SpeechSound) -> Transcript | None:
        """Return what is said up to the end of a piece of speech, if there is news."""
        if piece.utterance != self._utterance:
            self._utterance, self._said, self._heard_until = piece.utterance, [], piece.start
        if piece.end - self._heard_until < NEWS_S * RATE and not piece.last:
            return None
        if self._said and self._chance.random() < 0.5:
            self._said[-1] = self._word(self._said[-1].start, self._said[-1].end, final=piece.last)
        n_new = int(self._chance.poisson(WORDS_PER_S * (piece.end - self._heard_until) / RATE))
        edges = np.linspace(self._heard_until, piece.end, n_new + 1).astype(int)
        self._said += [self._word(int(a), int(b), final=piece.last) for a, b in pairwise(edges)]
        self._heard_until = piece.end
        return Transcript(piece.utterance, tuple(self._said), piece.end, piece.last)

    def _word(self, start: int, end: int, *, final: bool) -> Word:
        return Word(str(self._chance.choice(self._vocabulary)), start, end, 0.8, final)


def chunks(files: Sequence[Path], minutes: float, chance: np.random.Generator) -> Iterator[Chunk]:
    """Yield sound of `minutes` in chunks of 20 to 100 ms."""
    at = 0
    for i in range(10_000):
        sound, rate_hz = soundfile.read(files[i % len(files)], dtype="float32")
        if rate_hz != RATE or sound.ndim != 1:
            message = f"{files[i % len(files)]} has {rate_hz} Hz and {sound.ndim} axes, wanted {RATE} Hz in one channel"
            raise SystemExit(message)
        pause = 0.001 * chance.standard_normal(int(chance.uniform(0.0, 4.0) * RATE))
        sound = np.concatenate((sound * chance.uniform(0.2, 1.0), pause)).astype(np.float32)
        while len(sound):
            n = int(chance.integers(320, 1600))
            yield Chunk(sound[:n], at, captured_s=0.0)
            at += len(sound[:n])
            sound = sound[n:]
            if at > minutes * 60 * RATE:
                return


def windows(sound: Iterator[Chunk], vectors: WordVectors, said: MadeUpWords) -> Iterator[Window]:
    """Yield every window, as the monitor makes them."""
    timeline = SpeechTimeline(VoiceDetector().probability)
    windower = Windower(timeline, vectors, WindowRules(), time.perf_counter)
    for chunk in sound:
        for piece in timeline.push(chunk):
            if (news := said.hear(piece)) is not None:
                windower.hear(news)
        yield from windower.push(chunk)


class Proof:
    """The whole network and its cached form, asked about the same windows."""

    def __init__(self, folder: Path, card: Card) -> None:
        """Make both ready, and the cached form once more to be counted: counting would disturb the timing."""
        parts, exported = checkpoint.read_cached(folder, card), checkpoint.read_onnx(folder, card)
        if not parts or exported is None:
            message = f"model {card.name} in {folder} comes without a cached form; export it again"
            raise SystemExit(message)
        self.whole = Asked("whole", OnnxEngine(exported, card, threads=1))
        self.cached = Asked("cached", CachedEngine.open(parts, card, threads=1))
        self.furthest = 0.0
        self.states = dict.fromkeys(State, 0)
        graphs = {name: OnnxGraph(content, card, 1, name) for name, content in parts.items()}
        step, words, heads = (Counted(parts[name], graphs[name]) for name in checkpoint.CACHED_FILES)
        self._counted = (step, words, heads)
        shapes = graphs[checkpoint.CACHED_STEP].inputs | graphs[checkpoint.CACHED_HEADS].inputs
        self._counting = CachedEngine(step, words, heads, shapes)
        counted = Counted(exported, OnnxGraph(exported, card, 1, checkpoint.ONNX_FILE))
        counted(blank_feed(card.shapes).arrays)
        self._whole_costs = counted.spent

    @property
    def ratio(self) -> float:
        """Return how many times more multiply-adds the whole network takes, on the average of all hops."""
        return statistics.mean(self.whole.multiply_adds) / statistics.mean(self.cached.multiply_adds)

    def ask(self, feed: Feed, state: State) -> Answer:
        """Ask both; return what the whole network answers."""
        found, wanted = self.cached.ask(feed), self.whole.ask(feed)
        before = sum(counted.spent for counted in self._counted)
        self._counting.run(feed)
        self.cached.multiply_adds.append(sum(counted.spent for counted in self._counted) - before)
        self.whole.multiply_adds.append(self._whole_costs)
        apart = [np.abs(found.logits - wanted.logits).max()]
        if found.embedding is not None and wanted.embedding is not None:
            apart.append(np.abs(found.embedding - wanted.embedding).max())
        self.furthest = float(np.max([self.furthest, *apart]))  # also no number where an answer is none
        self.states[state] += 1
        return wanted


def prove(folder: Path, sounds: Sequence[Path], minutes: float, seed: int) -> Proof:
    """Ask the model in `folder` about every window of `minutes` of sound."""
    card = checkpoint.read_card(folder)
    chance = np.random.default_rng(seed)
    vectors_folder = None if card.vectors is None else MODELS / card.vectors.name
    vocabulary = ["nothing"]
    if vectors_folder is not None:
        vocabulary = (vectors_folder / "vocabulary.txt").read_text(encoding="utf-8").splitlines()[:FREQUENT]
    made = windows(chunks(sounds, minutes, chance), WordVectors.load(vectors_folder), MadeUpWords(vocabulary, chance))
    proof = Proof(folder, card)
    speaker = SpeakerMean(card.shapes[SPEAKER][0], SPEAKER_PRIOR, SPEAKER_STRENGTH, warm_up=0)
    for window in made:
        answer = proof.ask(feed_of(window, card.shapes, speaker.mean(window.utterance)), window.state)
        if window.state is State.SPEECH and answer.embedding is not None:
            speaker.take(window.utterance, window.end, answer.embedding)
    return proof


def main() -> int:
    """Print the proof."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--model", type=Path, default=MODELS / "stream")
    asked.add_argument("--sound", type=Path, nargs="+", default=[DEMO])
    asked.add_argument("--minutes", type=float, default=10.0)
    asked.add_argument("--seed", type=int, default=1)
    args = asked.parse_args()
    proof = prove(args.model, args.sound, args.minutes, args.seed)
    states = ", ".join(f"{n} {state}" for state, n in proof.states.items() if n)
    print(f"{sum(proof.states.values())} hops in {args.minutes:g} minutes of sound: {states}")
    print(HEADING)
    print(proof.whole.row())
    print(proof.cached.row())
    print(f"largest difference of any logit or embedding {proof.furthest:.1e}, wanted at most {TOLERANCE:g}")
    print(f"multiply-adds per hop {proof.ratio:.1f} times fewer, wanted at least {WANTED_RATIO:g}")
    return 0 if proof.furthest <= TOLERANCE and proof.ratio >= WANTED_RATIO else 1


if __name__ == "__main__":
    raise SystemExit(main())
