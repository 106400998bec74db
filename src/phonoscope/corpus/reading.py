"""A corpus from whatever holds aligned speech."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from phonoscope.corpus.checking import Folded, fold_all, tally
from phonoscope.corpus.gathering import Gathered, Raw, gather
from phonoscope.corpus.oddities import lone_recordings, odd
from phonoscope.corpus.placing import Speakers, place
from phonoscope.corpus.recordings import read_headers
from phonoscope.corpus.registry import recognise
from phonoscope.corpus.splitting import split
from phonoscope.corpus.tree import Tree
from phonoscope.corpus.types import Corpus, Utterance
from phonoscope.errors import BrokenFilesError, CorpusError, UnknownPhonesError
from phonoscope.phones.notation import Notation, choose_notation
from phonoscope.progress import Progress, Quiet
from phonoscope.settings import Settings

if TYPE_CHECKING:
    import os

    from phonoscope.corpus.source import Format, Part
    from phonoscope.errors import AudioError
    from phonoscope.signal.audio import AudioInfo


@dataclass(frozen=True)
class Survey:
    """All that was found in a corpus, whether it can be used or not.

    Attributes
    ----------
    tree, form
        The files, and the format that they are read as.
    raw
        What the files say, of the utterances that have a recording.
    headers
        Of each recording; or why it can not be read.
    notation
        How the labels are read.
    folded, tokens
        What each label stands for, and how often it occurs.
    utterances
        Those that can be used, all in training: they are not yet parted.
    parts
        The part that the corpus itself names for each utterance's id, "" for none.
    problems
        The errors of those that can not be used, in the order of the files.
    listed
        What was odd about the files, a sentence each.
    odd
        What is odd about recordings, times and labels, but can be used, a sentence each.
    """

    tree: Tree
    form: Format
    raw: tuple[Raw, ...]
    headers: dict[Path, AudioInfo | AudioError]
    notation: Notation
    folded: Folded
    tokens: tuple[int, ...]
    utterances: tuple[Utterance, ...]
    parts: dict[str, Part]
    problems: tuple[CorpusError, ...]
    listed: tuple[str, ...]
    odd: tuple[str, ...]


def read_corpus(
    path: str | os.PathLike[str],
    settings: Settings | None = None,
    *,
    jobs: int = 1,
    progress: Progress | None = None,
) -> Corpus:
    """Read aligned speech of any format that `phonoscope.corpus.registry` knows, and part it.

    The path is a folder, or one file of alignments. The audio may have any rate and any number of channels; only its
    headers are read here. An utterance's id is its path in the corpus without the suffix, or what the format calls it.
    Its speaker is what the pattern ``corpus.speaker`` finds in its id, else whom the format names, else the folder that
    holds it (so ``train/anna`` and ``dev/anna`` are one speaker, and a file directly in the corpus is spoken by the
    corpus's own name). Labels are folded onto phones; what is neither a phone nor a pause leaves a gap and is counted
    in the corpus's `left_over`. What is odd but usable is in its `warnings`.

    Parameters
    ----------
    path
        The corpus.
    settings
        All settings; the defaults if None.
    jobs
        Processes, should the corpus have many files.
    progress
        Where to tell how far it is.

    Raises
    ------
    CorpusError
        One of its kinds: there are no files to read, a file is broken (such as `TextGridError`, `AudioError`), an
        alignment does not fit (`TierError`, `IntervalError`), no label is known (`UnknownPhonesError`), or the
        corpus can not be parted (`SplitError`, `LeakageError`). If several files are at fault, a `BrokenFilesError`
        holds the error of each.
    SettingError
        ``corpus.speaker`` is not a regular expression with one group.
    """
    settings = settings or Settings()
    found = survey(Path(path), settings, jobs=jobs, progress=progress)
    if found.problems:
        raise found.problems[0] if len(found.problems) == 1 else BrokenFilesError(found.problems)
    return parted(found, settings)


def parted(found: Survey, settings: Settings) -> Corpus:
    """Make a corpus of the utterances that can be used.

    Raises
    ------
    CorpusError
        No label is known (`UnknownPhonesError`), or the corpus can not be parted (`SplitError`, `LeakageError`).
    """
    folded, left_over = tally(found.folded, found.tokens)
    if not any(u.segments for u in found.utterances):
        raise UnknownPhonesError(found.tree.root, sorted(left_over, key=lambda label: -left_over[label]))
    warnings = [*found.listed, *found.odd]
    if left_over:
        warnings.append(found.notation.note)
    return Corpus(
        name=found.tree.root.resolve().name,
        utterances=split(found.utterances, settings.corpus, settings.seed, found.parts, warnings.append),
        phones=found.notation.phones,
        folded=folded,
        left_over=left_over,
        warnings=tuple(warnings),
        notation=found.notation.name,
        note=found.notation.note,
        ipa=dict(found.notation.ipa),
    )


def survey(path: Path, settings: Settings, *, jobs: int = 1, progress: Progress | None = None) -> Survey:
    """Look at all of a corpus: like `read_corpus`, but what is wrong with single files is told, not raised.

    Raises
    ------
    CorpusError
        There are no files to read, or no utterance has a recording.
    SettingError
        As for `read_corpus`.
    """
    progress = progress or Quiet()
    speakers = Speakers(settings.corpus.speaker, path)
    tree = Tree(path, settings.corpus.audio, outside=settings.corpus.outside)
    form, warnings = recognise(tree, settings.corpus)
    listing = form.listing(tree, settings.corpus)
    gathered = gather(listing.units, jobs=jobs, progress=progress)
    raw = [one for one in gathered.utterances if one.spoken.audio is not None]
    silent = [one.spoken.id for one in gathered.utterances if one.spoken.audio is None]
    if silent and not raw and not gathered.problems:
        msg = (
            f"{path}: none of the {len(silent):,} utterances has a recording (the first is {silent[0]!r}); put the "
            "audio beside the alignments, or name its folder by --corpus.audio."
        )
        raise CorpusError(msg)
    headers = read_headers((one.spoken.audio for one in raw if one.spoken.audio), jobs=jobs, progress=progress)
    tokens = _tokens(raw, len(gathered.labels))
    counts = {label: n for label, n in zip(gathered.labels, tokens, strict=True) if n}
    notation = choose_notation(counts, settings.corpus, form.name)
    folded = fold_all(gathered.labels, notation.phones, notation.fold)
    utterances, problems = _placed(gathered, raw, headers, folded, speakers)
    return Survey(
        tree=tree,
        form=form,
        raw=tuple(raw),
        headers=headers,
        notation=notation,
        folded=folded,
        tokens=tokens,
        utterances=tuple(utterances),
        parts={one.spoken.id: one.spoken.part for one in raw},
        problems=tuple(problems),
        listed=(*warnings, *listing.warnings, *lone_recordings(tree, form, headers, silent)),
        odd=tuple(odd(tree, raw, headers, utterances, settings.signal.sample_rate)),
    )


def _tokens(raw: list[Raw], n_labels: int) -> tuple[int, ...]:
    counts = np.zeros(n_labels, np.int64)
    for one in raw:
        counts += np.bincount(one.rows["label"], minlength=n_labels)
    return tuple(counts.tolist())


def _placed(
    gathered: Gathered,
    raw: list[Raw],
    headers: dict[Path, AudioInfo | AudioError],
    folded: Folded,
    speakers: Speakers,
) -> tuple[list[Utterance], list[CorpusError]]:
    """Make the utterances; return them, and the errors of those that can not be made, in the order of the files."""
    utterances: list[Utterance] = []
    problems = list(gathered.problems)
    seen: dict[str, Raw] = {}
    broken: set[Path] = set()
    for one in raw:
        spoken = one.spoken
        info = headers[spoken.audio]  # type: ignore[index] # those without were taken out
        try:
            _refuse_second(seen.setdefault(spoken.id, one), one)
            utterances.append(place(one, info, folded, speakers.of(spoken)))
        except CorpusError as error:
            if error is info and spoken.audio in broken:  # told once, however many utterances the recording has
                continue
            if error is info and spoken.audio:
                broken.add(spoken.audio)
            problems.append((one.unit, error))
    return utterances, [error for _, error in sorted(problems, key=lambda item: item[0])]


def _refuse_second(first: Raw, one: Raw) -> None:
    """Raise if an utterance has the id of another."""
    if first is not one:
        here, there = (
            f"{raw.spoken.source}{', ' if raw.spoken.where else ''}{raw.spoken.where}" for raw in (one, first)
        )
        msg = f"{here}: the utterance {one.spoken.id!r} is there twice, first in {there}; remove one of them."
        raise CorpusError(msg)
