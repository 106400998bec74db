"""The panel: for each phone the same number of samples of the validation part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from phonoscope.errors import PanelError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from phonoscope.corpus.types import Corpus, Split
    from phonoscope.settings import ProbingSettings
    from phonoscope.signal.frames import FrameTable

    # rows of the frame table in, log P(phone | window) of each out
    Predictor = Callable[[NDArray[np.int64]], NDArray[np.float32]]

# With fewer phones there is nothing to tell apart: two clusters and two phones are the least that F says anything of.
_FEWEST_PHONES = 2


@dataclass(frozen=True)
class Panel:
    """The samples that are probed, phone after phone in the order of the inventory.

    Attributes
    ----------
    samples
        A row a sample: sample, utterance, speaker, phone, time (seconds, the centre of the frame; of the segment
        where frames are averaged), start, end (of its segment).
    phones
        The phones that are in the panel, in the order of the inventory.
    rows
        Rows of the frame table, sample after sample; shape (frames,).
    sample_of_row
        The sample that each of `rows` belongs to, shape (frames,): one row a sample, or all of its segment's.
    counts
        A row a phone of the inventory: phone, segments (validation segments that have the frame), correct (those that
        the model classifies correctly), used, in_panel.
    """

    samples: pl.DataFrame
    phones: tuple[str, ...]
    rows: NDArray[np.int64]
    sample_of_row: NDArray[np.int64]
    counts: pl.DataFrame

    @property
    def left_out(self) -> tuple[str, ...]:
        """Phones of the inventory that have too few samples."""
        return tuple(self.counts.filter(~pl.col("in_panel"))["phone"])

    @property
    def short(self) -> tuple[str, ...]:
        """Phones in the panel with fewer samples than the others."""
        most = self.counts["used"].max()
        return tuple(self.counts.filter(pl.col("in_panel") & (pl.col("used") < most))["phone"])


def check_enough(corpus: Corpus, settings: ProbingSettings, split: Split | None = "validation") -> None:
    """See before any training that at least two phones of a part (None: of all) can reach the least number of samples.

    Raises
    ------
    PanelError
        The part has too few segments for that, however good the recogniser.
    """
    found = corpus.phone_counts(split)
    counts = pl.DataFrame({"phone": corpus.phones, "segments": [found[phone] for phone in corpus.phones]})
    if counts.filter(pl.col("segments") >= _least(settings)).height < _FEWEST_PHONES:
        raise _too_few(counts, "segments", settings, split)


def _least(settings: ProbingSettings) -> int:
    return min(settings.minimum, settings.n_per_phone)


def draw_panel(
    frames: FrameTable,
    corpus: Corpus,
    settings: ProbingSettings,
    seed: int,
    predictor: Predictor | None = None,
    split: Split | None = "validation",
) -> Panel:
    """Draw for each phone `n_per_phone` samples of the validation part, without replacement.

    A segment is a candidate if it has the frame asked for: ``third`` its third one, ``middle`` the one in the middle
    of its frames, ``mean`` any at all. With ``correct_only`` the model has to give the phone the highest probability
    there; for ``mean``, the highest mean log probability over the segment's frames.

    Parameters
    ----------
    frames, corpus
        The corpus and its frames.
    settings
        Number, frame, and least number of samples.
    seed
        Of the draw; a phone's draw does not depend on the other phones.
    predictor
        Gives the model's log probabilities of rows of the frame table; `correct_only` needs it.
    split
        The part of the corpus; None: all of it.

    Raises
    ------
    PanelError
        Fewer than two phones have enough samples; the message names the richest ones.
    """
    table = frames.segments
    wanted = np.array([split in (None, u.split) for u in corpus.utterances], dtype=bool)[table.utterance]
    length = table.last - table.first
    needed = 3 if settings.frame == "third" else 1
    candidates = np.flatnonzero(wanted & (length >= needed))
    first, last = _rows_of(settings.frame, table.first[candidates], table.last[candidates])
    rows, owner = _ranges(first, last)
    correct = None
    if settings.correct_only and predictor is not None:
        correct = _correct(predictor(rows), owner, table.phone[candidates])

    chosen: list[NDArray[np.int64]] = []
    counts = []
    for index, phone in enumerate(corpus.phones):
        of_phone = table.phone[candidates] == index
        eligible = np.flatnonzero(of_phone & correct) if correct is not None else np.flatnonzero(of_phone)
        used = min(len(eligible), settings.n_per_phone)
        in_panel = used >= _least(settings)
        if in_panel:
            draw = np.random.default_rng((seed, index)).permutation(len(eligible))[:used]
            chosen.append(np.sort(eligible[draw]))
        n_correct = len(eligible) if correct is not None else None
        counts.append((phone, int(of_phone.sum()), n_correct, used if in_panel else 0, in_panel))
    counts_frame = pl.DataFrame(
        counts,
        schema={
            "phone": pl.String,
            "segments": pl.Int64,
            "correct": pl.Int64,
            "used": pl.Int64,
            "in_panel": pl.Boolean,
        },
        orient="row",
    )
    phones = tuple(counts_frame.filter("in_panel")["phone"])
    if len(phones) < _FEWEST_PHONES:
        raise _too_few(counts_frame, "segments" if correct is None else "correct", settings, split)
    order = np.concatenate(chosen)
    rows, owner = _ranges(first[order], last[order])
    return Panel(
        _describe(frames, corpus, candidates[order], first[order], last[order]),
        phones,
        rows,
        owner,
        counts_frame,
    )


def _rows_of(
    frame: str, first: NDArray[np.int64], last: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows ``first … last - 1`` of each segment that make its sample."""
    if frame == "mean":
        return first, last
    row = first + 2 if frame == "third" else first + (last - first) // 2
    return row, row + 1


