"""One look at everything for people and for the health message: what the parts say of themselves, put side by side."""

import os
from collections.abc import Callable
from dataclasses import dataclass

from streamer.engines.classifier import Classifier
from streamer.engines.transcriber import RecogniserStatus, Transcriber
from streamer.job import Job, Microphone, Recordings
from streamer.monitor import Monitor
from streamer.sinks.broker import Broker, BrokerStatus, LinkState
from streamer.sinks.messages import BrokerHealth, Health, Listening, RecogniserHealth, SourceHealth
from streamer.sinks.view import Hearing, Status, View
from streamer.sources.source import SourceState
from streamer.vitals import memory_mb


@dataclass(frozen=True, slots=True)
class Overview:
    """Ask the parts how they are, without changing any."""

    job: Job
    monitor: Monitor
    classifier: Classifier
    transcriber: Transcriber
    broker: Broker | None
    clock: Callable[[], float]
    began_s: float
    notice: str = ""
    """What the screen says besides, on a first run."""

    def listening(self) -> Listening:
        """Return whether and with what the monitor listens."""
        state = self.monitor.source.status().state
        return Listening(
            listening=state in (SourceState.LISTENING, SourceState.SILENT) and not self.monitor.muted,
            muted=self.monitor.muted,
            source=self._kind(),
            recogniser=self.transcriber.status().name,
        )

    def health(self) -> Health:
        """Return how the monitor itself is."""
        source, recogniser = self.monitor.source.status(), self.transcriber.status()
        engine_ms = self.monitor.gauges.model_s.newest_ms
        return Health(
            uptime_s=self.clock() - self.began_s,
            memory_mb=memory_mb(os.getpid()),
            loop_lag_s=self.monitor.gauges.loop_lag_s,
            engine_s=None if engine_ms is None else engine_ms / 1_000.0,
            recogniser=RecogniserHealth(
                recogniser.name, recogniser.state, recogniser.lag_s, recogniser.dropped, recogniser.restarts
            ),
            source=SourceHealth(self._kind(), source.state, source.lost_samples, source.holes, source.reopened),
            channels={"windows": self.monitor.windows},
            broker=self._broker_health(),
        )

    def view(self) -> View:
        """Return what the screen shows now."""
        monitor, gauges = self.monitor, self.monitor.gauges
        source, estimate = monitor.source.status(), monitor.estimate
        hearing = Hearing(source.state)
        if monitor.muted and hearing is Hearing.LISTENING:
            hearing = Hearing.MUTED
        best = max(estimate.probabilities) if estimate and estimate.probabilities else None
        return View(
            hearing=hearing,
            source=monitor.source.name,
            mood=monitor.mood if estimate else None,
            confidence=None if best is None else round(best, 2),
            history=gauges.history.curves,
            reason=source.reason or "",
            level_db=_whole(gauges.meter.level_db),
            peak_db=_whole(gauges.meter.peak_db),
            words=tuple(monitor.words),
            latency_p50_ms=_whole(gauges.latencies.percentile_ms(50)),
            latency_p95_ms=_whole(gauges.latencies.percentile_ms(95)),
            recogniser=recogniser_line(self.transcriber.status()),
            device=Status(f"{self.classifier.device}, {self.classifier.name}"),
            broker=broker_line(self.broker.status() if self.broker else None),
            drops=self._drops(source.lost_samples),
            elapsed_s=int(self.clock() - self.began_s),
            notice=self.notice,
            adapts=self.classifier.card.adaptation is not None,
        )

    def _kind(self) -> str:
        kinds = {Microphone: "microphone", Recordings: "recording"}
        return kinds.get(type(self.job.source), "stdin")

    def _drops(self, lost_samples: int) -> tuple[tuple[str, int], ...]:
        outbox = self.broker.status().counters.dropped if self.broker else 0
        return (
            ("windows", self.monitor.windows.dropped),
            ("samples", lost_samples),
            ("pieces of speech", self.transcriber.status().dropped),
            ("messages", outbox),
        )

    def _broker_health(self) -> BrokerHealth | None:
        if self.broker is None:
            return None
        status = self.broker.status()
        return BrokerHealth(status.state, status.retries, status.reconnects, status.refused, status.counters)


def recogniser_line(status: RecogniserStatus) -> Status:
    """Return the recogniser's line, e.g. "whisper, 0.4 s behind"."""
    if status.state == "off":
        return Status(f"off: {status.reason}" if status.reason else "off", well=status.reason is None)
    if status.state != "ready":
        return Status(f"{status.name} {status.state}" + (f": {status.reason}" if status.reason else ""), well=False)
    return Status(f"{status.name}, {status.lag_s:.1f} s behind" if status.lag_s >= 1.0 else status.name)


def broker_line(status: BrokerStatus | None) -> Status:
    """Return the broker's line."""
    if status is None:
        return Status("off")
    return Status(
        f"{status.state} {status.address}" + (f": {status.reason}" if status.reason else ""),
        well=status.state is LinkState.ONLINE and status.reason is None,
    )


def _whole(value: float | None) -> float | None:
    return None if value is None else float(round(value))
