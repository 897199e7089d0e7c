"""A real mosquitto on random loopback ports: killed, frozen and started again at the same place, all by its own pid.

with Mosquitto(folder) as broker:                       # anonymous
    broker.kill(); broker.start()                       # same port, nothing remembered
with Mosquitto(folder, users={"anna": "secret"}, acl="user anna; topic readwrite ...") as broker: ...
with Mosquitto(folder, certificate=trustme_certificate) as broker: broker.tls_port
"""

import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import trustme

PATIENCE_S = 10.0


class Mosquitto:
    """One broker with an anonymous or a password listener, and a TLS listener if there is a certificate."""

    def __init__(
        self,
        folder: Path,
        *,
        users: Mapping[str, str] | None = None,
        acl: str | None = None,
        certificate: trustme.LeafCert | None = None,
        extra: str = "",
    ) -> None:
        """`folder` is private to this broker; `acl` and `extra` are lines as in mosquitto.conf(5)."""
        self._folder, self._users, self._acl, self._certificate = folder, users or {}, acl, certificate
        self._extra = extra
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0
        self.tls_port = 0

    @property
    def url(self) -> str:
        """Return the address of the plain listener."""
        return f"mqtt://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """Return what the broker has logged so far, over all its starts."""
        return (self._folder / "mosquitto.log").read_text(encoding="utf-8", errors="replace")

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        for _ in range(5):  # somebody else may take a free port before mosquitto does
            self.port, self.tls_port = free_port(), free_port()
            self._configure()
            if self._launch():
                return self
        message = f"mosquitto does not start:\n{self.log}"
        raise RuntimeError(message)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def start(self) -> None:
        """Start again at the same ports, with nothing remembered."""
        if not self._launch():
            message = f"mosquitto does not start again:\n{self.log}"
            raise RuntimeError(message)

    def kill(self) -> None:
        """End it at once, as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        """End it as an administrator would."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(PATIENCE_S)
            self._process = None

    def freeze(self) -> None:
        """Stop it from running: connections stay open, nothing is answered."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it run again."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None, "mosquitto does not run"
        self._process.send_signal(number)

    def _configure(self) -> None:
        """Write mosquitto.conf and the files that it names."""
        where = self._folder
        access = "allow_anonymous true\n"
        if self._users:
            names = where / "passwords"
            names.write_text("".join(f"{user}:{password}\n" for user, password in self._users.items()))
            names.chmod(0o600)
            subprocess.run(["mosquitto_passwd", "-U", names], check=True)
            access = f"allow_anonymous false\npassword_file {names}\n"
        if self._acl is not None:
            (where / "acl").write_text(self._acl)
            access += f"acl_file {where / 'acl'}\n"
        # "user root" keeps files readable where the tests run as root; otherwise mosquitto ignores it.
        lines = f"user root\npersistence false\nset_tcp_nodelay true\nlog_type all\n{self._extra}\n"
        lines += f"listener {self.port} 127.0.0.1\n{access}"
        if self._certificate is not None:
            self._certificate.cert_chain_pems[0].write_to_path(where / "cert.pem")
            self._certificate.private_key_pem.write_to_path(where / "key.pem")
            lines += f"listener {self.tls_port} 127.0.0.1\ncertfile {where / 'cert.pem'}\nkeyfile {where / 'key.pem'}\n"
        (where / "mosquitto.conf").write_text(lines)

    def _launch(self) -> bool:
        """Start and wait until every listener answers; False if it ends instead."""
        with (self._folder / "mosquitto.log").open("ab") as log:
            self._process = subprocess.Popen(
                ["mosquitto", "-c", self._folder / "mosquitto.conf"], stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        ports = [self.port, self.tls_port] if self._certificate is not None else [self.port]
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                self._process = None
                return False
            if all(_listens(port) for port in ports):
                return True
            time.sleep(0.01)
        self.kill()
        return False


def free_port() -> int:
    """Return a port of the loopback interface at which nothing listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
        return number


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0
