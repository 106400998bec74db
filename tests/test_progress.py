"""What is seen of a long job: how far it is, and what is counted."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from phonoscope.progress import Bars, Plain

if TYPE_CHECKING:
    import pytest


def test_lines_say_what_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Plain, "every", 0.0)
    written = io.StringIO()
    with Plain(written).bar("clustering", 2_224, "clusterings") as advance:
        advance(1)
        advance(1_200)
    told = written.getvalue().splitlines()
    assert told[:2] == ["clustering: 1 of 2,224 clusterings", "clustering: 1,201 of 2,224 clusterings"]
    assert told[2].startswith("clustering: done in ")


def test_bars_say_what_is_counted_and_fit_a_narrow_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with Bars().bar("reading the audio's headers", 2_224, "recordings [b]") as advance:
        advance(1_201)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("reading the audio's headers ")
    assert " 1,201 of 2,224 recordings [b] " in line
    assert len(line) <= 80
