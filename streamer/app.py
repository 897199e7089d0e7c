"""The wiring: opens every owner in reading order, joins them around one monitor, and runs one group of tasks.

Knows everybody; nobody but the command line knows it. What a run may do wrong before it starts (settings, models,
recordings) is found before a device opens.
"""

import asyncio
import os
import secrets
import sys
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from streamer import notice, places
from streamer.channel import Channel
from streamer.engines.classifier import Choice, Classifier
from streamer.engines.transcriber import RecogniserSpec, Transcriber
from streamer.engines.voice import VoiceDetector
from streamer.features.speech import SpeechRules, SpeechTimeline
from streamer.features.windows import Windower, WindowRules
from streamer.features.words import WordVectors
from streamer.herald import Clocks, Herald
from streamer.job import Job, Microphone, RawInput, Recordings, Show
from streamer.monitor import Monitor, Rhythm
from streamer.mood import MoodRules
from streamer.network import contract
from streamer.overview import Overview
from streamer.settings import Mqtt, Settings
from streamer.sinks.address import BrokerSettings, Protocol, machine_suffix, parse_address, read_password
from streamer.sinks.broker import Broker
from streamer.sinks.dashboard import Dashboard, Outcome
from streamer.sinks.embedded import EmbeddedBroker
from streamer.sinks.jsonl import JsonLines
from streamer.sinks.payload import Origin
from streamer.sinks.plain import PlainLines
from streamer.sinks.topics import Kind
from streamer.sources.microphone import Microphone as MicrophoneSource
from streamer.sources.native import quiet_stderr
from streamer.sources.recording import Recording
from streamer.sources.source import Source
from streamer.sources.stdin import Stdin

DRAIN_S = 5.0
"""Time that a run may take to end after it was told to."""

KEYS_WAITING = 8
"""Keys that may wait to be obeyed; the oldest goes."""


@dataclass(frozen=True, slots=True)
class _Parts:
    """Everything that is open in one run."""

    job: Job
    stop: asyncio.Event
    monitor: Monitor
    transcriber: Transcriber
    broker: Broker | None
    lines: JsonLines | None
    overview: Overview
    keys: Channel[str]


async def run(job: Job, stop: asyncio.Event) -> None:
    """Run the monitor until its sound ends, or `stop` is set and what was heard has been published.

    Raises: EmostreamError, of the class that says whose fault it was.
    """
    async with AsyncExitStack() as stack:
        parts = await _open(job, stop, stack)
        async with asyncio.TaskGroup() as group:
            _start(parts, group)
        if parts.monitor.failure:
            raise parts.monitor.failure


async def _open(job: Job, stop: asyncio.Event, stack: AsyncExitStack) -> _Parts:
    """Open what must be checked before the sound: broker's settings, model, recogniser; the sound comes last."""
    settings, source = job.settings, make_source(job)
    broker = await _broker(job, stack)
    classifier = stack.enter_context(
        await asyncio.to_thread(Classifier.open, places.model_folders(), _choice(settings))
    )
    rhythm = Rhythm(settings.model.hop_ms / 1_000.0, lockstep=not source.live, clock=time.monotonic)
    timeline = SpeechTimeline(VoiceDetector().probability, _speech_rules(settings))
    vectors, wants_mels = WordVectors.load(classifier.vectors_folder), classifier.wants_mels
    windower = Windower(timeline, vectors, _window_rules(settings), rhythm.clock, with_mels=wants_mels)
    origin = Origin(settings.mqtt.node, job.stream, session_of(job), classifier.name)
    clocks = Clocks(rhythm.clock, lambda: datetime.now(UTC))
    herald = Herald(origin, clocks, tell_words=settings.mqtt.transcript)
    monitor = Monitor(source, timeline, windower, classifier, herald, MoodRules(**dict(settings.mood)), rhythm)
    monitor.meet(lambda position: origin_of(source, position), classifier.forget_speaker)
    transcriber = Transcriber(_recogniser(settings, rhythm), monitor.hear)
    await stack.enter_async_context(transcriber)
    monitor.attach(transcriber)
    if broker:
        herald.add(broker.offer)
    lines = None
    if job.show is Show.JSON:
        lines = JsonLines(sys.stdout.fileno())
        if source.live:
            herald.add(lambda message: lines.offer(message.payload), frozenset({Kind.ESTIMATE}))
        else:
            herald.add_patient(lines.put, frozenset({Kind.ESTIMATE}))
    await stack.enter_async_context(source)
    overview = Overview(job, monitor, classifier, transcriber, broker, rhythm.clock, rhythm.clock(), _notice(job))
    herald.ask(overview.listening, overview.health)
    if job.show is Show.LINES:
        plain = PlainLines(sys.stdout)
        herald.add(lambda _: plain.show(overview.view()), frozenset({Kind.ESTIMATE, Kind.STATE}))
    return _Parts(job, stop, monitor, transcriber, broker, lines, overview, Channel(KEYS_WAITING))


