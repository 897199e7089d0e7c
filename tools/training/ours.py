"""The stages that train `deep` and `stream`; each leaves a file in the work folder that the next begins from.

`deep` comes first and has its sound from Whisper: tune (the encoder itself, gently, pooling and head), words, joint,
ship. `stream`: sound (taught by Whisper's frames), taught (by `deep`, against the mean of the speaker's other clips, on
windows as the live program masks them, as much on voices that nobody has labelled), words, joint, ship.
"""

import copy
import json
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from streamer.network import card, export
from streamer.network.deep import Deep
from streamer.network.sides import HEADS
from streamer.network.stream import Stream
from tools.training import (
    apart,
    apart_taught,
    config,
    corpora,
    halves,
    lessons,
    metrics,
    sentences,
    ship,
    soundstore,
    speakerpast,
    stage_joint,
    stage_read,
    stage_sound,
    stage_taught,
    stage_words,
    textdata,
    unlabelled,
    wordjoin,
    wordlesson,
)
from tools.training.hearing import Hearing, Places, learned, tunings
from tools.training.vectors import SpacyVectors

STAGES: Final = {
    "stream": ("sound", "taught", "words", "joint", "ship"),
    "deep": ("tune", "read", "words", "joint", "ship"),
}
MEASURE: Final = "left-out"
"""A stage of both that is asked for by name and ships nothing; of `stream`, after that of `deep`."""

JUDGED_PAIRS: Final = 120
"""Held-out clips per corpus that are paired with lines."""


