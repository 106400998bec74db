"""The recordings of a corpus held against its alignments, each recording decoded once."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from phonoscope.corpus.checks.hearing import FRAMES, hear
from phonoscope.corpus.checks.levels import marked, silences, unlabelled_speech
from phonoscope.corpus.checks.loudness import expected_levels
from phonoscope.corpus.checks.shifts import Likeness, likeness
from phonoscope.corpus.problems import Problem
from phonoscope.corpus.segments import segment_columns
from phonoscope.errors import AudioError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from phonoscope.corpus.gathering import Raw
    from phonoscope.corpus.reading import Survey
    from phonoscope.corpus.types import Utterance

_EMPTY = 1e-3
"""Peak below which nothing was recorded: 60 dB below full scale."""
_AHEAD = 4


class Match(NamedTuple):
    """How an utterance's alignment lies to its audio."""

    utterance: str
    source: Path
    start: float
    likeness: Likeness


class Heard(NamedTuple):
    """What was found in a recording."""

    problems: list[Problem]
    matches: list[Match]


class _Claim(NamedTuple):
    utterance: Utterance
    raw: Raw
    other: NDArray[np.bool_]  # which intervals are no pauses


def listen(found: Survey, jobs: int) -> Iterator[Heard]:
    """Hear every recording whose header can be read, on all cores; in order, and a few ahead only.

    Raises nothing: a recording that can not be decoded is among the problems.
    """
    expected = expected_levels(found.notation.phones, found.notation.ipa)
    index = {phone: i for i, phone in enumerate(found.notation.phones)}
    work = ((path, claims, index, expected) for path, claims in _claims(found).items())
    with ThreadPoolExecutor(jobs) as pool:
        running = deque(pool.submit(_hear, *one) for one in islice(work, _AHEAD * jobs))
        while running:
            done = running.popleft().result()
            running.extend(pool.submit(_hear, *one) for one in islice(work, 1))
            yield done


def recordings(found: Survey) -> list[Path]:
    """Return the recordings whose headers could be read, in the order of the corpus."""
    return [path for path, info in found.headers.items() if not isinstance(info, AudioError)]


def _claims(found: Survey) -> dict[Path, list[_Claim]]:
    raws = {one.spoken.id: one for one in found.raw}
    pauses = found.folded.codes == -1
    claims: dict[Path, list[_Claim]] = {path: [] for path in recordings(found)}
    for one in found.utterances:
        raw = raws[one.id]
        claims[one.audio].append(_Claim(one, raw, ~pauses[raw.rows["label"]]))
    return claims


def _hear(path: Path, claims: Sequence[_Claim], index: dict[str, int], expected: NDArray[np.float64]) -> Heard:
    try:
        sounds = hear(path, {claim.utterance.channel for claim in claims} or {None})
    except AudioError as error:
        text = str(error).removeprefix(str(path)).lstrip(": ")
        return Heard([Problem("unreadable audio", "error", text, path)], [])
    problems: list[Problem] = []
    for channel, sound in sounds.items():
        of = "" if channel is None else f"channel {channel} "
        if sound.peak < _EMPTY:
            loudest = f"peaks at {20 * np.log10(sound.peak):.0f} dB" if sound.peak else "holds nothing but zeros"
            problems.append(Problem("empty audio", "warning", f"{of}{loudest}: nothing was recorded", path))
        elif sound.clipped:
            text = f"{of}{sound.clipped:,} peaks are cut off, at {sound.peak:.2f} of full scale: the level was too high"
            problems.append(Problem("clipped audio", "warning", text, path, sound.first_clipped))
    matches: list[Match] = []
    for claim in claims:
        sound = sounds[claim.utterance.channel]
        if sound.peak >= _EMPTY:
            matches += _match(claim, sound.levels, index, expected, problems)
    return Heard(problems, matches)


def _match(
    claim: _Claim,
    levels: NDArray[np.float32],
    index: dict[str, int],
    expected: NDArray[np.float64],
    problems: list[Problem],
) -> Iterator[Match]:
    one, spoken = claim.utterance, claim.raw.spoken
    if not one.segments:
        return
    first = round(one.start * FRAMES)
    levels = levels[first : first + round(one.duration * FRAMES)]
    codes, starts, ends = segment_columns(one.segments, index)
    claimed = marked(starts, ends, len(levels))
    rows = claim.raw.rows[claim.other]
    for a, b in silences(levels, claimed):
        labels = " ".join(s.phone for s in one.segments if s.start < b and s.end > a)
        text = f"{b - a:.2f} s of silence where the labels say {labels!r}"
        problems.append(Problem("silence as speech", "warning", text, spoken.source, one.start + a, one.id))
    for a, b in unlabelled_speech(levels, claimed, marked(rows["start"], rows["end"], len(levels))):
        text = f"{b - a:.2f} s as loud as speech without a label"
        problems.append(Problem("speech without labels", "warning", text, spoken.source, one.start + a, one.id))
    yield Match(one.id, spoken.source, one.start, likeness(levels, starts, ends, expected[codes]))
