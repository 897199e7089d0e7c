"""Memory of a process and its children, on this very process and on a made /proc."""

import os
import subprocess
import sys
from pathlib import Path

from streamer.vitals import memory_mb


def test_this_process_uses_some_memory() -> None:
    assert 5 < memory_mb(os.getpid()) < 50_000


def test_a_child_counts() -> None:
    program = "import sys; block = bytearray(60_000_000); print('ready', flush=True); sys.stdin.read()"
    before_mb = memory_mb(os.getpid())
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout
        child.stdout.readline()
        assert memory_mb(os.getpid()) > before_mb + 40


def test_where_there_is_no_proc_nothing_is_claimed(tmp_path: Path) -> None:
    assert memory_mb(1, tmp_path) == 0.0
