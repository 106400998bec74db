from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from phonoscope.corpus.checks.levels import marked, silences, unlabelled_speech


def test_silence_under_labels() -> None:
    levels = np.full(200, -20.0)
    levels[50:80] = -70
    levels[100:110] = -70
    claimed = np.ones(200, bool)
    assert list(silences(levels, claimed)) == [(0.5, 0.8)]  # the other is a closure
    claimed[40:90] = False
    assert list(silences(levels, claimed)) == []
    assert list(silences(levels, np.zeros(200, bool))) == []


def test_speech_without_labels() -> None:
    levels = np.full(200, -70.0)
    levels[:50] = levels[100:140] = levels[160:180] = -20
    claimed = np.zeros(200, bool)
    claimed[:50] = True
    assert list(unlabelled_speech(levels, claimed, claimed)) == [(1.0, 1.4)]
    labelled = claimed.copy()
    labelled[90:150] = True  # laughter, say
    assert list(unlabelled_speech(levels, claimed, labelled)) == []


@given(st.lists(st.tuples(st.floats(-0.5, 2), st.floats(0, 0.5)), max_size=5))
def test_frames_are_marked_by_their_middle(intervals: list[tuple[float, float]]) -> None:
    starts = np.array([a for a, _ in intervals])
    ends = starts + np.array([b for _, b in intervals])
    naive = [any(a <= (i + 0.5) / 100 < b for a, b in zip(starts, ends, strict=True)) for i in range(100)]
    # a middle that is an end to the last digit may fall either way
    near = [bool(np.any(np.abs(np.concatenate([starts, ends]) - (i + 0.5) / 100) < 1e-9)) for i in range(100)]
    found = marked(starts, ends, 100)
    assert all(a == b or c for a, b, c in zip(found, naive, near, strict=True))
