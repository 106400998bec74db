"""Reads the tables of this package's data folder."""

from __future__ import annotations

import csv
from importlib.resources import files


def read_table(name: str) -> list[dict[str, str]]:
    """Read a table of this package's data folder: one mapping from column to cell a row."""
    text = (files("phonoscope.phones") / "data" / name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))
