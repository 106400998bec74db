"""All frames of a corpus in one table, their phone labels, and the windows around them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from phonoscope.progress import Quiet
from phonoscope.signal.audio import utterance_audio
from phonoscope.signal.features import features

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from phonoscope.corpus.types import Corpus, Utterance
    from phonoscope.progress import Progress
    from phonoscope.settings import SignalSettings


_NOTHING = np.empty((0, 0, 3), np.float32)


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

    utterance: NDArray[np.int64]
    phone: NDArray[np.int64]
    start: NDArray[np.float64]
    end: NDArray[np.float64]
    first: NDArray[np.int64]
    last: NDArray[np.int64]


@dataclass(frozen=True)
class FrameTable:
    """Every frame of a corpus, utterance after utterance.

    Each utterance has `context` copies of its first frame before it and of its last one behind it, so that the window
    of any frame is one slice of `values` and never holds another utterance's frames.

    Attributes
    ----------
    values
        Features, shape (rows, n_mels, 3), float32.
    labels
        Index of the phone of each row; -1 for pauses, left-over labels and the copies. Shape (rows,).
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

    values: NDArray[np.float32]
    labels: NDArray[np.int64]
    offset: NDArray[np.int64]
    count: NDArray[np.int64]
    context: int
    hop: float
    segments: SegmentTable

    def windows(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Gather the windows around some rows.

        Parameters
        ----------
        rows
            Rows of the table that are frames, shape (n,).

        Returns
        -------
        Shape (n, 2 * context + 1, n_mels, 3), a copy.
        """
        found: NDArray[np.float32] = self.values[rows[:, None] + np.arange(-self.context, self.context + 1)]
        return found

    def labelled_rows(self, corpus: Corpus, split: str) -> NDArray[np.int64]:
        """Return the rows of one part that belong to a phone, in order."""
        wanted = np.array([u.split == split for u in corpus.utterances], dtype=bool)
        inside = np.zeros(len(self.labels), dtype=bool)
        for offset, count in zip(self.offset[wanted], self.count[wanted], strict=True):
            inside[offset : offset + count] = True
        return np.flatnonzero(inside & (self.labels >= 0))

    def time(self, utterance: NDArray[np.int64], rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the times of the centres of some rows, in seconds from the start of their utterances' audio."""
        return np.asarray((rows - self.offset[utterance] + 0.5) * self.hop, np.float64)


def first_frame(seconds: NDArray[np.float64], hop: float) -> NDArray[np.int64]:
    """Return the first frame whose centre ``(i + 0.5) * hop`` lies at or after a time.

    Times are rounded to a millionth of a hop first: 0.115 s is the centre of frame 11, not a hair beside it.
    """
    return np.ceil(np.round(seconds / hop - 0.5, 6)).astype(np.int64)


def read_frames(
    corpus: Corpus, settings: SignalSettings, *, jobs: int = 1, progress: Progress | None = None
) -> FrameTable:
    """Compute the features of all utterances, mean-normalised, with their phone labels.

    Raises
    ------
    AudioError
        An audio file can not be decoded.
    """
    progress = progress or Quiet()
    utterances = corpus.utterances
    hop = settings.hop_ms / 1000

    def one(utterance: Utterance) -> NDArray[np.float32]:
        return features(utterance_audio(utterance, settings.sample_rate), settings)

    parts: list[NDArray[np.float32]] = []
    with progress.bar("features", len(utterances)) as advance, ThreadPoolExecutor(jobs) as pool:
        for part in pool.map(one, utterances):
            parts.append(part)
            advance(1)

    context = settings.context
    count = np.array([len(part) for part in parts], dtype=np.int64)
    padded = count + 2 * context
    offset = np.concatenate([[0], np.cumsum(padded)[:-1]]).astype(np.int64) + context
    values = np.empty((int(padded.sum()), settings.n_mels, 3), np.float32)
    means = _means(parts, [_group(u, i, settings.normalise) for i, u in enumerate(utterances)])
    for i, part in enumerate(parts):
        first, last = offset[i], offset[i] + count[i]
        values[first:last] = part - means[i]
        parts[i] = _NOTHING  # let go of it: the whole corpus is not held twice
        if last > first:
            values[first - context : first] = values[first]
            values[last : last + context] = values[last - 1]
        else:
            values[first - context : last + context] = 0.0
    segments = _segment_table(corpus, offset, count, hop)
    labels = np.full(len(values), -1, dtype=np.int64)
    for phone, first, last in zip(segments.phone, segments.first, segments.last, strict=True):
        labels[first:last] = phone
    return FrameTable(values, labels, offset, count, context, hop, segments)


def _group(utterance: Utterance, index: int, normalise: str) -> object:
    """Name the group of utterances that share one mean; None: no mean is taken off."""
    return {"none": None, "utterance": index, "speaker": utterance.speaker, "corpus": ""}[normalise]


def _means(parts: list[NDArray[np.float32]], groups: list[object]) -> list[NDArray[np.float32]]:
    """Return each utterance's mean to take off, shape (n_mels, 3), summed in float64 in the order of the corpus."""
    sums: dict[object, NDArray[np.float64]] = {}
    frames: dict[object, int] = {}
    for part, group in zip(parts, groups, strict=True):
        sums[group] = sums.get(group, np.zeros(part.shape[1:])) + part.sum(axis=0, dtype=np.float64)
        frames[group] = frames.get(group, 0) + len(part)
    sums[None] = np.zeros(parts[0].shape[1:])
    return [(sums[group] / max(frames.get(group, 1), 1)).astype(np.float32) for group in groups]


def _segment_table(corpus: Corpus, offset: NDArray[np.int64], count: NDArray[np.int64], hop: float) -> SegmentTable:
    index = {phone: i for i, phone in enumerate(corpus.phones)}
    rows = [(i, index[s.phone], s.start, s.end) for i, u in enumerate(corpus.utterances) for s in u.segments]
    utterance, phone, start, end = (np.array(column) for column in zip(*rows, strict=True))
    utterance, phone = utterance.astype(np.int64), phone.astype(np.int64)
    start, end = start.astype(np.float64), end.astype(np.float64)
    first = offset[utterance] + np.minimum(first_frame(start, hop), count[utterance])
    last = offset[utterance] + np.minimum(first_frame(end, hop), count[utterance])
    return SegmentTable(utterance, phone, start, end, first, last)
