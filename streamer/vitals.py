"""How the program itself is: memory of itself and its children, read from /proc. Knows nothing of the monitor."""

from pathlib import Path

PROC = Path("/proc")


def memory_mb(pid: int, proc: Path = PROC) -> float:
    """Return the resident memory of a process and its descendants, 0.0 where there is no /proc."""
    return sum(_resident_mb(one, proc) for one in _family(pid, proc))


def _family(pid: int, proc: Path) -> list[int]:
    found = [pid]
    for one in found:
        for children in (proc / str(one) / "task").glob("*/children"):
            try:
                found += [int(child) for child in children.read_text(encoding="ascii").split()]
            except OSError:  # the thread has ended meanwhile
                continue
    return found


def _resident_mb(pid: int, proc: Path) -> float:
    try:
        status = (proc / str(pid) / "status").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0.0
    lines = [line.split() for line in status.splitlines() if line.startswith("VmRSS:")]
    return float(lines[0][1]) / 1024.0 if lines else 0.0
