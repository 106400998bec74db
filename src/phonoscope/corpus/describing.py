"""A corpus in words and in tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from phonoscope.corpus.segments import segment_columns

if TYPE_CHECKING:
    from phonoscope.corpus.types import Corpus


def describe_corpus(corpus: Corpus) -> list[str]:
    """Say in a few lines how much speech there is, how it is parted, and what its phones are.

    Where labels were left over, the sentence on the phone set is one of the corpus's warnings, and not said here again.
    """
    train, validation = corpus.of("train"), corpus.of("validation")
    size = f"{corpus.seconds / 60:.1f} minutes, {len(corpus.utterances)} utterances, {len(corpus.speakers)} speakers"
    lines = [f"{corpus.name}: {size}; {len(train)} utterances for training, {len(validation)} for validation"]
    counts = corpus.phone_counts()
    absent = [phone for phone in corpus.phones if not counts[phone]]
    if absent:
        lines.append(f"phones that do not occur: {' '.join(absent)}")
    if corpus.note and not corpus.left_over:
        lines.append(corpus.note)
    return lines


def labels_table(corpus: Corpus) -> pl.DataFrame:
    """Make the table of `labels.csv`: the labels that were folded onto another phone, or left out (no phone)."""
    rows: list[tuple[str, str | None, int]] = [(label, phone, n) for (label, phone), n in corpus.folded.items()]
    rows += [(label, None, n) for label, n in corpus.left_over.items()]
    table = pl.DataFrame(rows, schema={"label": pl.String, "phone": pl.String, "tokens": pl.Int64}, orient="row")
    return table.sort("tokens", "label", descending=[True, False])


def segments_table(corpus: Corpus) -> pl.DataFrame:
    """Make the table of `corpus.parquet`, a row a segment: utterance, speaker, phone, start, end (seconds), split."""
    utterances = corpus.utterances
    index = {phone: i for i, phone in enumerate(corpus.phones)}
    columns = [segment_columns(u.segments, index) for u in utterances]
    codes, starts, ends = (np.concatenate([[], *column]) for column in zip(*columns, strict=True))
    of = pl.Series(np.repeat(np.arange(len(utterances)), [len(u.segments) for u in utterances]))
    return pl.DataFrame(
        {
            "utterance": pl.Series([u.id for u in utterances], dtype=pl.String).gather(of),
            "speaker": pl.Series([u.speaker for u in utterances], dtype=pl.String).gather(of),
            "phone": pl.Series(corpus.phones, dtype=pl.String).gather(pl.Series(codes.astype(np.int64))),
            "start": starts,
            "end": ends,
            "split": pl.Series([u.split for u in utterances], dtype=pl.String).gather(of),
        }
    )
