"""How a long job tells where it is: bars on a terminal, plain lines elsewhere, or nothing."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, TextIO

from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as RichBars

from phonoscope.printing import Terminal, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    Advance = Callable[[int], None]


class Progress(Protocol):
    """What the stages call; they do not know where it goes."""

    def say(self, text: str) -> None:
        """Tell something that the user wants to know."""

    def warn(self, text: str) -> None:
        """Tell something that the user must not miss."""

    def bar(self, text: str, total: int, counted: str) -> AbstractContextManager[Advance]:
        """Start a job of `total` steps; the context's value takes the number of steps just done.

        `counted` says what a step is, in the plural: "1 of 2,224 clusterings".
        """


class Quiet:
    """Say nothing but warnings."""

    def say(self, text: str) -> None:
        """Swallow the text."""

    def warn(self, text: str) -> None:
        """Print the warning on standard error."""
        print(f"warning: {printable(text, lines=False)}", file=sys.stderr)  # noqa: T201

    @contextmanager
    def bar(self, text: str, total: int, counted: str) -> Iterator[Advance]:  # noqa: ARG002
        """Count for nobody."""
        yield lambda _steps: None


class Plain(Quiet):
    """Whole lines, for log files: one when a job starts, then at most one every ten seconds."""

    every = 10.0

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr

    def say(self, text: str) -> None:
        """Print a line."""
        print(printable(text, lines=False), file=self._stream, flush=True)

    def warn(self, text: str) -> None:
        """Print a line that begins with "warning"."""
        self.say(f"warning: {text}")

    @contextmanager
    def bar(self, text: str, total: int, counted: str) -> Iterator[Advance]:
        """Print how far the job is, now and then."""
        start = last = time.monotonic()
        done = 0

        def advance(steps: int) -> None:
            nonlocal done, last
            done += steps
            if time.monotonic() - last >= self.every:
                last = time.monotonic()
                self.say(f"{text}: {done:,} of {total:,} {counted}")

        yield advance
        self.say(f"{text}: done in {time.monotonic() - start:.1f} s")


class Bars:
    """Bars that move, for a terminal."""

    def __init__(self) -> None:
        self._console = Terminal(stderr=True)

    def say(self, text: str) -> None:
        """Print a line above the bars."""
        self._console.print(printable(text, lines=False), markup=False)

    def warn(self, text: str) -> None:
        """Print a coloured line above the bars."""
        self._console.print(f"warning: {printable(text, lines=False)}", style="yellow", markup=False)

    @contextmanager
    def bar(self, text: str, total: int, counted: str) -> Iterator[Advance]:
        """Show one bar until the job is done."""
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=None),  # as wide as the others leave room for
            TextColumn("{task.completed:,.0f} of {task.total:,.0f} {task.fields[counted]}", markup=False),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        with RichBars(*columns, console=self._console) as bars:
            task = bars.add_task(printable(text, lines=False), total=total, counted=counted)
            yield lambda steps: bars.advance(task, steps)


def progress_for(stream: TextIO, *, quiet: bool = False) -> Progress:
    """Choose bars for a terminal, plain lines for anything else, silence when asked for."""
    if quiet:
        return Quiet()
    return Bars() if stream.isatty() else Plain(stream)
