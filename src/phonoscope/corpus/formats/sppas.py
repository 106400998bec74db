"""SPPAS: ``.xra`` files, as they were written from version 1.1 of the format (2014) to 1.5 (SPPAS 4).

The format's schema is public (``XRAv1.5.xsd``): a document holds tiers, a tier annotations, an annotation a location
and labels. Over the years the names of elements changed: a location's ``Timeinterval`` stood in a ``Localization``
until 1.3 and is an ``Interval`` since, a label's text was ``Text`` and is ``Tag``. Both may be given several times with
scores; the best one counts, the first of equal ones. The ``radius`` of a time (how sure SPPAS is of it) is not used.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final, NoReturn
from xml.parsers import expat

from phonoscope.corpus.formats.shared import chosen_tier, found_audio, numeral, shown
from phonoscope.corpus.source import Interval, Listing, Spoken, Unit
from phonoscope.errors import CorpusError, FormatError, TierError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from phonoscope.corpus.source import Tree
    from phonoscope.settings import CorpusSettings

REMEDY: Final = "open it in SPPAS and save it again, or remove it"

_KIND = re.compile(
    r"-(palign|merge|token|phon|salign|syll|ipus?|tga|momel|intsint|activity|rms|stops|lex|ralign|"
    r"srepet|orepet|pclass|overlaps?|align)$",
    re.IGNORECASE,
)
"""What SPPAS adds to a recording's name, for the annotations that speech has."""
_HELD_BY = ("-palign", "-merge", "", "-align")
"""The kinds of file that hold phones in time, the surest first."""
_LOCATIONS = {"interval": True, "timeinterval": True, "point": False, "timepoint": False}


@dataclass(slots=True)
class _Annotation:
    """Times as they are written, so that what is wrong in a tier that is not used is nobody's loss."""

    line: int
    best: float = float("-inf")
    start: str | None = None
    end: str | None = None
    points: bool = False
    labels: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Tier:
    name: str
    annotations: list[_Annotation] = field(default_factory=list)


class Sppas:
    """Satisfies `phonoscope.corpus.source.Format`."""

    name = "sppas"
    title = "SPPAS"

    def recognises(self, tree: Tree) -> bool:
        """Tell whether there are ``.xra`` files."""
        return bool(tree.with_suffix(".xra"))

    def listing(self, tree: Tree, settings: CorpusSettings) -> Listing:
        """List for each recording its ``-palign.xra``, else the one file that may hold phones.

        Raises
        ------
        CorpusError
            There is none.
        """
        groups: dict[tuple[Path, str], dict[str, Path]] = {}
        for path in tree.with_suffix(".xra"):
            kind = _KIND.search(path.stem)
            base = path.stem[: kind.start()] if kind else path.stem
            groups.setdefault((path.parent, base), {})[kind[0].lower() if kind else ""] = path
        units, without = [], []
        for (folder, base), kinds in groups.items():
            best = next((kinds[kind] for kind in _HELD_BY if kind in kinds), None)
            if best is None:
                without.append(min(kinds.values()))
                continue
            plain = folder / f"{base}.xra"
            audio = found_audio(tree, plain)
            if audio is None and best != plain:
                audio = found_audio(tree, best)
            units.append(Unit(best, partial(read, best, tree.id(plain), audio, settings.tier)))
        if not units:
            msg = f"{tree.root}: there are no time-aligned phones (-palign.xra); run SPPAS's Alignment first."
            raise CorpusError(msg)
        if without:
            many = "1 recording has" if len(without) == 1 else f"{len(without):,} recordings have"
            warning = f"{many} annotations of SPPAS, but no -palign.xra: not used (as {without[0].name})."
            return Listing(tuple(units), (warning,))
        return Listing(tuple(units))


FORMAT = Sppas()


def read(path: Path, key: str, audio: Path | CorpusError | None, tier: str) -> Iterator[Spoken]:
    """Read the phones of one ``.xra`` file.

    Raises
    ------
    FormatError
        The file can not be read, is no XRA document, or a time of the phones is none.
    TierError
        No tier, or several, could hold the phones; or it holds points.
    CorpusError
        `audio` is one.
    """
    if isinstance(audio, CorpusError):
        raise audio
    tiers = _Reader(path).tiers()
    names = [t.name for t in tiers]
    phones = tiers[chosen_tier(path, names, tier)]
    if any(a.points for a in phones.annotations):
        raise TierError(path, f"the tier {phones.name!r} holds points, but phones are intervals", names)
    intervals = [_interval(path, phones.name, a) for a in phones.annotations]
    intervals.sort(key=lambda interval: (interval.start, interval.end))
    yield Spoken(key, "", audio, tuple(intervals), path, f"tier {phones.name!r}")


