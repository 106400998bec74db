"""What can be wrong with a corpus: a kind, how bad it is, where, and a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pathlib import Path

Severity = Literal["error", "warning", "note"]
"""error: a run is impossible, or this file can not be used; warning: a run goes on, its numbers may suffer; note: it is
good to know."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is wrong, or odd, with a corpus.

    Attributes
    ----------
    kind
        A word or two to group by: "gap", "overlap", "clipped audio".
    severity
        How bad it is.
    text
        One sentence: what there is, and what to do about it.
    path
        The file; None where it is the corpus as a whole.
    time
        Seconds from the start of the file; None where it is the whole file.
    utterance
        The utterance's id; "" where it is no single one.
    """

    kind: str
    severity: Severity
    text: str
    path: Path | None = None
    time: float | None = None
    utterance: str = ""
