"""A corpus in words and in tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from phonoscope.corpus.types import Corpus

_SHOWN_LABELS = 20


def describe_corpus(corpus: Corpus) -> list[str]:
    """Say in a few lines how much speech there is, how it is parted, and which labels are no phones."""
    train, validation = corpus.of("train"), corpus.of("validation")
    size = f"{corpus.seconds / 60:.1f} minutes, {len(corpus.utterances)} utterances, {len(corpus.speakers)} speakers"
    lines = [f"{corpus.name}: {size}; {len(train)} utterances for training, {len(validation)} for validation"]
    absent = [phone for phone in corpus.phones if not corpus.phone_counts()[phone]]
    if absent:
        lines.append(f"phones that do not occur: {' '.join(absent)}")
    if corpus.left_over:
        commonest = sorted(corpus.left_over.items(), key=lambda item: -item[1])
        listed = ", ".join(f"{label!r} ({n})" for label, n in commonest[:_SHOWN_LABELS])
        more = f" and {len(commonest) - _SHOWN_LABELS} more (labels.csv)" if len(commonest) > _SHOWN_LABELS else ""
        lines.append(f"labels that are neither phone nor pause, left out: {listed}{more}")
    return lines


def labels_table(corpus: Corpus) -> pl.DataFrame:
    """Make the table of `labels.csv`: the labels that were folded onto another phone, or left out (no phone)."""
    rows: list[tuple[str, str | None, int]] = [(label, phone, n) for (label, phone), n in corpus.folded.items()]
    rows += [(label, None, n) for label, n in corpus.left_over.items()]
    table = pl.DataFrame(rows, schema={"label": pl.String, "phone": pl.String, "tokens": pl.Int64}, orient="row")
    return table.sort("tokens", "label", descending=[True, False])


def segments_table(corpus: Corpus) -> pl.DataFrame:
    """Make the table of `corpus.parquet`, a row a segment: utterance, speaker, phone, start, end (seconds), split."""
    rows = [(u.id, u.speaker, s.phone, s.start, s.end, u.split) for u in corpus.utterances for s in u.segments]
    names = ["utterance", "speaker", "phone", "start", "end", "split"]
    return pl.DataFrame(rows, schema=names, orient="row", infer_schema_length=None)
