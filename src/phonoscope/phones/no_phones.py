"""The usual labels of pauses and noises, whatever the phone set."""

from __future__ import annotations

import unicodedata
from functools import cache

from phonoscope.phones.tables import read_table


def is_pause(label: str) -> bool:
    """Tell whether a label says that nobody speaks: the empty one, ``sil``, ``<p:>`` …; case does not count."""
    key = _key(label)
    return not key or _table().get(key) == "pause"


def is_noise(label: str) -> bool:
    """Tell whether a label is that of noise, laughter or unknown words: no phone, and no silence either."""
    return _table().get(_key(label)) == "unknown"


def _key(label: str) -> str:
    return unicodedata.normalize("NFC", label.strip()).casefold()


@cache
def _table() -> dict[str, str]:
    return {row["label"]: row["phone"] for row in read_table("no-phones.csv")}
