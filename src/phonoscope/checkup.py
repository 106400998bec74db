"""A look at a corpus before anything is run on it: what is in it, what it can carry, and what is wrong with it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from phonoscope.corpus.checks import whole
from phonoscope.corpus.checks.intervals import interval_problems
from phonoscope.corpus.checks.listening import listen, recordings
from phonoscope.corpus.problems import Problem
from phonoscope.corpus.reading import Survey, parted, survey
from phonoscope.corpus.segments import segment_columns
from phonoscope.errors import AudioError, CorpusError, IntervalError, PanelError
from phonoscope.jobs import resolve_jobs
from phonoscope.probing.panel import check_enough
from phonoscope.progress import Progress, Quiet
from phonoscope.settings import Settings

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

    from phonoscope.corpus.checks.listening import Match
    from phonoscope.corpus.types import Corpus

LISTED: Final = 1_000
"""Problems of a kind that are kept; more are only counted, so that a broken corpus of any size can be looked at."""
SIZES: Final = (20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000)
"""Samples a phone for which it is told how many phones have them."""


@dataclass
class Problems:
    """What is wrong: the first `LISTED` of each kind, and how many there are."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    listed: list[Problem] = field(default_factory=list)

    def add(self, problems: Iterable[Problem]) -> None:
        """Take some more."""
        for problem in problems:
            key = problem.severity, problem.kind
            self.counts[key] += 1
            if self.counts[key] <= LISTED:
                self.listed.append(problem)

    def of(self, severity: str, kind: str) -> list[Problem]:
        """Return those listed of a kind."""
        return [one for one in self.listed if (one.severity, one.kind) == (severity, kind)]

    @property
    def kinds(self) -> list[tuple[str, str]]:
        """Severity and kind, the worst first, in the order in which they were found."""
        return sorted(self.counts, key=lambda key: ("error", "warning", "note").index(key[0]))


@dataclass(frozen=True)
class Checkup:
    """What was found.

    Attributes
    ----------
    survey
        What the reader found.
    corpus
        The corpus as a run would take it; None if it can not be parted.
    problems
        All that is wrong or odd. A run is possible if none is an error.
    phones
        A row a phone of the inventory: phone, ipa, segments, train, validation, and shortest, median, longest
        (milliseconds; null if the phone does not occur).
    panel
        A row for each number of samples a phone, up to the most that any phone has: samples, phones (how many have that
        many segments in the validation part, before the recogniser's mistakes are left out).
    speakers
        A row a speaker: speaker, utterances, minutes, segments.
    shift
        Seconds by which all alignments would have to be moved to fit the audio's energy best.
    """

    survey: Survey
    corpus: Corpus | None
    problems: Problems
    phones: pl.DataFrame
    panel: pl.DataFrame
    speakers: pl.DataFrame
    shift: float

    @property
    def possible(self) -> bool:
        """Whether a run is possible."""
        return all(severity != "error" for severity, _ in self.problems.counts)

    @property
    def minutes(self) -> float:
        """Audio that belongs to utterances, in minutes."""
        return sum(u.duration for u in self.survey.utterances) / 60