def _ranges(first: NDArray[np.int64], last: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Concatenate the ranges ``first … last - 1``; return the values and which range each comes from."""
    length = last - first
    owner = np.repeat(np.arange(len(first)), length)
    start = np.repeat(np.cumsum(length) - length, length)
    return np.repeat(first, length) + np.arange(len(owner)) - start, owner


def _correct(
    log_posterior: NDArray[np.float32], owner: NDArray[np.int64], phone: NDArray[np.integer]
) -> NDArray[np.bool_]:
    """Tell for each segment whether its phone has the highest log probability, summed over its rows."""
    total = np.zeros((len(phone), log_posterior.shape[1]))
    np.add.at(total, owner, log_posterior)
    return np.asarray(total.argmax(axis=1) == phone)


def _describe(
    frames: FrameTable,
    corpus: Corpus,
    segments: NDArray[np.int64],
    first: NDArray[np.int64],
    last: NDArray[np.int64],
) -> pl.DataFrame:
    table = frames.segments
    utterance = table.utterance[segments]
    times = (frames.time(utterance, first) + frames.time(utterance, last - 1)) / 2
    return pl.DataFrame(
        {
            "sample": np.arange(len(segments)),
            "utterance": [corpus.utterances[i].id for i in utterance],
            "speaker": [corpus.utterances[i].speaker for i in utterance],
            "phone": [corpus.phones[i] for i in table.phone[segments]],
            "time": np.round(times, 6),
            "start": table.start[segments],
            "end": table.end[segments],
        }
    )


def _too_few(counts: pl.DataFrame, column: str, settings: ProbingSettings, split: Split | None) -> PanelError:
    richest = counts.sort(column, descending=True, maintain_order=True).head(5)
    listed = ", ".join(f"/{phone}/ {n}" for phone, n in zip(richest["phone"], richest[column], strict=True))
    kind = "correctly classified samples" if column == "correct" else "segments"
    way_out = " or --probing.correct_only false" if column == "correct" else ""
    where, larger = (f"{split} part", ", a larger --corpus.validation") if split else ("corpus", "")
    return PanelError(
        f"too few phones have {_least(settings)} {kind} in the {where} (the most: {listed}); give more speech{larger}, "
        f"a smaller --probing.minimum{way_out}"
    )
