"""All formats by name, and which of them a tree holds."""

from __future__ import annotations

from collections import Counter
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

from phonoscope.corpus.tree import AUDIO_READ, audio_suffixes
from phonoscope.errors import CorpusError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from phonoscope.corpus.source import Format, Tree
    from phonoscope.settings import CorpusSettings

NAMES = ("textgrid", "timit", "ctm", "lab", "sppas", "emu", "lhotse", "table")

# Of two formats in one tree the first is read, with a warning that says what is taken for what.
_BEFORE = {
    ("textgrid", "lab"): "the .lab files are taken for word transcripts, as the Montreal Forced Aligner has them",
    ("sppas", "lab"): "the .lab files are taken for word transcripts",
    ("emu", "lab"): "the .lab files are taken for what the database was made from",
    ("sppas", "textgrid"): "the TextGrids are taken for what SPPAS read or exported",
    ("emu", "textgrid"): "the TextGrids are taken for what the database was made from",
}
_WEAK = "table"  # a tree may hold tables of many things
_SHOWN = 8


@cache
def formats() -> dict[str, Format]:
    """Return the formats by name, in a fixed order."""
    found: dict[str, Format] = {}
    for name in NAMES:
        module = f"phonoscope.corpus.formats.{name}"
        try:
            found[name] = import_module(module).FORMAT
        except ModuleNotFoundError as error:
            if error.name != module:
                raise
    return found


def recognise(tree: Tree, settings: CorpusSettings) -> tuple[Format, list[str]]:
    """Return the format that a tree is read as, and what is to be warned of.

    ``corpus.format`` names it, or it is found by looking. Where several are found, some go before others: TextGrids
    before ``.lab`` files, which are then word transcripts; SPPAS and EMU before the TextGrids that they were made from
    or exported to; all before tables.

    Raises
    ------
    CorpusError
        No format is recognised, or several of which none goes before the others.
    """
    known = formats()
    if settings.format != "auto":
        if settings.format not in known:
            msg = f"corpus.format = {settings.format}: this installation does not read it; it reads {', '.join(known)}."
            raise CorpusError(msg)
        return known[settings.format], []
    found = [form for form in known.values() if form.recognises(tree)]
    if not found:
        raise CorpusError(_nothing(tree, known.values()))
    first = next((form for form in found if all(form is other or _before(form, other) for other in found)), None)
    if first is None:
        listed = " and ".join(form.title for form in found)
        names = " or ".join(f"--corpus.format {form.name}" for form in found)
        msg = f"{tree.root}: there are {listed} in this folder; choose by {names}."
        raise CorpusError(msg)
    return first, [_warning(first, other) for other in found if other is not first]


def _before(one: Format, other: Format) -> bool:
    return (one.name, other.name) in _BEFORE or (other.name == _WEAK and one.name != _WEAK)


def _warning(one: Format, other: Format) -> str:
    why = _BEFORE.get((one.name, other.name), "the tables are taken for something else")
    return f"{one.title} are read; {why} (--corpus.format {other.name} reads those)."


def _nothing(tree: Tree, known: Iterable[Format]) -> str:
    counts = Counter(path.suffix.casefold() or "without a suffix" for path in tree.files)
    listed = ", ".join(f"{n:,} {suffix}" for suffix, n in counts.most_common(_SHOWN))
    there = f"its files: {listed}{', …' if len(counts) > _SHOWN else ''}" if counts else "it holds no files"
    has_audio = any(suffix in audio_suffixes() for suffix in counts)
    problem = (
        "no alignment of phones was recognised beside the audio in this folder"
        if has_audio
        else "there is no audio in this folder, and no alignment of phones was recognised"
    )
    reads = ", ".join(form.title for form in known)
    return (
        f"{tree.root}: {problem} ({there}). What is read: {reads}; audio as {AUDIO_READ}. "
        "Name another folder, or the format by --corpus.format."
    )
