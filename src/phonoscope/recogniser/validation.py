"""The validation part: what is measured on it every epoch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from phonoscope.errors import CorpusError
from phonoscope.recogniser.decoding import estimate_bigram, phone_error_rate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from phonoscope.corpus.types import Corpus
    from phonoscope.recogniser.decoding import PhoneBigram
    from phonoscope.signal.frames import FrameTable


@dataclass(frozen=True)
class Validation:
    """What the validation part says of a model, every epoch."""

    rows: NDArray[np.int64]
    labels: NDArray[np.int64]
    stretches: list[tuple[NDArray[np.int64], NDArray[np.int64]]]
    bigram: PhoneBigram

    def measure(self, log_posterior: NDArray[np.float32]) -> tuple[float, float, float]:
        """Return loss, frame accuracy and phone error rate for posteriors of `rows`, shape (rows, phones)."""
        loss = -float(log_posterior[np.arange(len(self.labels)), self.labels].mean(dtype=np.float64))
        accuracy = float((log_posterior.argmax(axis=1) == self.labels).mean())
        return loss, accuracy, phone_error_rate(log_posterior, self.stretches, self.bigram)


def stretches_of_speech(
    frames: FrameTable, corpus: Corpus, split: str
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Cut one part into stretches of speech without a pause or an unknown label inside.

    Yields
    ------
    For each stretch its rows of the frame table and the phone indices of its segments, those too short for a frame
    included.
    """
    table = frames.segments
    wanted = np.array([u.split == split for u in corpus.utterances], dtype=bool)
    chosen = np.flatnonzero(wanted[table.utterance])
    if len(chosen) == 0:
        return
    before, after = chosen[:-1], chosen[1:]
    broken = (table.utterance[before] != table.utterance[after]) | (table.last[before] != table.first[after])
    runs = np.split(chosen, np.flatnonzero(broken) + 1)
    for run in runs:
        rows = np.arange(table.first[run[0]], table.last[run[-1]])
        if len(rows):
            yield rows, table.phone[run].astype(np.int64)


def prepare_validation(frames: FrameTable, corpus: Corpus, lm_scale: float) -> Validation:
    """Gather the validation part, and estimate the bigram of the decoder on the training part."""
    training_rows = frames.labelled_rows(corpus, "train")
    rows = frames.labelled_rows(corpus, "validation")
    for name, part in (("training", training_rows), ("validation", rows)):
        if len(part) == 0:
            msg = f"{corpus.name}: the {name} part holds no frame with a phone; give more speech or another split"
            raise CorpusError(msg)
    n_phones = len(corpus.phones)
    counts = np.bincount(frames.labels[training_rows], minlength=n_phones)
    strings = (phones for _, phones in stretches_of_speech(frames, corpus, "train"))
    bigram = estimate_bigram(strings, counts, n_phones=n_phones, lm_scale=lm_scale)
    stretches = [
        (np.searchsorted(rows, where), phones) for where, phones in stretches_of_speech(frames, corpus, "validation")
    ]
    return Validation(rows, frames.labels[rows].astype(np.int64), stretches, bigram)
