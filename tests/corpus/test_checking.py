from __future__ import annotations

import itertools
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonoscope.corpus.checking import EDGE, ROUNDING, Folded, _mended, align, fold_all, tally
from phonoscope.corpus.gathering import ROW
from phonoscope.corpus.types import Segment
from phonoscope.errors import EmptyIntervalError, IntervalError, OutsideAudioError, OverlapError
from phonoscope.phones.inventory import french, french_folding

PATH = Path("x.TextGrid")


LABELS = ("a", "p", "@", "", "zzz", "sil", "ʁ")


def folded() -> Folded:
    return fold_all(LABELS, french().phones, french_folding())


def aligned(*intervals: tuple[float, float, str], duration: float = 1.0) -> tuple[Segment, ...]:
    rows = np.array([(start, end, LABELS.index(label)) for start, end, label in intervals], ROW)
    return tuple(align(PATH, "tier 'phones'", rows, duration, folded()))


def test_labels_become_phones_and_gaps() -> None:
    labels = ["", "a", "@", "zzz", "a", "@", "sil", "ʁ"]
    result = aligned(*((i / 10, (i + 1) / 10, label) for i, label in enumerate(labels)))
    assert [s.phone for s in result] == ["a", "2", "a", "2", "R"]
    assert result[1] == Segment("2", 0.2, 0.3)


def test_what_became_of_the_labels() -> None:
    others, left_over = tally(folded(), [3, 0, 2, 9, 1, 4, 5])
    assert others == {("@", "2"): 2, ("ʁ", "R"): 5}
    assert left_over == {"zzz": 1}
    assert tally(folded(), [0] * 7) == ({}, {})


@given(
    st.lists(
        st.tuples(*[st.floats(-0.03, 1.03) | st.sampled_from([-EDGE, 0.0, 1.0, 1.0 + EDGE])] * 2, st.integers(0, 6)),
        max_size=6,
    ).map(sorted),
    st.booleans(),
)
def test_the_quick_way_is_the_careful_one(intervals: list[tuple[float, float, int]], touching: bool) -> None:  # noqa: FBT001
    if touching:
        intervals = [
            (start, after[0], label) for (start, _, label), after in itertools.pairwise([*intervals, (1.2, 1.2, 0)])
        ]
    rows = np.array(intervals, ROW)
    try:
        starts, ends = _mended(PATH, "", rows, 1.0, folded())
    except IntervalError as error:
        with pytest.raises(type(error), match=re.escape(str(error))):
            align(PATH, "", rows, 1.0, folded())
        return
    phones = folded().codes[rows["label"]] >= 0
    found = align(PATH, "", rows, 1.0, folded())
    assert found.starts.tolist() == starts[phones].tolist()
    assert found.ends.tolist() == ends[phones].tolist()


def test_files_other_than_textgrids_are_not_corrected_in_praat() -> None:
    error = OverlapError(Path("x.ctm"), "line 3", 0.5, "a", "overlaps")
    assert str(error) == (
        "x.ctm, line 3 at 0.500 s: the interval 'a' overlaps. "
        "Correct the alignment, or remove it together with its audio."
    )
    assert str(OverlapError(Path("x.TextGrid"), "", 0.5, "a", "overlaps")).startswith("x.TextGrid at 0.500 s: the")


def test_what_rounding_gives_is_clipped() -> None:
    assert aligned((-0.02, 0.5, "a"), (0.5, 1.02, "p")) == (Segment("a", 0.0, 0.5), Segment("p", 0.5, 1.0))
    assert aligned((0.0, 0.5, "a"), (0.4995, 0.6, "p")) == (Segment("a", 0.0, 0.5), Segment("p", 0.5, 0.6))


def test_pauses_may_stand_outside_and_be_empty() -> None:
    assert aligned((-1.0, 0.0, ""), (0.0, 1.0, "a"), (1.0, 1.0, ""), (1.0, 9.0, "sil")) == (Segment("a", 0.0, 1.0),)


@pytest.mark.parametrize(
    ("intervals", "kind", "where", "problem"),
    [
        (
            [(0.5, 1.021, "a")],
            OutsideAudioError,
            0.5,
            "'a' ends at 1.021 s, after the end of the audio at 1.000 s",
        ),
        ([(1.0, 1.01, "a")], OutsideAudioError, 1.0, "after the end of the audio"),
        ([(0.9, 2.0, "zzz")], OutsideAudioError, 0.9, "after the end of the audio"),
        ([(-0.021, 0.5, "a")], OutsideAudioError, -0.021, "'a' lies before the start of the audio"),
        ([(-0.02, 0.0, "a")], OutsideAudioError, -0.02, "lies before the start of the audio"),
        (
            [(0.0, 0.5, "a"), (0.4, 0.6, "p")],
            OverlapError,
            0.4,
            "'p' starts before the one before it has ended, at 0.500 s",
        ),
        (
            [(0.0, 0.5, "a"), (0.4, 0.6, "")],
            OverlapError,
            0.4,
            "'' starts before the one before it has ended",
        ),
        (
            [(0.0, 0.5, ""), (0.6, 0.7, "a"), (0.1, 0.2, "p")],
            OverlapError,
            0.1,
            "'p' starts before the one before it",
        ),
        ([(0.0, 0.5, "a"), (0.4998, 0.4999, "p")], OverlapError, 0.5, "lies within the one before it"),
        ([(0.5, 0.5, "a")], EmptyIntervalError, 0.5, "'a' has no duration"),
        ([(0.5, 0.4, "a")], EmptyIntervalError, 0.5, "'a' has no duration"),
    ],
)
def test_intervals_that_can_not_be(
    intervals: list[tuple[float, float, str]], kind: type[IntervalError], where: float, problem: str
) -> None:
    with pytest.raises(kind) as caught:
        aligned(*intervals)
    assert str(caught.value).startswith(f"x.TextGrid, tier 'phones' at {where:.3f} s: the interval ")
    assert problem in str(caught.value)
    assert str(caught.value).endswith(kind.todo)


@given(
    st.lists(
        st.tuples(st.floats(-0.1, 1.2), st.floats(-0.1, 1.2), st.sampled_from(["a", "p", "@", "", "zzz"])),
        max_size=8,
    ),
    st.booleans(),
)
def test_segments_are_within_the_audio_in_order_and_never_empty(
    intervals: list[tuple[float, float, str]],
    tidy: bool,  # noqa: FBT001 (hypothesis gives it)
) -> None:
    if tidy:
        intervals = sorted((min(a, b), max(a, b), label) for a, b, label in intervals)
    try:
        segments = aligned(*intervals)
    except IntervalError:
        return
    assert all(0 <= s.start < s.end <= 1 and s.phone in french().phones for s in segments)
    assert all(a.end <= b.start for a, b in itertools.pairwise(segments))
    assert len(segments) == sum(label in {"a", "p", "@"} for _, _, label in intervals)
    for segment, (start, end, _) in zip(segments, (i for i in intervals if i[2] in {"a", "p", "@"}), strict=True):
        assert abs(segment.start - start) <= max(EDGE, ROUNDING)
        assert abs(segment.end - end) <= EDGE
