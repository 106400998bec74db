"""The EMU speech database management system: ``_annot.json`` files, in an emuDB or beside their audio.

In an emuDB (``NAME_emuDB/SESSION_ses/BUNDLE_bndl/``) a bundle holds a recording and its annotations; a session holds
bundles. An annotation has levels; one of type SEGMENT has items with ``sampleStart`` and ``sampleDur``.

A segment holds the samples from ``sampleStart`` to ``sampleStart + sampleDur``, *both* included: the next one starts a
sample later. EMU's own times put a boundary half a sample before a segment's first sample, for there a sample is a
point; here a sample lasts from ``i / rate`` to ``(i + 1) / rate``, as in Praat, so that a segment starts at
``sampleStart / rate`` and ends at ``(sampleStart + sampleDur + 1) / rate``. No boundary moves against the samples.
"""

from __future__ import annotations

from functools import partial
from pathlib import PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Any, Final

from phonoscope.corpus.formats.shared import chosen_tier, found_audio, number, opened_json, shown
from phonoscope.corpus.source import Interval, Listing, Spoken, Unit
from phonoscope.errors import CorpusError, FormatError, TierError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from phonoscope.corpus.source import Tree
    from phonoscope.settings import CorpusSettings

REMEDY: Final = "open the bundle in the EMU-webApp and save it again, or remove it"

_END = "_annot.json"
_SESSION, _BUNDLE, _DATABASE = "_ses", "_bndl", "_emuDB"


class Emu:
    """Satisfies `phonoscope.corpus.source.Format`."""

    name = "emu"
    title = "EMU"

    def recognises(self, tree: Tree) -> bool:
        """Tell whether there are ``_annot.json`` files."""
        return bool(_annotations(tree))

    def listing(self, tree: Tree, settings: CorpusSettings) -> Listing:
        """List the ``_annot.json`` files.

        Raises
        ------
        CorpusError
            There is none.
        """
        found = _annotations(tree)
        if not found:
            msg = f"{tree.root}: there are no _annot.json files; name an emuDB, the folder that ends in _emuDB."
            raise CorpusError(msg)
        return Listing(tuple(_unit(tree, path, settings.tier) for path in found))


FORMAT = Emu()


def _annotations(tree: Tree) -> list[Path]:
    return [path for path in tree.with_suffix(".json") if path.name.lower().endswith(_END)]


def _unit(tree: Tree, path: Path, tier: str) -> Unit:
    plain = path.with_name(path.name[: -len(_END)] + ".json")
    parts = tree.id(plain).split("/")
    if len(parts) > 1 and parts[-2] == parts[-1] + _BUNDLE:
        del parts[-2]
    sessions = [part.removesuffix(_SESSION) for part in parts[:-1] if part.endswith(_SESSION)]
    key = "/".join([*(part.removesuffix(_SESSION).removesuffix(_DATABASE) for part in parts[:-1]), parts[-1]])
    return Unit(path, partial(read, path, key, sessions[-1] if sessions else "", found_audio(tree, plain), tier))


def read(path: Path, key: str, speaker: str, audio: Path | CorpusError | None, tier: str) -> Iterator[Spoken]:
    """Read the phones of one ``_annot.json`` file.

    Where no recording of its name is beside it, the one that its field ``annotates`` names is looked for there.

    Raises
    ------
    FormatError
        The file can not be read, is no annotation of EMU's, or an item of the phones is no segment.
    TierError
        No level of segments, or several, could hold the phones.
    CorpusError
        `audio` is one.
    """
    if isinstance(audio, CorpusError):
        raise audio
    annotation = opened_json(path, REMEDY)
    rate, levels = _checked(path, annotation)
    if audio is None:
        audio = _annotated(path, annotation.get("annotates"))
    name, label, items = _level(path, levels, tier)
    intervals = [_interval(path, name, label, item, rate) for item in items]
    intervals.sort(key=lambda interval: (interval.start, interval.end))
    yield Spoken(key, speaker, audio, tuple(intervals), path, f"level {name!r}")


