"""Runs the commands as a user does, in this process, and holds what they print to what is promised."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from phonoscope.cli import main

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


class Said(NamedTuple):
    status: int
    out: str
    err: str

    @property
    def complaint(self) -> str:
        """All that follows the command's name in its last message."""
        return self.err.rpartition("phonoscope: ")[2].strip()


def said(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> Said:
    """Run a command: it ends with 0 or 2, and prints no control characters and no traceback."""
    capsys.readouterr()
    status = main([str(argument) for argument in arguments])
    printed = capsys.readouterr()
    assert status in {0, 2}
    for text in printed:
        assert not CONTROL.search(text), repr(text)
        assert "Traceback" not in text
    return Said(status, *printed)


def refused(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    """Run a command that has to be refused, in one line; return it."""
    found = said(capsys, *arguments)
    assert found.status == 2
    assert "\n" not in found.complaint, found.complaint
    assert found.complaint.endswith(".") or ":" in found.complaint
    return found.complaint
