"""Praat's TextGrids, beside the audio or in a tree of their own, as the Montreal Forced Aligner writes them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from phonoscope.corpus.source import Interval, Listing, Spoken, Unit
from phonoscope.corpus.textgrid import read_textgrid
from phonoscope.corpus.tiers import phones_tiers
from phonoscope.corpus.tree import AUDIO_READ
from phonoscope.corpus.wording import listed
from phonoscope.errors import CorpusError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from phonoscope.corpus.source import Tree
    from phonoscope.settings import CorpusSettings

SUFFIX = ".TextGrid"


@dataclass(frozen=True, slots=True)
class Pair:
    """A TextGrid and its recording; the id is the TextGrid's path in the corpus without its suffix."""

    id: str
    audio: Path
    textgrid: Path


@dataclass(frozen=True, slots=True)
class Found:
    """What a tree holds: pairs in the order of their ids, and audio and TextGrids that stand alone."""

    pairs: tuple[Pair, ...]
    lone_audio: tuple[Path, ...]
    lone_textgrids: tuple[Path, ...]


class TextGrids:
    """TextGrids with a tier of phones, or one a speaker ("anna - phones")."""

    name = "textgrid"
    title = "Praat TextGrids"

    def recognises(self, tree: Tree) -> bool:
        """Tell whether there are TextGrids."""
        return bool(tree.with_suffix(SUFFIX))

    def listing(self, tree: Tree, settings: CorpusSettings) -> Listing:
        """List the TextGrids that have a recording.

        Raises
        ------
        CorpusError
            There is none; or a name is there twice, so that it is open what belongs together.
        """
        found = pair_up(tree)
        units = tuple(Unit(p.textgrid, partial(_read, p.id, p.audio, p.textgrid, settings.tier)) for p in found.pairs)
        lone_audio = [tree.shown(path) for path in found.lone_audio]
        lone_grids = [tree.shown(path) for path in found.lone_textgrids]
        warnings = (
            *listed("audio file", "without a TextGrid beside it: not used", lone_audio),
            *listed("TextGrid", "without audio beside it: not used", lone_grids),
        )
        return Listing(units, warnings)


FORMAT = TextGrids()


def pair_up(tree: Tree) -> Found:
    """Find each TextGrid's recording: beside it, or by its name in a tree of audio.

    A recording that has its TextGrid beside it takes no other: that one stands alone.

    Raises
    ------
    CorpusError
        There are no recordings, or no TextGrid has one; a TextGrid's recording, or a recording's TextGrid, is there
        twice.
    """
    if not tree.audio:
        msg = (
            f"{tree.root}: there is no audio in this folder; what is read are {AUDIO_READ} files. Put the audio beside "
            "the TextGrids, or name its folder by --corpus.audio."
        )
        raise CorpusError(msg)
    grids: dict[str, Path] = {}
    for path in tree.with_suffix(SUFFIX):
        key = tree.id(path)
        if key in grids:
            one, two = sorted((grids[key].name, path.name))
            msg = f"{path.parent}: {one!r} and {two!r} have the same name but for the suffix; keep one of them."
            raise CorpusError(msg)
        grids[key] = path
    audio: dict[str, Path | None] = {key: tree.audio_of(path) for key, path in sorted(grids.items())}
    beside = {path for key, path in audio.items() if path is not None and tree.id(path) == key}
    pairs: dict[Path, Pair] = {}
    lone = []
    for key, place in audio.items():
        if place is None or (place in beside and tree.id(place) != key):
            lone.append(grids[key])
        elif place in pairs:
            one, two = tree.shown(pairs[place].textgrid), tree.shown(grids[key])
            msg = f"{tree.root}: the recording {tree.shown(place)} has two TextGrids, {one} and {two}; keep one."
            raise CorpusError(msg)
        else:
            pairs[place] = Pair(key, place, grids[key])
    if not pairs:
        first = min(tree.audio)
        msg = (
            f"{tree.root}: no audio file has a TextGrid beside it ({first.name} would need "
            f"{first.with_suffix(SUFFIX).name}); put the phones' TextGrids beside the audio, or name the folder of the "
            "audio by --corpus.audio."
        )
        raise CorpusError(msg)
    lone_audio = sorted((path for path in tree.audio if path not in pairs), key=tree.id)
    return Found(tuple(pairs.values()), tuple(lone_audio), tuple(lone))


def _read(key: str, audio: Path, path: Path, tier: str) -> Iterator[Spoken]:
    grid = read_textgrid(path)
    for speaker, found in phones_tiers(path, grid, tier):
        intervals = tuple(Interval(label, start, end) for start, end, label in found.intervals)
        yield Spoken(
            id=f"{key}/{speaker}" if speaker else key,
            speaker=speaker,
            audio=audio,
            intervals=intervals,
            source=path,
            where=f"tier {found.name!r}",
            claimed=(grid.start, grid.end),
        )