def _start(parts: _Parts, group: asyncio.TaskGroup) -> None:
    """Start the tasks; the last one ends those that would go on for ever."""
    hearing = {
        group.create_task(parts.monitor.listen(), name="listen"),
        group.create_task(parts.transcriber.run(), name="transcribe"),
        group.create_task(parts.monitor.classify(), name="classify"),
    }
    endless = {
        group.create_task(parts.monitor.beat(), name="beat"),
        group.create_task(_obey(parts), name="obey"),
        group.create_task(_stop_when_told(parts, hearing), name="stop"),
    }
    if parts.job.show is Show.DASHBOARD:
        endless.add(group.create_task(_paint(parts), name="paint"))
    if parts.broker:
        group.create_task(parts.broker.run(), name="publish")
    if parts.lines:
        group.create_task(_print(parts, parts.lines), name="print")
    group.create_task(_end(parts, hearing, endless), name="end")


async def _end(parts: _Parts, hearing: set[asyncio.Task[None]], endless: set[asyncio.Task[None]]) -> None:
    """When all that was heard has been judged, let the others finish."""
    await asyncio.wait(hearing)
    for task in endless:
        task.cancel()
    for sink in (parts.broker, parts.lines):
        if sink:
            sink.close_input()


async def _print(parts: _Parts, lines: JsonLines) -> None:
    """Print lines until the run ends; a reader that has gone ends a run that nobody else hears."""
    await lines.run()
    if lines.reader_left and parts.broker is None:
        parts.stop.set()


async def _stop_when_told(parts: _Parts, hearing: set[asyncio.Task[None]]) -> None:
    """Close the sound on request; what is not done in time then is given up."""
    await parts.stop.wait()
    await parts.monitor.source.close()
    await asyncio.sleep(DRAIN_S)
    for task in hearing:
        task.cancel()


async def _obey(parts: _Parts) -> None:
    """Do what the keys say that may take a while: opening and closing a device, waiting for the network."""
    source = parts.monitor.source
    async for key in parts.keys:
        if key == "space" and isinstance(source, MicrophoneSource):
            await parts.monitor.pause(source.pause, source.resume)
        elif key == "n":
            await parts.monitor.forget_speaker()


async def _paint(parts: _Parts) -> None:
    """Paint the dashboard until it is closed; a terminal that goes away ends the run: nobody sees that we listen."""

    def on_key(key: str) -> None:
        at_once = {"q": parts.stop.set, "m": parts.monitor.mute}
        at_once.get(key, lambda: parts.keys.offer(key))()

    dashboard = Dashboard(sys.stdout, os.environ, on_key, frames_per_s=parts.job.settings.dashboard.fps)
    with quiet_stderr():  # PortAudio writes there, from threads of its own, whenever a device is lost
        outcome = await dashboard.run(parts.overview.view)
    if outcome is Outcome.TERMINAL_GONE:
        parts.stop.set()


