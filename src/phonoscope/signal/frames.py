"""All frames of a corpus in one table, their phone labels, and the windows around them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from phonoscope.corpus.segments import segment_columns
from phonoscope.progress import Quiet
from phonoscope.signal.features import with_deltas
from phonoscope.signal.keeping import IN_MEMORY, keep_features
from phonoscope.signal.windows import gather

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from phonoscope.corpus.types import Corpus
    from phonoscope.progress import Progress
    from phonoscope.settings import SignalSettings
    from phonoscope.workers import Workers


@dataclass(frozen=True)
class SegmentTable:
    """The corpus's segments as parallel arrays, in the corpus's order.

    Attributes
    ----------
    utterance, phone
        Indices into the corpus's utterances and phones, shape (segments,).
    start, end
        Seconds, shape (segments,).
    first, last
        Rows of the frame table: the segment's frames are ``first … last - 1``; none where they are equal.
    """

    utterance: NDArray[np.integer]
    phone: NDArray[np.integer]
    start: NDArray[np.float64]
    end: NDArray[np.float64]
    first: NDArray[np.int64]
    last: NDArray[np.int64]


@dataclass(frozen=True)
class FrameTable:
    """Every frame of a corpus, in memory or in a file that is mapped.

    Only the static coefficients are kept; deltas, delta-deltas and means come in when windows are asked for. The rows
    of an utterance lie together; the utterances of one recording too, and otherwise they stand in the corpus's order.

    Attributes
    ----------
    static
        Log-mel energies, shape (rows, n_mels), float32.
    means
        What is taken off the features, shape (groups, n_mels, 3), float32.
    mean_of
        Which of `means` is each utterance's, shape (utterances,).
    labels
        Index of the phone of each row; -1 for pauses and left-over labels. Shape (rows,).
    offset
        Row of each utterance's first frame, shape (utterances,).
    count
        Number of frames of each utterance, shape (utterances,).
    context
        Frames on each side of a window.
    hop
        Seconds from one frame to the next; frame i is centred at ``(i + 0.5) * hop``.
    segments
        The corpus's segments with their rows.
    """

    static: NDArray[np.float32]
    means: NDArray[np.float32]
    mean_of: NDArray[np.int32]
    labels: NDArray[np.integer]
    offset: NDArray[np.int64]
    count: NDArray[np.int64]
    context: int
    hop: float
    segments: SegmentTable

    @property
    def n_mels(self) -> int:
        """Number of mel filters."""
        return int(self.static.shape[1])

    def features(self, utterance: int) -> NDArray[np.float32]:
        """Return the features of one utterance, shape (frames, n_mels, 3), a copy."""
        first = self.offset[utterance]
        found = with_deltas(self.static[first : first + self.count[utterance]])
        found -= self.means[self.mean_of[utterance]]
        return found

    def windows(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Make the windows around some rows; beyond an utterance's ends its first or last frame repeats.

        Parameters
        ----------
        rows
            Rows of the table, shape (n,).

        Returns
        -------
        Shape (n, 2 * context + 1, n_mels, 3).
        """
        found: NDArray[np.float32] = gather(self.static, *self._by_row, rows, self.context)
        return found

    @cached_property
    def _by_row(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32], NDArray[np.int32]]:
        """Offsets, counts, means and means' indices as `gather` wants them."""
        order = np.lexsort((self.count, self.offset))
        return self.offset[order], self.count[order], self.means, self.mean_of[order]

    def labelled_rows(self, corpus: Corpus, split: str) -> NDArray[np.int64]:
        """Return the rows of one part that belong to a phone, in order."""
        wanted = np.array([u.split == split for u in corpus.utterances], dtype=bool)
        inside = np.zeros(len(self.labels), dtype=bool)
        for offset, count in zip(self.offset[wanted], self.count[wanted], strict=True):
            inside[offset : offset + count] = True
        return np.flatnonzero(inside & (self.labels >= 0))

    def time(self, utterance: NDArray[np.integer], rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the times of the centres of some rows, in seconds from the start of their utterances' audio."""
        return np.asarray((rows - self.offset[utterance] + 0.5) * self.hop, np.float64)


def first_frame(seconds: NDArray[np.float64], hop: float) -> NDArray[np.int64]:
    """Return the first frame whose centre ``(i + 0.5) * hop`` lies at or after a time.

    Times are rounded to a millionth of a hop first: 0.115 s is the centre of frame 11, not a hair beside it.
    """
    return np.ceil(np.round(seconds / hop - 0.5, 6)).astype(np.int64)


def read_frames(
    corpus: Corpus,
    settings: SignalSettings,
    *,
    jobs: int = 1,
    progress: Progress | None = None,
    folder: Path | None = None,
    memory: int = IN_MEMORY,
    workers: Workers | None = None,
) -> FrameTable:
    """Compute the features of all utterances, mean-normalised, with their phone labels.

    Each recording is decoded once. Static coefficients of more than `memory` bytes are written to a file in `folder`,
    and found there by a later call; see `phonoscope.signal.keeping.keep_features`. Beside them a frame takes the two
    bytes of its label, however long the corpus.

    Raises
    ------
    AudioError
        An audio file can not be decoded.
    FeaturesFileError
        The file can not be written.
    """
    told = progress or Quiet()
    kept = keep_features(corpus, settings, jobs=jobs, progress=told, folder=folder, memory=memory, workers=workers)
    index = kept.index
    hop = settings.hop_ms / 1000
    segments = _segment_table(corpus, index.offset, index.count, hop)
    labels = np.full(len(kept.static), -1, _index_type(len(corpus.phones)))
    for phone, first, last in zip(segments.phone, segments.first, segments.last, strict=True):
        labels[first:last] = phone
    return FrameTable(
        kept.static,
        index.means,
        index.mean_of,
        labels,
        index.offset,
        index.count,
        settings.context,
        hop,
        segments,
    )


def _segment_table(corpus: Corpus, offset: NDArray[np.int64], count: NDArray[np.int64], hop: float) -> SegmentTable:
    """Put the segments of all utterances into arrays, one utterance after the other."""
    index = {phone: i for i, phone in enumerate(corpus.phones)}
    numbers = [len(u.segments) for u in corpus.utterances]
    phone = np.empty(sum(numbers), _index_type(len(index)))
    start, end = np.empty((2, sum(numbers)))
    at = 0
    for utterance, n in zip(corpus.utterances, numbers, strict=True):
        here = slice(at, at + n)
        phone[here], start[here], end[here] = segment_columns(utterance.segments, index)
        at += n
    of = np.repeat(np.arange(len(numbers), dtype=np.int32), numbers)
    first = offset[of] + np.minimum(first_frame(start, hop), count[of])
    last = offset[of] + np.minimum(first_frame(end, hop), count[of])
    return SegmentTable(of, phone, start, end, first, last)


def _index_type(n: int) -> type[np.int16 | np.int32]:
    """Return the shorter type that can number n things."""
    return np.int16 if n <= np.iinfo(np.int16).max else np.int32
