"""Every setting a user may turn: frozen sections with unit, range and default. No files read here: see `config`.

A room is handed its own section or plain values, never the whole. What a network fixes (rates, shapes, classes) is no
setting and stands in `network/contract.py`. `config.toml` beside the source names every key with the same defaults.
"""

from typing import Annotated, Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from streamer.network import contract

HOP_GRID_MS: Final = contract.POOLING_GRID_COLUMNS * contract.LIVE_STEP_SAMPLES * 1000 // contract.PICTURE_RATE_HZ
"""Estimates can only stand on the network's pooling grid: 80 ms."""

DEFAULT_HOP_MS: Final = contract.DEFAULT_HOP_COLUMNS * contract.LIVE_STEP_SAMPLES * 1000 // contract.PICTURE_RATE_HZ

ONE_HOUR_S: Final = 3600.0

Share: TypeAlias = Annotated[float, Field(ge=0, le=1)]
"""A probability or a share of one."""

Name: TypeAlias = Annotated[
    str,
    Field(
        pattern=r"\A[A-Za-z0-9_-]{1,64}\z",
        json_schema_extra={"allowed": "1 to 64 letters, digits, '_' or '-'"},
    ),
]
"""One segment of an MQTT topic."""


class Section(BaseModel):
    """What all sections share: values never change, and no key is ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, protected_namespaces=())


class Source(Section):
    """Where sound comes in."""

    mic: Annotated[int, Field(ge=0)] | str = "default"
    """`default`, `default-follow`, a device's number, or a part of its name."""
    chunk_ms: int = Field(20, ge=5, le=1000)
    """Length of the pieces in which sound is handed over."""


class Recogniser(Section):
    """Which recogniser makes words of the sound, and what it may cost."""

    engine: Literal["auto", "vosk", "whisper", "none"] = "auto"
    """`auto`: Vosk where a Vosk model is found, otherwise Whisper, otherwise none."""
    vosk_model: str = ""
    """Folder of a Vosk model; empty: VOSK_MODEL_PATH, then the model folders."""
    partial_every_s: float = Field(1.0, ge=0.2, le=10)
    """Time between two passes over an utterance that goes on (Whisper)."""
    deadline_s: float = Field(20.0, ge=1, le=600)
    """A child process that does not answer within this time is restarted."""
    memory_cap_mb: int = Field(1200, ge=300, le=65536)
    """Resident memory at which the child process is replaced between utterances: Vosk's climbs."""


class Voice(Section):
    """When sound counts as speech."""

    threshold: Share = 0.5
    """Probability of voice at which speech begins."""
    release: Share = 0.35
    """Probability of voice under which speech may end."""
    min_silence_s: float = Field(0.5, ge=0.05, le=10)
    """Silence that ends an utterance."""
    hangover_s: float = Field(1.0, ge=0, le=10)
    """Time after speech during which an estimate still speaks of it."""
    min_speech_s: float = Field(0.6, ge=0.1, le=8)
    """Speech that a window must hold before it is judged."""


class Model(Section):
    """Which network judges the windows, and where it runs."""

    name: Annotated[
        str,
        Field(
            pattern=r"\A[A-Za-z0-9][A-Za-z0-9_.-]{0,63}\z",
            json_schema_extra={"allowed": "1 to 64 letters, digits, '.', '_' or '-'"},
        ),
    ] = "deep"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    threads: int = Field(1, ge=1, le=256)
    """Threads of one estimate on the CPU."""
    hop_ms: int = Field(DEFAULT_HOP_MS, ge=HOP_GRID_MS, le=8000, multiple_of=HOP_GRID_MS)
    """Time between two estimates."""
    unsure_below: Share | None = None
    """Calibrated confidence under which the answer is "unsure"; None: what the model's card says."""


class Mood(Section):
    """How estimates are smoothed into the mood that is shown."""

    rise_s: float = Field(0.1, ge=0, le=60)
    """Time constant with which a probability rises."""
    fall_s: float = Field(1.0, ge=0, le=60)
    """Time constant with which a probability falls."""
    enter: Share = 0.82
    """Smoothed share, among the six and "none", from which an emotion may be named."""
    exit: Share = 0.4
    """Smoothed share under which it is no longer named."""
    margin: Share = 0.1
    """Lead over the named emotion that another needs to take its place."""
    dwell_s: float = Field(1.0, ge=0, le=60)
    """Time that a newly named emotion stays at least."""


class Dashboard(Section):
    """The screen."""

    enabled: bool = True
    fps: int = Field(8, ge=1, le=30)
    """Paintings a second."""
    ascii: bool = False
    """Plain characters only."""


class Mqtt(Section):
    """Where estimates are published."""

    url: Annotated[
        str,
        Field(
            pattern=r"\A(mqtts?://([^:@/?#\s]+@)?([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?/?)?\z",
            json_schema_extra={
                "allowed": "mqtt://[USER@]HOST[:PORT] or mqtts://[USER@]HOST[:PORT], with no password in it"
            },
        ),
    ] = ""
    """Address of the broker; empty: nothing is published."""
    node: Name = "home"
    """This monitor's place in the topics: `emostream/<node>/...`."""
    stream: Name | Literal[""] = ""
    """The sound's place in the topics; empty: `mic`, `wav` or `stdin`, whichever it is."""
    username: str = ""
    password_file: str = ""
    """File for its owner's eyes only, whose first line is the password; EMOSTREAM_MQTT_PASSWORD goes before it."""
    password: SecretStr = Field(SecretStr(""), exclude=True)
    """Never from a file of settings or the command line."""
    ca_file: str = ""
    """PEM file of the authority that signed the broker's certificate; empty: the system's."""
    allow_plaintext: bool = False
    """Publish unencrypted to a broker on another machine."""
    embedded: bool = False
    """Start a broker inside the program, for this machine only."""
    embedded_port: int = Field(1883, ge=0, le=65535)
    """Port of the embedded broker; 0: any free one."""
    transcript: bool = False
    """Publish the spoken words, too."""
    keepalive_s: int = Field(15, ge=5, le=3600)
    """Time after which broker and monitor notice that the other is gone."""


class Log(Section):
    """The log, which never holds a spoken word."""

    file: str = ""
    """Where to; empty: stderr, or a file in the user's log folder while the dashboard is shown."""
    level: Literal["debug", "info", "warning", "error"] = "warning"


class Settings(Section):
    """All sections."""

    source: Source = Source()
    recogniser: Recogniser = Recogniser()
    voice: Voice = Voice()
    model: Model = Model()
    mood: Mood = Mood()
    dashboard: Dashboard = Dashboard()
    mqtt: Mqtt = Mqtt()
    log: Log = Log()
