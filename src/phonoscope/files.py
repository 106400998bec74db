"""Files that are written whole or not at all."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from phonoscope.formulas import guarded

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import polars as pl


@contextmanager
def written_whole(paths: Sequence[Path]) -> Iterator[list[Path]]:
    """Give temporary names beside `paths`, and rename them when the block ends without an error.

    After an error the temporary files are removed and what stood under the names is untouched.
    """
    temporary = [path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}") for path in paths]
    try:
        yield temporary
        for source, target in zip(temporary, paths, strict=True):
            source.replace(target)
    finally:
        for source in temporary:
            source.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all."""
    with written_whole([path]) as (temporary,):
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_frame(frame: pl.DataFrame, path: Path) -> None:
    """Write a table as CSV or Parquet, as the name says, whole or not at all; no cell of a CSV calls anything."""
    with written_whole([path]) as (temporary,):
        if path.suffix == ".parquet":
            frame.write_parquet(temporary)
        else:
            guarded(frame).write_csv(temporary)
