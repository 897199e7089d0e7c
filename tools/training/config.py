"""The training file: which network, which seed, how long each stage."""

import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from tools.training.loop import Schedule


@dataclass(frozen=True, slots=True)
class Plan:
    """What `tools/configs/*.toml` says."""

    name: str
    network: str
    seed: int
    copies: int
    vocabulary: int
    sound: Schedule
    longer: Schedule
    words: Schedule
    joint: Schedule
    favour: dict[str, float] = field(default_factory=dict)


def read(path: Path) -> Plan:
    """Return the plan in `path`; a missing or unknown key is a TypeError that names it."""
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    stages = {name: Schedule(**table.pop(name)) for name in ("sound", "longer", "words", "joint")}
    return Plan(**(table | stages))