def _interval(path: Path, tier: str, annotation: _Annotation) -> Interval:
    where = f"line {annotation.line}"
    times = []
    for what, text in (("start", annotation.start), ("end", annotation.end)):
        if text is None:
            raise FormatError(path, where, f"an annotation of the tier {tier!r} has no {what}", REMEDY)
        time = numeral(text)
        if time is None:
            problem = f"{shown(text)} stands where an annotation of the tier {tier!r} has its {what}"
            raise FormatError(path, where, problem, REMEDY)
        times.append(time)
    start, end = times
    if end < start:
        raise FormatError(path, where, f"an annotation ends at {end:g} s, before its start at {start:g} s", REMEDY)
    return Interval(" ".join(annotation.labels), start, end)


class _Reader:
    """Walks a document once; entities are not known, so that none can be expanded or fetched."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._tiers: list[_Tier] = []
        self._open: list[str] = []
        self._annotation: _Annotation | None = None
        self._location = (False, 0.0)
        self._sign = 1.0
        self._text: list[str] | None = None
        self._text_score = 0.0
        self._texts: list[tuple[float, str]] = []
        self._parser = expat.ParserCreate()
        self._parser.buffer_text = True
        self._parser.StartDoctypeDeclHandler = self._doctype
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._characters

    def _fail(self, problem: str) -> NoReturn:
        raise FormatError(self._path, f"line {self._parser.CurrentLineNumber}", problem, REMEDY)

    def tiers(self) -> list[_Tier]:
        try:
            with self._path.open("rb") as file:
                self._parser.ParseFile(file)
        except OSError as error:
            raise FormatError(self._path, "", f"the file can not be read ({error.strerror})", REMEDY) from None
        except expat.ExpatError as error:
            problem = f"this is not well-formed XML ({expat.ErrorString(error.code)})"
            raise FormatError(self._path, f"line {error.lineno}", problem, REMEDY) from None
        except (ValueError, LookupError) as error:  # an encoding that Python does not know, or that is none
            raise FormatError(self._path, "line 1", f"its encoding can not be read ({error})", REMEDY) from None
        return self._tiers

    def _doctype(self, *_: object) -> None:
        self._fail("there is a document type declaration, which SPPAS never writes")

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        name = tag.casefold()
        parent = self._open[-1] if self._open else ""
        if not parent and name != "document":
            self._fail(f"this is no XRA document: it starts with <{tag[:40]}>")
        self._open.append(name)
        if name == "tier" and parent == "document":
            self._tiers.append(_Tier(attributes.get("tiername", "")))
        elif name == "annotation" and parent == "tier":
            self._annotation = _Annotation(self._parser.CurrentLineNumber)
            self._tiers[-1].annotations.append(self._annotation)
        elif self._annotation is not None:
            self._start_within(name, parent, attributes, self._annotation)

    def _start_within(self, name: str, parent: str, attributes: dict[str, str], annotation: _Annotation) -> None:
        if name in {"localization", "location"}:
            self._location = (False, _score(attributes))
        elif name in _LOCATIONS:
            own = _score(attributes)
            score = own if own > float("-inf") else self._location[1]
            better = score > annotation.best or annotation.start is None
            self._location = (better and _LOCATIONS[name], self._location[1])
            if better:
                annotation.best, annotation.start, annotation.end = score, attributes.get("midpoint"), None
                annotation.points = not _LOCATIONS[name]
        elif name in {"begin", "end"} and self._location[0]:
            setattr(annotation, "start" if name == "begin" else "end", attributes.get("midpoint"))
        elif name == "label":
            self._sign = -1.0 if attributes.get("scoremode") == "min" else 1.0
            self._texts = []
        elif name in {"tag", "text"} and parent == "label":
            self._text, self._text_score = [], _score(attributes)

    def _end(self, _: str) -> None:
        name = self._open.pop()
        if name == "annotation" and self._open[-1] == "tier":
            self._annotation = None
        elif name in {"tag", "text"} and self._text is not None:
            score = self._text_score if self._text_score == float("-inf") else self._sign * self._text_score
            self._texts.append((score, "".join(self._text).strip()))
            self._text = None
        elif name == "label" and self._annotation is not None and self._texts:
            best = max(self._texts, key=lambda text: text[0])
            self._annotation.labels.append(best[1])
            self._texts = []

    def _characters(self, text: str) -> None:
        if self._text is not None:
            self._text.append(text)


def _score(attributes: dict[str, str]) -> float:
    score = numeral(attributes.get("score", ""))
    return float("-inf") if score is None else score
