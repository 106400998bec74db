"""The segments of an utterance in little memory: a corpus of a hundred hours has four million of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from phonoscope.corpus.types import Segment

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from numpy.typing import ArrayLike, NDArray

_ROW = np.dtype([("start", "<f8"), ("end", "<f8"), ("phone", "<u2")])  # packed: 18 bytes


class Segments(Sequence[Segment]):
    """An immutable sequence of segments, equal to the tuple of them and with its hash.

    Parameters
    ----------
    phones
        The inventory; best one tuple for all utterances of a corpus.
    codes
        Index into `phones` of each segment, shape (segments,).
    starts, ends
        Seconds from the start of the utterance, shape (segments,).
    """

    __slots__ = ("_rows", "phones")

    phones: tuple[str, ...]

    def __init__(self, phones: tuple[str, ...], codes: ArrayLike, starts: ArrayLike, ends: ArrayLike) -> None:
        codes = np.asarray(codes)
        if codes.size and not 0 <= codes.min() <= codes.max() < len(phones):
            msg = f"codes have to lie between 0 and {len(phones) - 1}"
            raise ValueError(msg)
        self.phones = phones
        self._rows = np.empty(codes.shape, _ROW)
        self._rows["start"], self._rows["end"], self._rows["phone"] = starts, ends, codes
        self._rows.flags.writeable = False

    @classmethod
    def of(cls, segments: Iterable[Segment], phones: tuple[str, ...]) -> Segments:
        """Pack some segments whose phones are all in `phones`."""
        return cls(phones, *segment_columns(tuple(segments), {phone: i for i, phone in enumerate(phones)}))

    @property
    def codes(self) -> NDArray[np.uint16]:
        """Index into `phones` of each segment, shape (segments,)."""
        return np.asarray(self._rows["phone"])

    @property
    def starts(self) -> NDArray[np.float64]:
        """Seconds, shape (segments,)."""
        return np.asarray(self._rows["start"])

    @property
    def ends(self) -> NDArray[np.float64]:
        """Seconds, shape (segments,)."""
        return np.asarray(self._rows["end"])

    def __len__(self) -> int:
        """Return the number of segments."""
        return len(self._rows)

    def __iter__(self) -> Iterator[Segment]:
        """Go through the segments."""
        rows: Any = self._rows.tolist()
        for start, end, phone in rows:
            yield Segment(self.phones[phone], start, end)

    @overload
    def __getitem__(self, index: int) -> Segment: ...
    @overload
    def __getitem__(self, index: slice) -> Segments: ...
    def __getitem__(self, index: int | slice) -> Segment | Segments:
        """Return a segment, or the segments of a slice."""
        if isinstance(index, slice):
            rows = self._rows[index]
            return Segments(self.phones, rows["phone"], rows["start"], rows["end"])
        start, end, phone = self._rows[index].item()
        return Segment(self.phones[phone], start, end)

    def __eq__(self, other: object) -> bool:
        """Compare with other segments, or with a tuple."""
        if isinstance(other, Segments) and other.phones == self.phones:
            return bool(np.array_equal(self._rows, other._rows))
        if not isinstance(other, Segments | tuple):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    def __hash__(self) -> int:
        """Return the hash that the tuple has."""
        return hash(tuple(self))

    def __repr__(self) -> str:
        """Show the segments as a tuple."""
        return repr(tuple(self))

    def __reduce__(self) -> tuple[Any, ...]:
        """Say how the segments come back from another process."""
        return Segments, (self.phones, self.codes, self.starts, self.ends)


def segment_columns(
    segments: Sequence[Segment], index: Mapping[str, int]
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Return phones, starts and ends of segments as arrays.

    Parameters
    ----------
    segments
        `Segments`, or any sequence.
    index
        The number of each phone.

    Returns
    -------
    Numbers of the phones, starts and ends in seconds; each of shape (segments,).

    Raises
    ------
    KeyError
        A phone has no number.
    """
    if isinstance(segments, Segments):
        codes, own = segments.codes, np.zeros(len(segments.phones), np.int64)
        for code in np.unique(codes):
            own[code] = index[segments.phones[code]]
        return own[codes], segments.starts, segments.ends
    return (
        np.array([index[s.phone] for s in segments], np.int64),
        np.array([s.start for s in segments], np.float64),
        np.array([s.end for s in segments], np.float64),
    )


def phones_counted(segments: Sequence[Segment]) -> dict[str, int]:
    """Count the segments of each phone that occurs."""
    if isinstance(segments, Segments):
        counts = np.bincount(segments.codes)
        return {segments.phones[i]: int(counts[i]) for i in np.flatnonzero(counts)}
    return Counter(s.phone for s in segments)


def seconds_of_speech(segments: Sequence[Segment]) -> float:
    """Return the sum of the segments' durations, in seconds."""
    if isinstance(segments, Segments):
        return float((segments.ends - segments.starts).sum())
    return sum(s.end - s.start for s in segments)
