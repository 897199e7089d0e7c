"""The training file: which network, which seed, how long each stage."""

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tools.training.loop import Schedule

STAGES = ("sound", "taught", "tune", "trunk", "apart", "read", "words", "joint")


@dataclass(frozen=True, slots=True)
class Plan:
    """What `tools/configs/{stream,deep}.toml` say."""

    name: str
    network: str
    seed: int
    copies: int
    """Augmented copies of the training clips that the frozen trunk hears."""
    trunk_copies: int
    """The same, on which the trunk is trained."""
    vocabulary: int
    words: Schedule
    joint: Schedule
    sound: Schedule = field(default_factory=lambda: Schedule(0, 0, 0, 0.0))
    taught: Schedule = field(default_factory=lambda: Schedule(0, 0, 0, 0.0))
    """Both of `stream` alone."""
    tune: Schedule = field(default_factory=lambda: Schedule(0, 0, 0, 0.0))
    """Of `deep` alone."""
    tunings: int = 1
    """How often its last training of sound is done, from the same start on other batches; the mean of weights ships."""
    left_out: list[list[str]] = field(default_factory=list)
    """Groups of corpora without which it is trained anew, to see how far it goes on what it never met."""
    apart: Schedule = field(default_factory=lambda: Schedule(0, 0, 0, 0.0))
    """How long its encoder is tuned then, or the pupil taught."""
    trunk: Schedule = field(default_factory=lambda: Schedule(0, 0, 0, 0.0))
    """How long the trunk of such a pupil mimics Whisper before."""
    favour_lines: dict[str, float] = field(default_factory=dict)
    """How often the lines of a text corpus are drawn, against 1."""
    made: bool = False
    """Whether the word half learns lines that nobody has said, too."""
    read: Schedule = field(default_factory=lambda: Schedule(0, 0, 0, 0.0))
    """How long a sentence encoder learns what lines feel like; said by `deep`, it teaches the word halves of both."""
    favour: dict[str, float] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    """Arguments of the network."""


def read(path: Path) -> Plan:
    """Return the plan in `path`; a missing or unknown key is a TypeError that names it."""
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    stages = {name: Schedule(**table.pop(name)) for name in STAGES if name in table}
    return Plan(**(table | stages))
