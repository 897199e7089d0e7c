"""A bar on standard error while an evaluation runs, where somebody looks at it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from streamer.evaluation.study import Step


@contextmanager
def progress(title: str, *, shown: bool) -> Iterator[Step]:
    """Yield what takes the progress; nothing is written where it is not `shown` or standard error is no terminal."""
    if not shown or not sys.stderr.isatty():
        yield lambda _, __: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title)
        yield lambda done, n: bar.update(task, completed=done, total=n)