async def _broker(job: Job, stack: AsyncExitStack) -> Broker | None:
    """Return the broker's owner, ready to run, or None where nothing is to be published."""
    mqtt = job.settings.mqtt
    if mqtt.embedded:
        embedded = await stack.enter_async_context(EmbeddedBroker(mqtt.embedded_port))
        return Broker(BrokerSettings(embedded.address, mqtt.node, job.stream, protocol=Protocol.V311))
    return Broker(broker_settings(mqtt, job.stream)) if mqtt.url else None


def broker_settings(mqtt: Mqtt, stream: str) -> BrokerSettings:
    """Return the settings of the connection that `mqtt` describes, secrets read from where they lie."""
    address = parse_address(mqtt.url)
    password = mqtt.password.get_secret_value()
    if not password and mqtt.password_file:
        password = read_password(Path(mqtt.password_file).expanduser())
    return BrokerSettings(
        replace(address, user=mqtt.username or address.user),
        mqtt.node,
        stream,
        password=password or None,
        ca_file=Path(mqtt.ca_file).expanduser() if mqtt.ca_file else None,
        allow_plaintext=mqtt.allow_plaintext,
        suffix=machine_suffix(),
        keepalive_s=mqtt.keepalive_s,
    )


def make_source(job: Job) -> Source:
    """Return the source that the job names, not yet open."""
    chunk_ms = job.settings.source.chunk_ms
    match job.source:
        case Recordings(paths, fast):
            return Recording(paths, fast=fast, chunk_ms=chunk_ms)
        case RawInput(rate_hz, fast):
            return Stdin(rate_hz, fast=fast, chunk_ms=chunk_ms)
        case Microphone(device):
            return MicrophoneSource(str(device), chunk_ms=chunk_ms)


def origin_of(source: Source, position: int) -> str:
    """Return which device or file the sound at a position came from: another one brings another speaker."""
    match source:
        case Recording():
            return str(source.file_at(position))
        case MicrophoneSource():
            return source.home or source.name
        case _:
            return source.name


def session_of(job: Job) -> str:
    """Return eight letters that name this run in the ids of utterances: the same for the same recordings, else new."""
    if isinstance(job.source, Recordings):
        names = "\n".join(path.name for path in job.source.paths)
        return sha256(names.encode("utf-8", "surrogateescape")).hexdigest()[:8]
    if isinstance(job.source, RawInput) and job.source.fast:
        return "stdin"
    return secrets.token_hex(4)


def _notice(job: Job) -> str:
    """Give the notice of the first run: in short on the dashboard, else whole to standard error."""
    if not notice.first_time(places.notice_seen()):
        return ""
    if job.show is Show.DASHBOARD:
        return notice.SHORT
    sys.stderr.write(notice.NOTICE + "\n")
    return ""


def _choice(settings: Settings) -> Choice:
    model = settings.model
    return Choice(model.name, model.device, model.threads, model.unsure_below)


def _speech_rules(settings: Settings) -> SpeechRules:
    voice = settings.voice
    return SpeechRules(enter=voice.threshold, leave=voice.release, min_silence_s=voice.min_silence_s)


def _window_rules(settings: Settings) -> WindowRules:
    hop_samples = settings.model.hop_ms * contract.PICTURE_RATE_HZ // 1_000
    return WindowRules(
        hop_columns=hop_samples // contract.LIVE_STEP_SAMPLES,
        hangover_s=settings.voice.hangover_s,
        min_speech_s=settings.voice.min_speech_s,
    )


def _recogniser(settings: Settings, rhythm: Rhythm) -> RecogniserSpec:
    recogniser = settings.recogniser
    return RecogniserSpec(
        engine=recogniser.engine,
        vosk_model=Path(recogniser.vosk_model).expanduser() if recogniser.vosk_model else None,
        vosk_model_env=os.environ.get("VOSK_MODEL_PATH"),
        folders=places.model_folders(),
        lock_step=rhythm.lockstep,
        partial_every_s=recogniser.partial_every_s,
        deadline_s=recogniser.deadline_s,
        memory_cap_mb=recogniser.memory_cap_mb,
    )
