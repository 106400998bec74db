"""Reading all units of a corpus, on all cores, into a form that takes little memory."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from phonoscope.errors import CorpusError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from phonoscope.corpus.source import Spoken, Unit
    from phonoscope.progress import Progress

ROW = np.dtype([("start", "<f8"), ("end", "<f8"), ("label", "<u4")])
"""An interval: seconds from the start of the utterance, and the number of its label."""

_WORTH_PROCESSES = 3_000
"""Units that take longer to read than processes take to start."""
_CHUNK = 32
"""Units that are sent to a process at a time."""


@dataclass(frozen=True, slots=True)
class Raw:
    """An utterance as its files tell of it, its intervals in an array of `ROW`, and the unit that it is from."""

    spoken: Spoken
    rows: NDArray[np.void]
    unit: int


@dataclass
class Gathered:
    """What was read of a corpus.

    Attributes
    ----------
    utterances
        In the order of the units, and within a unit in its own.
    labels
        All labels, by their numbers.
    problems
        The errors of what can not be used, each with the number of its unit.
    """

    utterances: list[Raw] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    problems: list[tuple[int, CorpusError]] = field(default_factory=list)


def gather(units: Sequence[Unit], *, jobs: int, progress: Progress) -> Gathered:
    """Read all units, in `jobs` processes if there are many; what comes out does not depend on their number.

    An error of one unit, or of one utterance of it, is kept among the `problems`, and the others are read all the same.
    """
    gathered = Gathered()
    numbers: dict[str, int] = {}
    paths: dict[Path, Path] = {}  # each once, although other processes send copies
    with progress.bar("reading the corpus", len(units), "files") as advance:
        for first, (labels, results) in _results(units, jobs):
            known = np.array([numbers.setdefault(label, len(numbers)) for label in labels], np.uint32)
            for i, found in enumerate(results, first):
                for one in found:
                    if isinstance(one, CorpusError):
                        gathered.problems.append((i, one))
                        continue
                    spoken, rows = one
                    rows["label"] = known[rows["label"]]
                    source = paths.setdefault(spoken.source, spoken.source)
                    audio = spoken.audio and paths.setdefault(spoken.audio, spoken.audio)
                    gathered.utterances.append(Raw(replace(spoken, source=source, audio=audio), rows, i))
                advance(1)
    gathered.labels = list(numbers)
    return gathered


Packed = tuple["Spoken", "NDArray[np.void]"]
Results = tuple[list[str], list[list["Packed | CorpusError"]]]
"""The labels of some units, and for each unit its utterances with the numbers of these labels."""


def _results(units: Sequence[Unit], jobs: int) -> Iterator[tuple[int, Results]]:
    if jobs == 1 or len(units) < _WORTH_PROCESSES:
        for i, unit in enumerate(units):
            yield i, _read([unit])
        return
    from joblib import Parallel, delayed  # noqa: PLC0415 - slow to import, and small corpora do without

    firsts = range(0, len(units), _CHUNK)
    work = Parallel(n_jobs=jobs, return_as="generator", batch_size=1, pre_dispatch="2 * n_jobs")
    yield from zip(firsts, work(delayed(_read)(units[i : i + _CHUNK]) for i in firsts), strict=True)


def _read(units: Iterable[Unit]) -> Results:
    numbers: dict[str, int] = {}
    results: list[list[Packed | CorpusError]] = []
    for unit in units:
        found: list[Packed | CorpusError] = []
        try:
            for one in unit.read():
                if isinstance(one, CorpusError):
                    found.append(one)
                elif isinstance(one, Exception):
                    raise one
                else:
                    found.append(_packed(one, numbers))
        except CorpusError as error:
            found.append(error)
        results.append(found)
    return list(numbers), results


def _packed(spoken: Spoken, numbers: dict[str, int]) -> Packed | CorpusError:
    rows = np.array([(i.start, i.end, numbers.setdefault(i.label, len(numbers))) for i in spoken.intervals], ROW)
    times = (spoken.start, *(() if spoken.end is None else (spoken.end,)))
    if not (np.isfinite(rows["start"]).all() and np.isfinite(rows["end"]).all() and all(map(math.isfinite, times))):
        where = f"{spoken.source}{', ' if spoken.where else ''}{spoken.where}"
        return CorpusError(f"{where}: a time of utterance {spoken.id!r} is no number; correct the alignment.")
    return replace(spoken, intervals=()), rows
