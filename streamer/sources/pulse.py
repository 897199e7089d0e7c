"""Which PulseAudio source our recording really comes from. PipeWire answers the same questions.

Plain blocking calls for one thread, holding one connection. The only room that imports pulsectl.
When a source vanishes, the server moves its streams to another one and tells nobody (measured): for a program that
listens to people this is a fault of privacy, so the microphone asks here every second.
"""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Tap:
    """One of our recordings at the server."""

    index: int
    source: str
    """Name of the source it comes from; stays the same when the server is restarted."""


class Pulse:
    """A connection that is made when asked, and made again when it broke.

    Without a server, or without the extra, every answer is "nothing known".
    """

    def __init__(self, process_id: int) -> None:
        self._process_id = str(process_id)
        self._connection: Any = None

    def taps(self) -> tuple[Tap, ...]:
        """Return all recordings of our process."""
        found = self._ask(lambda pulse: (pulse.source_output_list(), pulse.source_list()))
        if found is None:
            return ()
        outputs, sources = found
        names = {source.index: str(source.name) for source in sources}
        return tuple(
            Tap(output.index, names.get(output.source, ""))
            for output in outputs
            if output.proplist.get("application.process.id") == self._process_id
        )

    def default_rate_hz(self) -> int | None:
        """Return the rate of the default source, so that nobody resamples on the way to us."""
        found = self._ask(lambda pulse: (pulse.server_info().default_source_name, pulse.source_list()))
        if found is None:
            return None
        default, sources = found
        return next((int(source.sample_spec.rate) for source in sources if source.name == default), None)

    def cut(self, tap: Tap) -> None:
        """End a recording from the server's side."""

        def end(connection: Any) -> None:  # noqa: ANN401 (pulsectl has no types)
            # pulsectl binds this call of libpulse and has no method for it (24.12).
            with connection._pulse_op_cb() as done:  # noqa: SLF001
                libpulse = _pulsectl()._pulsectl.pa  # noqa: SLF001
                libpulse.context_kill_source_output(connection._ctx, tap.index, done, None)  # noqa: SLF001

        self._ask(end)

    def close(self) -> None:
        """Drop the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _ask(self, question: Any) -> Any:  # noqa: ANN401 (pulsectl has no types)
        try:
            pulsectl = _pulsectl()
        except (ImportError, OSError):  # without the extra, or without libpulse
            return None
        with suppress(pulsectl.PulseError):
            if self._connection is None:
                connection = pulsectl.Pulse("emostream", connect=False)
                try:
                    connection.connect()  # its own timeout would always be waited out (24.12); ours is outside
                except pulsectl.PulseError:
                    connection.close()
                    return None
                self._connection = connection
            return question(self._connection)
        self.close()  # the server went away in the middle; the next question connects anew
        return None


def _pulsectl() -> Any:  # noqa: ANN401 (pulsectl has no types)
    import pulsectl  # noqa: PLC0415 (the extra `mic`; it loads libpulse when imported)

    return pulsectl
