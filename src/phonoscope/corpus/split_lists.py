"""Lists of utterances: which are for training and which for validation."""

from __future__ import annotations

import difflib
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING

from phonoscope.errors import LeakageError, SplitError

if TYPE_CHECKING:
    from collections.abc import Collection

    from phonoscope.corpus.source import Part
    from phonoscope.settings import CorpusSettings

_COMPARED = 20_000
"""Ids among which the nearest one is looked for: a hint is not worth minutes."""


def listed_parts(ids: Collection[str], settings: CorpusSettings) -> dict[str, Part]:
    """Read ``corpus.train_list`` and ``corpus.validation_list``: an utterance's id a line, empty lines apart.

    Where only one of the two is given, the other part is all the rest; where both are, an utterance that is in neither
    belongs to no part ("").

    Raises
    ------
    SplitError
        Neither is given; a list can not be read or is empty; an id is no utterance's.
    LeakageError
        An utterance is in both.
    """
    lists: dict[Part, dict[str, int]] = {}
    if settings.train_list:
        lists["train"] = _read(settings.train_list, "train_list", ids)
    if settings.validation_list:
        lists["validation"] = _read(settings.validation_list, "validation_list", ids)
    if not lists:
        msg = (
            "corpus.split = lists: no list is given; name a file of utterances, an id a line, by --corpus.train_list, "
            "--corpus.validation_list or both."
        )
        raise SplitError(msg)
    train, validation = lists.get("train"), lists.get("validation")
    for key, line in (train or {}).items():
        if validation is not None and key in validation:
            msg = (
                f"the utterance {key!r} is in both lists ({settings.train_list}, line {line}, and "
                f"{settings.validation_list}, line {validation[key]}); take it out of one of them."
            )
            raise LeakageError(msg)
    rest: Part = "" if len(lists) > 1 else ("validation" if validation is None else "train")
    parts: dict[str, Part] = dict.fromkeys(ids, rest)
    for part, listed in lists.items():
        parts.update(dict.fromkeys(listed, part))
    return parts


def _read(name: str, setting: str, ids: Collection[str]) -> dict[str, int]:
    path = Path(name).expanduser()
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        msg = f"corpus.{setting}: {path} can not be read ({error.strerror}); name a file of utterances, an id a line."
        raise SplitError(msg) from None
    except UnicodeDecodeError as error:
        msg = f"{path}, byte {error.start}: this is not UTF-8; save the list as UTF-8 text, an utterance's id a line."
        raise SplitError(msg) from None
    found: dict[str, int] = {}
    unknown: list[tuple[int, str]] = []
    for n, line in enumerate(lines, 1):
        key = unicodedata.normalize("NFC", line.strip())
        if key and key in ids:
            found.setdefault(key, n)
        elif key:
            unknown.append((n, key))
    if unknown:
        (n, key), more = unknown[0], len(unknown) - 1
        nearest = difflib.get_close_matches(key[:200], sorted(ids)[:_COMPARED], n=1, cutoff=0.0)
        hint = f"; the nearest is {nearest[0]!r}" if nearest else ""
        others = f", and so for {more:,} more" if more else ""
        msg = (
            f"{path}, line {n}: the corpus has no utterance {key!r}{hint}{others}. "
            "A line is an utterance's id: its path in the corpus, or the name that its format gives it."
        )
        raise SplitError(msg)
    if not found:
        msg = f"{path}: this list is empty; write an utterance's id on each line."
        raise SplitError(msg)
    return found
