"""A corpus from a folder of audio files and TextGrids."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from phonoscope.corpus.checking import align, phones_tier
from phonoscope.corpus.files import Pair, find_files
from phonoscope.corpus.splitting import split
from phonoscope.corpus.textgrid import read_textgrid
from phonoscope.corpus.types import Corpus, Utterance
from phonoscope.errors import BrokenFilesError, CorpusError, SettingError, UnknownPhonesError
from phonoscope.phones.inventory import french, french_folding
from phonoscope.progress import Progress, Quiet
from phonoscope.settings import Settings
from phonoscope.signal.audio import audio_info

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Sequence

    from phonoscope.corpus.checking import Aligned

_SHOWN = 3
_UNEQUAL = 0.1
"""Seconds by which a TextGrid may be longer or shorter than its audio without a warning."""


def read_corpus(
    path: str | os.PathLike[str], settings: Settings | None = None, *, progress: Progress | None = None
) -> Corpus:
    """Read the audio files (WAV, FLAC, OGG) of a folder tree that have a TextGrid of their name beside them.

    The audio may have any rate and any number of channels; only its headers are read here. An utterance's id
    is its path in the corpus without the suffix; its speaker is the folder that holds it (so ``train/anna``
    and ``dev/anna`` are one speaker, and a file directly in the corpus is spoken by the corpus's own name),
    or what the pattern ``corpus.speaker`` finds in its path. Labels are folded onto the 33 phones of French;
    what is neither a phone nor a pause leaves a gap and is counted in the corpus's `left_over`. What is odd
    but usable is in its `warnings`.

    Raises
    ------
    CorpusError
        One of its kinds: there are no files to read, a file is broken (`TextGridError`, `AudioError`), a
        TextGrid does not fit (`TierError`, `IntervalError`), no label is known (`UnknownPhonesError`), or the
        corpus can not be parted (`SplitError`). If several files are at fault, a `BrokenFilesError` holds the
        error of each.
    SettingError
        ``corpus.speaker`` is not a regular expression with one group.
    """
    path = Path(path)
    settings = settings or Settings()
    pattern = _speaker_pattern(settings.corpus.speaker)
    found = find_files(path)
    reader = _Reader(path, settings, pattern)
    with (progress or Quiet()).bar("reading the corpus", len(found.pairs)) as advance:
        for pair in found.pairs:
            reader.read(pair)
            advance(1)
    if reader.problems:
        raise reader.problems[0] if len(reader.problems) == 1 else BrokenFilesError(reader.problems)
    if not any(u.segments for u in reader.utterances):
        raise UnknownPhonesError(path, [label for label, _ in reader.left_over.most_common()])
    lone = [
        *_listed("audio file", "without a TextGrid beside it: not used", _names(path, found.lone_audio)),
        *_listed("TextGrid", "without audio beside it: not used", _names(path, found.lone_textgrids)),
    ]
    return Corpus(
        name=path.resolve().name,
        utterances=split(reader.utterances, settings.corpus, settings.seed),
        phones=french().phones,
        folded=dict(sorted(reader.folded.items())),
        left_over=dict(sorted(reader.left_over.items())),
        warnings=(*lone, *reader.warnings()),
    )


class _Reader:
    """Reads one pair of files after the other, and keeps account of what it saw."""

    def __init__(self, corpus: Path, settings: Settings, pattern: re.Pattern[str] | None) -> None:
        self._corpus = corpus
        self._settings = settings
        self._pattern = pattern
        self.utterances: list[Utterance] = []
        self.problems: list[CorpusError] = []
        self.folded: Counter[tuple[str, str]] = Counter()
        self.left_over: Counter[str] = Counter()
        self._rates: dict[int, list[str]] = {}
        self._unequal: list[str] = []
        self._shifted: list[str] = []
        self._silent: list[str] = []

    def read(self, pair: Pair) -> None:
        """Read a pair of files; if one of them is at fault, note its error, to report all of them at once."""
        try:
            info = audio_info(pair.audio)
            grid = read_textgrid(pair.textgrid)
            tier = phones_tier(pair.textgrid, grid, self._settings.corpus.tier)
            aligned = align(pair.textgrid, tier, info.duration, french_folding())
            speaker = self._speaker(pair)
        except CorpusError as error:
            self.problems.append(error)
            return
        self.utterances.append(Utterance(pair.id, speaker, pair.audio, info.duration, aligned.segments))
        self._count(aligned)
        self._rates.setdefault(info.rate, []).append(pair.id)
        if not aligned.segments:
            self._silent.append(pair.id)
        if grid.start != 0:
            self._shifted.append(pair.id)
        if abs(grid.end - info.duration) > _UNEQUAL:
            self._unequal.append(f"{pair.id} ({grid.end:.2f} s, audio {info.duration:.2f} s)")

    def _count(self, aligned: Aligned) -> None:
        self.folded.update(aligned.folded)
        self.left_over.update(aligned.left_over)

    def _speaker(self, pair: Pair) -> str:
        if self._pattern is None:
            return pair.folder
        relative = pair.id + pair.audio.suffix
        match = self._pattern.search(relative)
        if match is None or not match[1]:
            msg = (
                f"{pair.audio}: the pattern corpus.speaker = {self._pattern.pattern!r} finds no speaker in "
                f"{relative!r}; correct the pattern, or leave it away to take the folder's name."
            )
            raise CorpusError(msg)
        return match[1]

    def warnings(self) -> Iterable[str]:
        """Say what was odd, a sentence each."""
        wanted = self._settings.signal.sample_rate
        rates = sorted(self._rates.items())
        low = [f"{name} ({rate:,} Hz)" for rate, names in rates if rate < wanted for name in names]
        what = f"recorded below {wanted:,} Hz, so that the upper part of the spectrum is empty"
        yield from _listed("audio file", what, low)
        if len(rates) > 1:
            listed = ", ".join(f"{rate:,} Hz ({len(names):,})" for rate, names in rates)
            yield f"the audio has several rates: {listed}."
        what = f"longer or shorter than the audio by more than {_UNEQUAL} s"
        yield from _listed("TextGrid", what, self._unequal)
        what = "not starting at 0 s, the times taken for the audio's all the same"
        yield from _listed("TextGrid", what, self._shifted)
        yield from _listed("utterance", "without any phone", self._silent)
        if self.left_over:
            labels = ", ".join(f"{label!r} ({n:,})" for label, n in self.left_over.most_common(10))
            more = ", …" if len(self.left_over) > 10 else ""  # noqa: PLR2004 (as many as are named)
            n = self.left_over.total()
            are, were = ("label is", "was") if n == 1 else ("labels are", "were")
            yield f"{n:,} {are} neither a phone nor a pause, and {were} left out: {labels}{more}."


def _speaker_pattern(text: str) -> re.Pattern[str] | None:
    if not text:
        return None
    try:
        pattern = re.compile(text)
    except re.error as error:
        msg = f"corpus.speaker = {text!r}: this is not a regular expression ({error})"
        raise SettingError(msg) from None
    if pattern.groups != 1:
        msg = (
            f"corpus.speaker = {text!r}: it has {pattern.groups} groups, but has to have one, in round "
            r"brackets, around what names the speaker, as in '^(\w+)_'"
        )
        raise SettingError(msg)
    return pattern


def _names(corpus: Path, paths: Sequence[Path]) -> list[str]:
    return [path.relative_to(corpus).as_posix() for path in paths]


def _listed(noun: str, what: str, names: Sequence[str]) -> Iterable[str]:
    """One sentence that counts the names and gives the first few; none without names."""
    if names:
        more = ", …" if len(names) > _SHOWN else ""
        yield f"{len(names):,} {noun}{'s' * (len(names) > 1)} {what}: {', '.join(names[:_SHOWN])}{more}."
