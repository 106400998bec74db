"""What is wrong with a corpus as a whole, or between its files."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

import numpy as np

from phonoscope.corpus.checks.shifts import REACH, best_shift
from phonoscope.corpus.oddities import UNEQUAL
from phonoscope.corpus.problems import Problem
from phonoscope.corpus.recordings import same_recordings
from phonoscope.signal.audio import AudioInfo

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from phonoscope.corpus.checks.listening import Match
    from phonoscope.corpus.reading import Survey

SHIFTED: Final = 0.03
"""Seconds by which all alignments may lie beside the speech without a warning: the method is good to about 5 ms."""
ONE_SHIFTED: Final = 0.05
"""The same for one utterance, of which less is known."""
_GAIN = 0.1
"""By how much more alike an utterance has to be to its labels when these are moved."""
_FRAMES = 150
"""Utterances shorter than this many frames say too little of their own."""
_RATIO = 0.005
_RATES = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000)


def rate_problems(found: Survey, wanted: int) -> Iterator[Problem]:
    """Tell of recordings below the rate that is wanted, and of those whose rate is not the usual one of the corpus."""
    infos = {path: info for path, info in found.headers.items() if isinstance(info, AudioInfo)}
    if not infos:
        return
    rates, counts = np.unique([info.rate for info in infos.values()], return_counts=True)
    usual = int(rates[counts.argmax()])
    for path, info in infos.items():
        if info.rate < wanted:
            text = f"recorded at {info.rate:,} Hz, below {wanted:,}: the upper part of the spectrum is empty"
            yield Problem("low rate", "warning", text, path)
        elif info.rate != usual:
            yield Problem("other rate", "note", f"recorded at {info.rate:,} Hz, most of the corpus at {usual:,}", path)


def length_problems(found: Survey) -> Iterator[Problem]:
    """Tell of alignments that state another length than their audio has."""
    for one in found.raw:
        spoken = one.spoken
        info = found.headers.get(spoken.audio) if spoken.audio else None
        if not isinstance(info, AudioInfo) or spoken.claimed is None:
            continue
        start, end = spoken.claimed
        if start:
            text = f"starts at {start:.3f} s, not at 0; its times are taken for the audio's all the same"
            yield Problem("other length", "warning", text, spoken.source, None, spoken.id)
        if abs(end - info.duration) > UNEQUAL:
            why = _rate_mistaken(end / info.duration, info.rate)
            text = f"ends at {end:.2f} s, the audio at {info.duration:.2f} s{why}"
            yield Problem("other length", "warning", text, spoken.source, None, spoken.id)


def _rate_mistaken(ratio: float, rate: int) -> str:
    """Say for what other rate an alignment's length would be right."""
    if abs(ratio - 1) < 2 * _RATIO:
        return ""
    for other in _RATES:
        if other != rate and abs(ratio * other / rate - 1) < _RATIO:
            return f"; it fits audio of {other:,} Hz, this has {rate:,}: was one of them taken for the other?"
    return ""


def duplicates(found: Survey) -> Iterator[Problem]:
    """Tell of recordings that are there twice, and of utterances that overlap in one recording."""
    first = same_recordings(found.headers)
    for path, of in first.items():
        if path != of:
            text = f"the same recording as {found.tree.shown(of)}; both are kept on the same side of the split"
            yield Problem("duplicate audio", "warning", text, path)
    within: dict[tuple[Path, int | None], list[tuple[float, float, str]]] = defaultdict(list)
    for u in found.utterances:
        within[u.audio, u.channel].append((u.start, u.start + u.duration, u.id))
    for (path, _), stretches in within.items():
        end, before = -np.inf, ""
        for a, b, name in sorted(stretches):
            if a < end - 1e-3:  # times may be rounded
                text = f"starts {end - a:.2f} s before the end of {before!r}: their speech counts twice"
                yield Problem("overlapping utterances", "warning", text, path, a, name)
            if b > end:
                end, before = b, name


def absent_phones(segments: Mapping[str, int]) -> Iterator[Problem]:
    """Tell of phones of the set without a segment; where no phone has any, that is the error."""
    absent = [phone for phone, n in segments.items() if not n]
    if absent and len(absent) < len(segments):
        do, are = ("does", "is") if len(absent) == 1 else ("do", "are")
        names = " ".join(f"/{phone}/" for phone in absent)
        yield Problem("phones without segments", "note", f"{names} of the phone set {do} not occur, and {are} left out")


def lone_labels(found: Survey) -> Iterator[Problem]:
    """Tell of labels that occur once, which are often slips of the keyboard."""
    once = np.flatnonzero(np.array(found.tokens) == 1)
    if not len(once):
        return
    for one in found.raw:
        rows = one.rows[np.isin(one.rows["label"], once)]
        for start, _, number in rows.tolist():
            code = found.folded.codes[number]
            stands = "no phone" if code == -2 else "a pause" if code < 0 else f"/{found.notation.phones[code]}/"  # noqa: PLR2004
            text = f"the label {found.folded.labels[number]!r} is there once only (taken for {stands})"
            yield Problem("label seen once", "note", text, one.spoken.source, one.spoken.start + start, one.spoken.id)


def shift_problems(matches: Sequence[Match]) -> Iterator[Problem]:
    """Tell whether alignments lie beside the speech: all of them, or single ones."""
    whole = overall_shift(matches)
    if abs(whole) >= SHIFTED:
        text = (
            f"all alignments lie about {1000 * abs(whole):.0f} ms too {'early' if whole > 0 else 'late'}, by the "
            "energy of the audio; move them, or see whether the audio was cut after it was aligned"
        )
        yield Problem("shifted alignment", "warning", text)
    for match in matches:
        curve = match.likeness.curve
        if match.likeness.frames < _FRAMES or np.isnan(curve).all():
            continue
        shift = match.likeness.shift
        gain = float(np.nanmax(curve)) - float(curve[REACH])
        if abs(shift) >= ONE_SHIFTED and abs(shift - whole) >= ONE_SHIFTED and gain >= _GAIN:
            text = (
                f"the alignment seems to lie {1000 * abs(shift):.0f} ms too {'early' if shift > 0 else 'late'} "
                f"(likeness to the audio's energy {curve[REACH]:.2f}, moved {np.nanmax(curve):.2f})"
            )
            yield Problem("shifted alignment", "warning", text, match.source, match.start, match.utterance)


def overall_shift(matches: Sequence[Match]) -> float:
    """Return by how much all alignments would have to be moved, seconds; positive: the speech is later."""
    total = np.zeros(2 * REACH + 1)
    for match in matches:
        total += np.nan_to_num(match.likeness.curve) * match.likeness.frames
    return best_shift(total) if total.any() else 0.0
