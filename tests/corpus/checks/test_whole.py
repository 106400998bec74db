from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest
import soundfile

from phonoscope.corpus.checks.listening import Match
from phonoscope.corpus.checks.shifts import REACH, Likeness
from phonoscope.corpus.checks.whole import duplicates, overall_shift, rate_problems, shift_problems
from phonoscope.corpus.reading import survey
from phonoscope.settings import Settings

if TYPE_CHECKING:
    from conftest import WriteAudio, WriteGrid


def match(name: str, shift: float, frames: int = 300, height: float = 0.9) -> Match:
    """An utterance whose likeness has its top at a shift, in seconds."""
    curve = height - np.abs(np.arange(-REACH, REACH + 1) / 100 - shift) * 2
    return Match(name, Path(f"{name}.TextGrid"), 10.0, Likeness(curve, frames))


def test_the_corpus_as_a_whole_is_shifted() -> None:
    matches = [match(str(i), 0.1 + 0.01 * (i % 3 - 1)) for i in range(9)]
    assert overall_shift(matches) == pytest.approx(0.1, abs=0.005)
    (problem,) = shift_problems(matches)
    assert problem.text.startswith("all alignments lie about 100 ms too early")
    assert (problem.path, problem.time) == (None, None)
    (late,) = shift_problems([match(str(i), -0.06) for i in range(9)])
    assert "60 ms too late" in late.text


def test_single_utterances_are_shifted() -> None:
    others = [match(str(i), 0.0) for i in range(20)]
    assert list(shift_problems(others)) == []
    (problem,) = shift_problems([*others, match("x", 0.2)])
    assert (problem.utterance, problem.path, problem.time) == ("x", Path("x.TextGrid"), 10.0)
    assert "200 ms too early" in problem.text
    for unsure in (match("x", 0.2, frames=100), match("x", 0.04)):
        assert list(shift_problems([*others, unsure])) == []
    nothing = Match("x", Path("x"), 0.0, Likeness(np.full(2 * REACH + 1, np.nan), 300))
    assert list(shift_problems([nothing])) == []


def test_utterances_of_one_recording_that_overlap(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "long.wav", np.random.default_rng(0).normal(0, 0.1, 160_000), 16_000)
    rows = [
        ("long.wav", name, "anna", "a", start, start + 1.0)
        for name, start in (("one", 0.0), ("two", 0.5), ("three", 3.0))
    ]
    columns = ["audio", "utterance", "speaker", "phone", "start", "end"]
    pl.DataFrame(rows, schema=columns, orient="row").write_csv(tmp_path / "phones.csv")
    found = survey(tmp_path, Settings())
    problems = list(duplicates(found))
    assert [(p.kind, p.utterance) for p in problems] == [("overlapping utterances", "two")]
    assert problems[0].text.startswith("starts 0.50 s before the end of 'one'")


def test_rates(tmp_path: Path, write_audio: WriteAudio, write_grid: WriteGrid) -> None:
    for name, rate in (("a", 16_000), ("b", 16_000), ("c", 44_100), ("d", 8_000)):
        write_audio(tmp_path / f"{name}.wav", rate=rate)
        write_grid(tmp_path / f"{name}.TextGrid", [(0.0, 1.0, "a")])
    problems = list(rate_problems(survey(tmp_path, Settings()), 16_000))
    assert [(p.kind, p.path) for p in problems] == [
        ("other rate", tmp_path / "c.wav"), ("low rate", tmp_path / "d.wav"),
    ]  # fmt: skip
