# ruff: noqa: INP001 - a script, not a package
"""How well `phonoscope check` finds alignments that lie beside the speech: moves those of a corpus and looks.

python benchmarks/shifts.py CORPUS
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from phonoscope.corpus.checks.listening import listen
from phonoscope.corpus.checks.whole import overall_shift, shift_problems
from phonoscope.corpus.reading import Survey, survey
from phonoscope.corpus.segments import Segments
from phonoscope.jobs import resolve_jobs
from phonoscope.settings import Settings

SHIFTS = (-0.2, -0.1, -0.05, -0.03, 0.0, 0.03, 0.05, 0.1, 0.2)
SINGLE = 0.1
"""Share of the utterances that are moved where single ones are to be found."""


def moved(found: Survey, seconds: float, which: np.ndarray) -> Survey:
    """Move the segments of some utterances; what leaves the audio is cut."""
    utterances = []
    for u, move in zip(found.utterances, which, strict=True):
        s = u.segments
        if not move or not isinstance(s, Segments):
            utterances.append(u)
            continue
        starts, ends = (np.clip(t + seconds, 0, u.duration) for t in (s.starts, s.ends))
        kept = ends > starts
        utterances.append(replace(u, segments=Segments(s.phones, s.codes[kept], starts[kept], ends[kept])))
    return replace(found, utterances=tuple(utterances))


def main() -> None:
    """Print the table."""
    found = survey(Path(sys.argv[1]), Settings())
    n = len(found.utterances)
    some = np.random.default_rng(0).random(n) < SINGLE
    print("moved by | all of it: found at | single ones: moved, found, false")  # noqa: T201
    for seconds in SHIFTS:
        whole = [
            m for heard in listen(moved(found, seconds, np.ones(n, bool)), resolve_jobs(None)) for m in heard.matches
        ]
        single = [m for heard in listen(moved(found, seconds, some), resolve_jobs(None)) for m in heard.matches]
        told = {p.utterance for p in shift_problems(single)} - {""}
        planted = {u.id for u, move in zip(found.utterances, some, strict=True) if move and seconds}
        row = f"{len(planted)}, {len(told & planted)}, {len(told - planted)}"
        print(f"{1000 * seconds:+.0f} ms | {-1000 * overall_shift(whole):+.1f} ms | {row}")  # noqa: T201


if __name__ == "__main__":
    main()