def _checked(path: Path, annotation: object) -> tuple[float, list[dict[str, Any]]]:
    if not isinstance(annotation, dict) or "levels" not in annotation:
        raise FormatError(path, "", "this is no annotation of EMU's: it has no levels", REMEDY)
    rate = number(annotation.get("sampleRate"))
    if rate is None or rate <= 0:
        problem = f"{shown(annotation.get('sampleRate'))} stands where the sampleRate should be"
        raise FormatError(path, "", problem, REMEDY)
    levels = annotation["levels"]
    if not isinstance(levels, list) or not all(
        isinstance(level, dict) and isinstance(level.get("name"), str) and isinstance(level.get("items"), list)
        for level in levels
    ):
        raise FormatError(path, "", "its levels are not a list of levels with a name and items each", REMEDY)
    return rate, levels


def _level(path: Path, levels: list[dict[str, Any]], tier: str) -> tuple[str, str, list[object]]:
    """Return the name of the phones' level, that of the label in it, and its items.

    The level's own name is its first label's; others may stand beside it ("SAMPA", "IPA"), and `tier` may name one.
    """
    segments = [level for level in levels if level.get("type") == "SEGMENT"]
    if tier:
        named = [name for level in levels for name in [level["name"], *_labels(level)] if _same(name, tier)]
        timed = [name for level in segments for name in [level["name"], *_labels(level)]]
        if named and not any(_same(name, tier) for name in timed):
            names = [level["name"] for level in segments]
            raise TierError(path, f"the level {tier!r} is not of type SEGMENT, so it has no times", names)
        for level in segments:
            for label in _labels(level):
                if _same(label, tier) and not _same(level["name"], tier):
                    return level["name"], label, level["items"]
    level = segments[chosen_tier(path, [level["name"] for level in segments], tier)]
    return level["name"], level["name"], level["items"]


def _labels(level: dict[str, Any]) -> list[str]:
    first = next(iter(level["items"]), None)
    labels = first.get("labels") if isinstance(first, dict) else None
    if not isinstance(labels, list):
        return []
    return [x["name"] for x in labels if isinstance(x, dict) and isinstance(x.get("name"), str)]


def _same(one: str, other: str) -> bool:
    return one.strip().casefold() == other.strip().casefold()


def _interval(path: Path, level: str, label: str, item: object, rate: float) -> Interval:
    if not isinstance(item, dict):
        raise FormatError(path, f"level {level!r}", f"{shown(item)} stands where an item should be", REMEDY)
    where = f"level {level!r}, item {shown(item.get('id'))}"
    start, length = number(item.get("sampleStart")), number(item.get("sampleDur"))
    if start is None or length is None:
        missing = "sampleStart" if start is None else "sampleDur"
        raise FormatError(path, where, f"{shown(item.get(missing))} stands where the {missing} should be", REMEDY)
    if length < 0:
        raise FormatError(path, where, f"its sampleDur is {length:g}, so that it would end before its start", REMEDY)
    return Interval(_label(path, where, label, item.get("labels")), start / rate, (start + length + 1) / rate)


def _label(path: Path, where: str, name: str, labels: object) -> str:
    if not isinstance(labels, list):
        raise FormatError(path, where, f"{shown(labels)} stands where its labels should be", REMEDY)
    found = [x for x in labels if isinstance(x, dict) and x.get("name") == name] or labels[:1]
    if not found:
        return ""
    value = found[0].get("value") if isinstance(found[0], dict) else None
    if not isinstance(value, str):
        raise FormatError(path, where, f"{shown(value)} stands where its label's value should be", REMEDY)
    return value


def _annotated(path: Path, name: object) -> Path | None:
    """Return the file beside an annotation that it names, whatever folder that name has."""
    if not isinstance(name, str):
        return None
    own = PureWindowsPath(PurePosixPath(name).name).name
    try:
        audio = path.parent / own
        return audio if own and audio.is_file() else None
    except (OSError, ValueError):  # no name that a file could have
        return None
