"""What is wrong with the intervals of an utterance: every place of it, where the reader stops at the first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from phonoscope.corpus.checking import EDGE, ROUNDING
from phonoscope.corpus.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from phonoscope.corpus.checking import Folded
    from phonoscope.corpus.gathering import Raw

SHORTEST: Final = 0.01
"""Seconds below which a phone can not have been spoken, nor found: aligners count in frames of 10 ms."""
LONGEST: Final = 1.0
"""Seconds above which a phone is most likely a mistake: phones drawn out at the end of a phrase stay below."""
MEETING: Final = 0.05
"""Seconds below which nobody pauses: a gap that short is two labels that should have met."""


def interval_problems(raw: Raw, start: float, duration: float, folded: Folded) -> Iterator[Problem]:
    """Tell of overlaps, of phones without a duration or outside of the audio, of gaps, of odd durations.

    Errors are those for which `phonoscope.corpus.checking.align` refuses the utterance.

    Parameters
    ----------
    raw
        The utterance as its files tell of it.
    start, duration
        Where it lies in its recording, and how long it is; seconds.
    folded
        What the labels stand for.
    """
    rows, spoken = raw.rows, raw.spoken
    if not len(rows):
        return
    starts, ends, codes = rows["start"], rows["end"], folded.codes[rows["label"]]
    before = np.concatenate([[-np.inf], np.maximum.accumulate(ends)[:-1]])
    label = codes != -1  # no pause
    overlap = starts < before - ROUNDING
    empty = label & (ends <= starts) & ~overlap
    within = label & ~overlap & ~empty & (ends <= before)
    left = np.maximum(starts, before)
    sound = label & ~(overlap | empty | within)
    early = sound & ((left < -EDGE) | (ends <= 0))
    late = sound & ~early & ((ends > duration + EDGE) | (left >= duration))
    phone, length = codes >= 0, ends - starts
    short = phone & ~empty & (length < SHORTEST - ROUNDING / 2)
    long = phone & (length > LONGEST)
    gap = starts - before > ROUNDING
    gap[0] = False

    def found(
        where: NDArray[np.bool_], kind: str, severity: str, text: str, at: NDArray[np.floating]
    ) -> Iterator[Problem]:
        for i in np.flatnonzero(where):
            words = text.format(
                label=folded.labels[rows["label"][i]],
                ms=1000 * abs(starts[i] - before[i]),
                length=length[i],
                end=ends[i],
                duration=duration,
            )
            yield Problem(kind, severity, words, spoken.source, start + float(at[i]), spoken.id)  # type: ignore[arg-type]

    yield from found(
        overlap | within,
        "overlap",
        "error",
        "{label!r} starts {ms:.0f} ms before the end of the label before it",
        starts,
    )
    yield from found(empty, "no duration", "error", "{label!r} has no duration", starts)
    yield from found(early, "outside the audio", "error", "{label!r} lies before the start of the audio", starts)
    yield from found(
        late, "outside the audio", "error", "{label!r} ends at {end:.3f} s, the audio at {duration:.3f} s", starts
    )
    yield from found(short, "impossibly short", "warning", "{label!r} lasts {length:.4f} s", starts)
    yield from found(long, "impossibly long", "warning", "{label!r} lasts {length:.2f} s", starts)
    narrow = starts - before < MEETING
    yield from found(
        gap & narrow, "gap", "warning", "{ms:.0f} ms before {label!r} have no label, too little for a pause", before
    )
    yield from found(
        gap & ~narrow,
        "unlabelled stretch",
        "note",
        "{ms:.0f} ms before {label!r} have no label, and are taken for a pause",
        before,
    )
