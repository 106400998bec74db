"""What several formats need: the tier of the phones by its name, the audio of a file, JSON and numbers that may lie."""

from __future__ import annotations

import json
import math
from fnmatch import fnmatchcase
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from phonoscope.errors import CorpusError, FormatError, TierError
from phonoscope.phones.tables import read_table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from phonoscope.corpus.source import Part, Tree

SHOWN: Final = 40
"""Letters of a file's own words that a message shows."""
LARGEST: Final = 1e12
"""No time, rate or sample of a recording comes near; what is larger is a broken number."""

_TRAIN = frozenset({"train", "training", "trn"})
_VALIDATION = frozenset({"validation", "valid", "val", "dev", "development", "test", "tst", "eval", "evaluation"})


def chosen_tier(path: Path, names: Sequence[str], wanted: str = "") -> int:
    """Return the index of the tier that holds the phones: `wanted`, or the first usual name that is there.

    Names are compared without regard to case; the usual ones are in the table ``phones/data/tier-names.csv``.

    Raises
    ------
    TierError
        There is no such tier, or there are several.
    """
    if wanted:
        found = [i for i, name in enumerate(names) if name == wanted]
        found = found or [i for i, name in enumerate(names) if _key(name) == _key(wanted)]
        problem = f"there is no tier {wanted!r}"
    else:
        usual = ([i for i, name in enumerate(names) if fnmatchcase(_key(name), u)] for u in _usual_names())
        found = next(filter(None, usual), [])
        problem = "no tier has one of the usual names of a tier of phones"
    if not found:
        raise TierError(path, problem, names)
    if len(found) > 1:
        raise TierError(path, f"{len(found)} tiers could hold the phones", names)
    return found[0]


def found_audio(tree: Tree, path: Path) -> Path | CorpusError | None:
    """Return the recording of a file of alignments, None, or the error to be raised when the file is read."""
    try:
        return tree.audio_of(path)
    except CorpusError as error:
        return error


def part_named(name: str) -> Part | None:
    """Return the part of a corpus that a word stands for, None if it stands for none."""
    key = _key(name)
    return "train" if key in _TRAIN else "validation" if key in _VALIDATION else "" if not key else None


def opened_json(path: Path, todo: str) -> Any:  # noqa: ANN401 (what a file holds is not known)
    """Read a JSON file in UTF-8, with or without a byte order mark.

    Raises
    ------
    FormatError
        It can not be read, or is not JSON; the message names the line.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise FormatError(path, "", f"the file can not be read ({error.strerror})", "make it readable") from None
    return parsed_json(path, "", content, todo)


def parsed_json(path: Path, where: str, content: bytes, todo: str) -> Any:  # noqa: ANN401 (as above)
    """Parse JSON; `where` is said in messages, "" for the line within the content.

    Raises
    ------
    FormatError
        This is not JSON.
    """
    try:
        return json.loads(content.decode("utf-8-sig"))
    except json.JSONDecodeError as error:
        raise FormatError(path, where or f"line {error.lineno}", f"this is not JSON ({error.msg})", todo) from None
    except UnicodeDecodeError as error:
        where = where or f"line {content[: error.start].count(10) + 1}"
        raise FormatError(path, where, "the bytes here are not UTF-8", todo) from None
    except (ValueError, RecursionError) as error:  # a number of thousands of digits; brackets in brackets
        raise FormatError(path, where, f"this is no JSON that can be read ({str(error)[:80]})", todo) from None


def number(value: object) -> float | None:
    """Return a JSON value as a float, None if it is no number, or none that a recording could hold."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not -LARGEST < value < LARGEST:  # also false for NaN, and true comparisons of integers of any size
        return None
    return float(value)


def numeral(text: str) -> float | None:
    """Return the number that a text is, None if it is none, or none that a recording could hold."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and abs(value) < LARGEST else None


def shown(value: object) -> str:
    """Return a value as a message may show it: short."""
    text = repr(value)
    return text if len(text) <= SHOWN else text[:SHOWN] + "…"


def _key(name: str) -> str:
    return name.strip().casefold()


@cache
def _usual_names() -> tuple[str, ...]:
    return tuple(row["name"].casefold() for row in read_table("tier-names.csv"))
