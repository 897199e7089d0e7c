"""The network on a graphics card, through torch. Imported only when that is asked for: torch costs 1.2 s and 190 MB."""

import torch

from streamer.engines.engine import Answer, Feed
from streamer.network.card import Card
from streamer.network.checkpoint import WEIGHTS_FILE, Tensors
from streamer.network.registry import answers_of, restore


def has_cuda() -> bool:
    """Say whether this torch can reach a graphics card; a build for the CPU cannot, whatever the machine has."""
    return torch.cuda.is_available()


class TorchEngine:
    """A network in torch, in full float32 so that it agrees with the CPU to 1e-4."""

    def __init__(self, tensors: Tensors, card: Card, device: str) -> None:
        """Put the network on `device`, "cuda" or "cpu"; raises CheckpointError if the weights do not fit."""
        self._where = torch.device(device)
        self._names = tuple(card.shapes)
        self._network = restore(card, tensors, f"model {card.name}: {WEIGHTS_FILE}").to(self._where)
        self.device = f"cuda: {torch.cuda.get_device_name(self._where)}" if self._where.type == "cuda" else "cpu"

    def run(self, feed: Feed) -> Answer:
        """Return the answer to a batch of one."""
        # Copied even on the CPU: a window's arrays are read-only, of which torch would warn on the user's terminal.
        inputs = [torch.tensor(feed.arrays[name], device=self._where) for name in self._names]
        # cuDNN would round to TF32 by itself, which is off by 1e-3.
        with torch.inference_mode(), torch.backends.cudnn.flags(deterministic=True, allow_tf32=False):
            answers = answers_of(self._network, inputs)
        logits, *embedding = (answer[0].cpu().numpy() for answer in answers)
        return Answer(logits, embedding[0] if embedding else None)
