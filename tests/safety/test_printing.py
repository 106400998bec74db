"""Text from files on the terminal: it is seen, and does nothing."""

from __future__ import annotations

import io
import json
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from phonoscope.printing import Terminal, printable
from phonoscope.progress import Bars, Plain, Quiet
from safety.commands import CONTROL

if TYPE_CHECKING:
    from phonoscope.progress import Progress

NASTY = (
    "\x1b]0;owned\x07 \x1b[2J \x9b31m \u202eabc\u202c \r\x08 [red]x[/red] [link=http://x.example]y[/link] \ud800"
    " \U000e0041"
)
SHOWN = "\\u001b]0;owned"


def test_ipa_and_other_scripts_are_left_alone() -> None:
    text = "ɑ̃ t͡ʃ ʈʂʰ é ã\t日本 می‌خواهم 𝔸 –…\n"
    assert printable(text) == text
    assert printable("a\nb", lines=False) == "a\\u000ab"


@given(st.text(st.characters()))
@examples(max_examples=60, deadline=None)
def test_escapes_are_json(text: str) -> None:
    found = printable(text)
    assert not CONTROL.search(found)
    found.encode()
    # within JSON the text is the same
    assert json.loads(printable(json.dumps(text, ensure_ascii=False))) == text


@pytest.mark.parametrize("terminal", [True, False])
def test_a_console_shows_codes(terminal: bool, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: FBT001
    written = io.StringIO()
    monkeypatch.setattr(sys, "stdout", written)
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.setenv("TERM", "xterm-256color")
    if terminal:
        monkeypatch.setenv("FORCE_COLOR", "1")
    console = Terminal()
    assert console.is_terminal == terminal
    console.print(f"[bold]{escape(NASTY)}[/bold]")
    console.print(NASTY, markup=False)
    table = Table(escape(NASTY), title=escape(NASTY))
    table.add_row(escape(NASTY))
    console.print(table)
    console.print(Text(NASTY))
    printed = written.getvalue()
    assert printed.count(SHOWN) == 6
    assert printed.count("[link=http://x.example]y[/link]") == 6
    own = printed.replace("\x1b[1m", "").replace("\x1b[0m", "").replace("\x1b[3m", "").replace("\x1b[1;3m", "")
    assert not CONTROL.search(own)
    assert (own != printed) == terminal


@pytest.mark.parametrize("make", [Quiet, Plain, Bars])
def test_progress_says_a_line_each(make: type[Progress], capsys: pytest.CaptureFixture[str]) -> None:
    progress = make()
    progress.say(f"a\nwarning: {NASTY}")
    progress.warn(f"a\n{NASTY}")
    with progress.bar(NASTY, 2, "steps") as advance:
        advance(2)
    printed = capsys.readouterr().err
    assert not CONTROL.search(printed)
    assert "a\\u000a" in printed
    assert not any(line.startswith("warning: \\u001b") for line in printed.splitlines())
