from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonoscope.corpus.checking import Folded, align
from phonoscope.corpus.checks.intervals import interval_problems
from phonoscope.corpus.gathering import ROW, Raw
from phonoscope.corpus.source import Spoken
from phonoscope.errors import IntervalError

if TYPE_CHECKING:
    from phonoscope.corpus.problems import Problem, Severity

FOLDED = Folded(["a", "", "zzz"], ("a",), np.array([0, -1, -2]))
FILE = Path("1.TextGrid")


def problems(*rows: tuple[float, float, int], duration: float = 2.0, start: float = 0.0) -> list[Problem]:
    raw = Raw(Spoken("1", "", None, (), FILE), np.array(list(rows), ROW), 0)
    return list(interval_problems(raw, start, duration, FOLDED))


@pytest.mark.parametrize(
    ("rows", "kind", "severity", "time", "text"),
    [
        ([(0, 0.5, 0), (0.4, 1, 0)], "overlap", "error", 0.4,
         "'a' starts 100 ms before the end of the label before it"),
        ([(0, 0.5, 0), (0.5, 0.5, 0)], "no duration", "error", 0.5, "'a' has no duration"),
        ([(-0.5, 0.5, 0)], "outside the audio", "error", -0.5, "'a' lies before the start of the audio"),
        ([(1.5, 2.5, 2)], "outside the audio", "error", 1.5, "'zzz' ends at 2.500 s, the audio at 2.000 s"),
        ([(0, 0.005, 0)], "impossibly short", "warning", 0.0, "'a' lasts 0.0050 s"),
        ([(0, 1.5, 0)], "impossibly long", "warning", 0.0, "'a' lasts 1.50 s"),
        ([(0, 0.5, 0), (0.52, 1, 0)], "gap", "warning", 0.5, "20 ms before 'a' have no label, too little for a pause"),
        ([(0, 0.5, 0), (0.7, 1, 0)], "unlabelled stretch", "note", 0.5,
         "200 ms before 'a' have no label, and are taken for a pause"),
    ],
)  # fmt: skip
def test_each_kind(rows: list[tuple[float, float, int]], kind: str, severity: Severity, time: float, text: str) -> None:
    assert [(p.kind, p.severity, p.text, p.path, p.utterance) for p in problems(*rows)] == [
        (kind, severity, text, FILE, "1")
    ]
    assert [p.time for p in problems(*rows, start=10.0)] == [pytest.approx(10.0 + time)]


def test_what_is_right_has_none() -> None:
    assert problems((0, 0.2, 1), (0.2, 0.3, 0), (0.3, 0.9, 2), (0.9, 1.0, 0), (1.0, 5.0, 1)) == []
    assert problems() == []


TIME = st.integers(-5, 45).map(lambda n: n * 0.05)


@given(st.lists(st.tuples(TIME, TIME, st.integers(0, 2)), max_size=8))
def test_errors_are_what_the_reader_refuses(rows: list[tuple[float, float, int]]) -> None:
    rows = sorted(rows)
    errors = [p.time for p in problems(*rows) if p.severity == "error"]
    refused: list[float | None] = []
    try:
        align(FILE, "", np.array(rows, ROW), 2.0, FOLDED)
    except IntervalError as error:
        refused.append(error.time)
    assert {*refused} <= {*errors}
    assert bool(refused) == bool(errors)