class Run:
    """One run of all stages."""

    def __init__(self, plan: config.Plan, places: Places) -> None:
        self.plan = plan
        self.places = places
        # Every stage begins from the same fresh network, and fills in what the stages before it have learned.
        torch.manual_seed(plan.seed)
        self.network: Stream | Deep = {"stream": Stream, "deep": Deep}[plan.network](**plan.config)
        self.heard = Hearing(self.network, plan, places)

    def run(self, stage: str) -> None:
        """Run one stage."""
        {
            "sound": self.sound,
            "taught": self.taught,
            "tune": self.tune,
            "read": self.read,
            "words": self.words,
            "joint": self.joint,
            "ship": self.ship,
            MEASURE: self.left_out,
        }[stage]()

    @property
    def store(self) -> soundstore.SoundStore:
        """All recordings."""
        return self.heard.store

    @cached_property
    def texts(self) -> textdata.Texts:
        """All lines."""
        source = self.start
        if source is None:
            assert self.places.vectors is not None, "asked for on the command line"
            return textdata.read(self.places.corpora, SpacyVectors(self.places.vectors), self.plan.vocabulary)
        return textdata.read(self.places.corpora, source, self.plan.vocabulary)

    @cached_property
    def start(self) -> sentences.MiniLM | None:
        """What the word half begins with, where it has blocks of a sentence encoder."""
        n_blocks = int(self.plan.config.get("n_sentence_blocks", 0))
        return sentences.MiniLM(self.sentence_folder(), n_blocks) if n_blocks else None

    def learned(self, stage: str) -> dict[str, torch.Tensor]:
        """Return the averaged weights of a finished stage."""
        return learned(self.places.work, stage)

    def own(self, stage: str) -> str:
        """Return the name of a stage that both networks have, by network."""
        return f"{stage}-{self.plan.network}"

    def listener(self) -> stage_sound.Listener:
        """Return the sound half of `stream`."""
        assert isinstance(self.network, Stream), "deep has no stage of sound"
        return stage_sound.Listener(self.network)

    def sound(self) -> None:
        """Train the trunk of `stream` with Whisper's frames as its teacher."""
        plan, work = self.plan, self.places.work
        windows = lessons.labelled(plan, self.places, self.store, self.network.receptive_columns)
        stage_sound.run("sound", self.listener(), windows, self.store, plan.sound, work, plan.seed)

    def taught(self) -> None:
        """Train it further with `deep` as its teacher, whose stage of tuning must lie in the work folder.

        Raises: NoVoicesError, before anything is done, where there are no voices that nobody has labelled.
        """
        self.heard.voices_folder()
        plan, work = self.plan, self.places.work
        listener = self.listener()
        listener.load_state_dict(self.learned("sound"))
        deep = Run(config.read(self.places.deep), self.places)
        deep.heard.whisper(deep.deep)
        voices = deep.heard.voices(deep.deep)
        lesson = stage_taught.lesson(deep.heard.head(), deep.heard.embed(), self.store)
        columns = self.network.receptive_columns
        windows = lessons.labelled(plan, self.places, self.store, columns, lessons.LIVE_SHARE)
        beside = lessons.unnamed(plan, self.places, voices, columns)
        materials = (
            stage_taught.Material(windows, lesson, labelled=True),
            stage_taught.Material(beside, deep.heard.told(voices), labelled=False),
        )
        pupil = stage_taught.Pupil(listener)
        fresh = copy.deepcopy(pupil.state_dict())
        for n, file in enumerate(tunings(plan, stage_taught.STAGE)):
            pupil.load_state_dict(fresh)
            stage_taught.run(pupil, materials, self.store, plan.taught, work, plan.seed + n, file)

    @property
    def deep(self) -> Deep:
        """The network, where it is `deep`."""
        assert isinstance(self.network, Deep), "stream has its trunk from the stages of sound"
        return self.network

    def tune(self) -> None:
        """Train the encoder of `deep`, its pooling and the head of its sound side."""
        self.heard.tune(self.deep, self.plan.tune)

    def sentence_folder(self) -> Path:
        """Return the folder of the sentence encoders.

        Raises: wordlesson.NotReadError where none was given.
        """
        if self.places.sentences is None:
            message = "found no --sentences DIR, wanted sentence encoders; docs/training.md tells which and how"
            raise wordlesson.NotReadError(message)
        return self.places.sentences

    def read(self) -> None:
        """Let a sentence encoder learn what lines feel like, and keep what it reads in the training lines."""
        stage_read.run(self.texts, self.sentence_folder(), self.plan.read, self.places.work, self.plan.seed)

    def words(self) -> None:
        """Train the word half and its table."""
        plan, work = self.plan, self.places.work
        lesson = wordlesson.load(work)
        lesson = lesson if plan.made else lesson.of_said()
        wordjoin.train(plan.network, self.texts, self.start, lesson, plan.favour_lines, plan.words, work, plan.seed)

    def left_out(self) -> None:
        """Measure the network on corpora that it never met."""
        of = {"deep": apart.AS_DEEP, "stream": apart_taught.AS_STREAM}[self.plan.network]
        apart.measure(of, self.plan, self.places)

    def halves(self) -> tuple[stage_words.Reader, NDArray[np.int8], NDArray[np.float32]]:
        """Fill in both halves; return the reader on the quantised table, and that table with its scales."""
        reader = stage_words.Reader(self.network, torch.from_numpy(self.texts.table.copy()))
        reader.load_state_dict(self.learned(self.own("words")))
        vectors, scales = stage_words.quantise(reader.table.weight.detach().double().numpy())
        with torch.no_grad():
            reader.table.weight.copy_(torch.from_numpy(vectors * scales[:, None]))
        return reader.eval(), vectors, scales

    def pairs(self, split: str, table: NDArray[np.float32]) -> dict[str, tuple[stage_joint.Inputs, metrics.Ints]]:
        """Return synthetic pairs of a held-out split, by kind."""
        scenes, data = self.heard.scenes(f"{split}-clean"), self.heard.held_out(split)[f"{split}-clean"]
        departures = speakerpast.in_order(data, self.store.recordings, speakerpast.SHIPPED)
        names = np.array([self.store.recordings[c].corpus for c in data.clip])
        groups = [np.flatnonzero(names == name) for name in np.unique(names)]
        rows = np.concatenate([rows[:: -(-len(rows) // JUDGED_PAIRS)] for rows in groups])
        return {
            kind: stage_joint.held_out_pairs(
                scenes, data, departures, rows, self.texts, table, (kind, split, self.plan.seed)
            )
            for kind in ship.KINDS_JUDGED
        }

    def joint(self) -> None:
        """Train attention and the joint head."""
        plan = self.plan
        data = self.heard.embed()
        reader, vectors, scales = self.halves()
        table = vectors * scales[:, None]
        self.believe(reader)
        copies = tuple(self.heard.scenes(f"train-{n}") for n in range(plan.copies))
        streams = speakerpast.Streams(data, self.store.recordings, plan.favour)
        matchmaker = stage_joint.Matchmaker(stage_joint.Heard(copies, data, streams), self.texts, table)
        valid = self.pairs("valid", table)
        stage_joint.run(self.own("joint"), self.network, matchmaker, valid, plan.joint, self.places.work, plan.seed)

    def believe(self, reader: stage_words.Reader) -> None:
        """Fill in how far sound and words by themselves may be believed."""
        self.network.eval()
        words = self.word_answers(reader)
        for place, judged in enumerate((self.sound_answers("valid"), words)):
            self.network.temperatures[place] = metrics.fit_temperature(judged.truth, judged.logits, judged.weights)
        counts = np.bincount(words.truth, minlength=len(corpora.LABELS))
        self.network.prior.copy_(torch.from_numpy(counts / counts.sum()))

    def sound_answers(self, split: str) -> ship.Judged:
        """Return what the sound head says of a held-out split, noise included, each corpus counting alike."""
        return ship.Judged(*speakerpast.answers(self.heard.head(), self.heard.held_out(split), self.store.recordings))

    def word_answers(self, reader: stage_words.Reader) -> ship.Judged:
        """Return what the words head says of validation lines, with and without marks."""
        marks = textdata.WordWindows(self.texts).marks
        truths, parts = [], []
        for corpus in ("goemotions", "meld"):
            lines, truth = stage_words.lines_of(self.texts, corpus, "valid")
            for dropped in (None, marks):
                truths.append(truth)
                parts.append(stage_words.word_logits(reader, self.texts, lines, dropped))
        truth = np.concatenate(truths)
        return ship.Judged(truth, np.concatenate(parts), np.ones(len(truth)))

    def ship(self) -> None:
        """Calibrate on validation data and write the model folder and the table of vectors."""
        plan, places = self.plan, self.places
        self.heard.embed()
        reader, vectors, scales = self.halves()
        self.believe(reader)
        stage_joint.Joint(self.network).load_state_dict(self.learned(self.own("joint")))
        self.network.eval()
        table = vectors * scales[:, None]
        held_out = self.pairs("valid", table)
        stage_joint.tempered(self.network, held_out, ship.KINDS_JUDGED)
        valid = {k: (stage_joint.all_logits(self.network, i), t) for k, (i, t) in held_out.items()}
        calibration = ship.calibrate(self.sound_answers("valid"), self.word_answers(reader), valid)
        print(calibration)
        for split in ("valid", "test"):
            pairs = {k: (stage_joint.all_logits(self.network, i), t) for k, (i, t) in self.pairs(split, table).items()}
            print(split, json.dumps(ship.pair_figures(calibration, pairs)))
            print(split, speakerpast.judge(self.heard.head(), self.heard.held_out(split), self.store.recordings))
        taught = plan.network == "stream"
        strangers = unlabelled.sources(places.work) if taught else {}
        options = f"--corpora DIR {'--vectors WHEEL --unlabelled DIR' if taught else '--sentences DIR'} --work DIR"
        command = f"python tools/train.py --config tools/configs/{plan.network}.toml {options}"
        folder = places.models / ship.VECTORS_NAMES[plan.network]
        digest = ship.write_vectors(folder, self.texts, vectors[1:], scales[1:], command)
        written = card.Card(
            name=plan.name,
            network=plan.network,
            config=plan.config,
            labels=corpora.LABELS,
            heads=HEADS,
            temperatures=calibration.temperatures,
            head_weights=calibration.head_weights,
            threshold=calibration.threshold,
            licence=f"{ship.LICENCE}: research and demonstration, non-commercial",
            command=command,
            trained_on=ship.rows_used(self.store, self.texts, strangers),
            figures={},
            vectors=card.VectorsNote(folder.name, digest),
            adaptation=speakerpast.SHIPPED,
        )
        save = halves.save if plan.network == "deep" else export.save  # 24 MB and not 47
        save(places.models / plan.network, self.network, written)