def check(
    path: str | os.PathLike[str],
    settings: Settings | None = None,
    *,
    jobs: int | None = None,
    progress: Progress | None = None,
) -> Checkup:
    """Read a corpus and all of its audio once, and tell what is in it and what is wrong with it.

    Parameters
    ----------
    path
        The corpus, as for `phonoscope.read_corpus`.
    settings
        Of the run that it is meant for; the defaults if None.
    jobs
        Threads [all cores].
    progress
        Where to tell how far it is.

    Raises
    ------
    CorpusError
        There is nothing that could be looked at: no files of a known format, or no recording for any of them.
    SettingError
        As for `phonoscope.read_corpus`.
    """
    settings, progress, jobs = settings or Settings(), progress or Quiet(), resolve_jobs(jobs)
    found = survey(Path(path), settings, jobs=jobs, progress=progress)
    problems = Problems()
    problems.add(_errors(found))
    corpus = None
    try:
        corpus = parted(found, settings)
        check_enough(corpus, settings.probing)
    except (CorpusError, PanelError) as error:
        problems.add([Problem("no run possible", "error", str(error))])
    problems.add(Problem("files", "warning", text) for text in found.listed)
    problems.add(whole.rate_problems(found, settings.signal.sample_rate))
    problems.add(whole.length_problems(found))
    problems.add(whole.duplicates(found))
    for one in found.raw:
        info = found.headers.get(one.spoken.audio) if one.spoken.audio else None
        if info is not None and not isinstance(info, AudioError):
            start = max(one.spoken.start, 0.0)
            end = info.duration if one.spoken.end is None else min(one.spoken.end, info.duration)
            problems.add(interval_problems(one, start, end - start, found.folded))
    matches: list[Match] = []
    with progress.bar("listening", len(recordings(found)), "recordings") as advance:
        for heard in listen(found, jobs):
            problems.add(heard.problems)
            matches += heard.matches
            advance(1)
    problems.add(whole.shift_problems(matches))
    problems.add(whole.lone_labels(found))
    phones = _phones(found, corpus)
    problems.add(whole.absent_phones(dict(phones.select("phone", "segments").iter_rows())))
    empty = [u for u in found.utterances if not u.segments]
    problems.add(Problem("no phones", "warning", "not one label of it is a phone", u.audio, None, u.id) for u in empty)
    return Checkup(
        survey=found,
        corpus=corpus,
        problems=problems,
        phones=phones,
        panel=_panel(corpus),
        speakers=_speakers(found),
        shift=whole.overall_shift(matches),
    )


def _errors(found: Survey) -> Iterable[Problem]:
    """Tell of files that can not be used; wrong intervals are told of one by one elsewhere."""
    for error in found.problems:
        if not isinstance(error, IntervalError):
            kind = "unreadable audio" if isinstance(error, AudioError) else "broken file"
            text = str(error).removeprefix(str(error.path)).lstrip(",: ")  # the file is named beside it
            yield Problem(kind, "error", text, error.path, error.time)


def _phones(found: Survey, corpus: Corpus | None) -> pl.DataFrame:
    names = found.notation.phones
    index = {phone: i for i, phone in enumerate(names)}
    columns = [segment_columns(u.segments, index) for u in found.utterances]
    codes, starts, ends = (
        np.concatenate([np.empty(0), *column]) for column in (zip(*columns, strict=True) if columns else ([], [], []))
    )
    lengths = 1000 * (ends - starts)
    counts = {part: corpus.phone_counts(part) if corpus else Counter[str]() for part in ("train", "validation")}
    rows = []
    for i, phone in enumerate(names):
        these = lengths[codes == i]
        spread = (float(these.min()), float(np.median(these)), float(these.max())) if len(these) else (None,) * 3
        parts = [counts[part][phone] for part in ("train", "validation")]
        rows.append((phone, found.notation.ipa.get(phone, ""), len(these), *parts, *spread))
    kinds = [pl.String] * 2 + [pl.Int64] * 3 + [pl.Float64] * 3
    heads = ("phone", "ipa", "segments", "train", "validation", "shortest", "median", "longest")
    return pl.DataFrame(rows, schema=dict(zip(heads, kinds, strict=True)), orient="row")


def _panel(corpus: Corpus | None) -> pl.DataFrame:
    counts = corpus.phone_counts("validation") if corpus else Counter[str]()
    most = max(counts.values(), default=0)
    rows = [(n, sum(count >= n for count in counts.values())) for n in SIZES if n <= most]
    return pl.DataFrame(rows, schema={"samples": pl.Int64, "phones": pl.Int64}, orient="row")


def _speakers(found: Survey) -> pl.DataFrame:
    rows = [(u.speaker, u.duration / 60, len(u.segments)) for u in found.utterances]
    table = pl.DataFrame(rows, schema={"speaker": pl.String, "minutes": pl.Float64, "segments": pl.Int64}, orient="row")
    grouped = table.group_by("speaker").agg(pl.len().alias("utterances"), pl.col("minutes", "segments").sum())
    return grouped.sort("speaker")
