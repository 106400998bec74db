"""What is odd about a corpus that can be used all the same, a sentence each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from phonoscope.corpus.wording import listed
from phonoscope.signal.audio import AudioInfo

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from phonoscope.corpus.gathering import Raw
    from phonoscope.corpus.source import Format, Tree
    from phonoscope.corpus.types import Utterance

UNEQUAL: Final = 0.1
"""Seconds by which a TextGrid may be longer or shorter than its audio without a warning."""


def lone_recordings(tree: Tree, form: Format, used: Collection[Path], without: Sequence[str]) -> Iterator[str]:
    """Say which utterances have no recording, and which recordings have no alignment."""
    yield from listed("utterance", "without a recording: not used", without)
    if form.name != "textgrid" and tree.root.is_dir():  # TextGrids are paired with audio, and have said so
        lone = [tree.shown(path) for path in tree.audio if path not in used]
        yield from listed("audio file", "without an alignment: not used", lone)


def odd(
    tree: Tree,
    raw: Sequence[Raw],
    headers: Mapping[Path, object],
    utterances: Sequence[Utterance],
    rate: int,
) -> Iterator[str]:
    """Say what is odd about recordings and times.

    Parameters
    ----------
    tree
        The corpus.
    raw, headers
        What the files say; the header of each recording, where it can be read.
    utterances
        What was made of that.
    rate
        To which audio is resampled, Hz.
    """
    infos = {path: info for path, info in headers.items() if isinstance(info, AudioInfo)}
    yield from _rates(tree, infos, rate)
    unequal, shifted = [], []
    for one in raw:
        info = infos.get(one.spoken.audio) if one.spoken.audio else None
        if info is None or one.spoken.claimed is None:
            continue
        start, end = one.spoken.claimed
        if start != 0:
            shifted.append(one.spoken.id)
        if abs(end - info.duration) > UNEQUAL:
            unequal.append(f"{one.spoken.id} ({end:.2f} s, audio {info.duration:.2f} s)")
    yield from listed("TextGrid", f"longer or shorter than the audio by more than {UNEQUAL} s", unequal)
    yield from listed("TextGrid", "not starting at 0 s, the times taken for the audio's all the same", shifted)
    yield from listed("utterance", "without any phone", [u.id for u in utterances if not u.segments])


def _rates(tree: Tree, infos: Mapping[Path, AudioInfo], wanted: int) -> Iterator[str]:
    rates: dict[int, list[str]] = {}
    for path, info in infos.items():
        rates.setdefault(info.rate, []).append(tree.id(path))
    ordered = sorted(rates.items())
    low = [f"{name} ({rate:,} Hz)" for rate, names in ordered if rate < wanted for name in names]
    what = f"recorded below {wanted:,} Hz, so that the upper part of the spectrum is empty"
    yield from listed("audio file", what, low)
    if len(rates) > 1:
        counts = ", ".join(f"{rate:,} Hz ({len(names):,})" for rate, names in ordered)
        yield f"the audio has several rates: {counts}."
