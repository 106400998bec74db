"""Where the oral vowels of French lie on the F1-F2 plane, for use where none can be measured."""

from __future__ import annotations

import polars as pl

from phonoscope.phones.tables import read_table


def reference_formants() -> pl.DataFrame:
    """Return mean formants of the ten oral vowels of French, spoken by men.

    Returns
    -------
    A row a vowel, in the inventory's order: phone (SAMPA), f1, f2 (Hz). There are no nasal vowels.

    Notes
    -----
    The values are those of Calliope, "La parole et son traitement automatique" (Masson, Paris, 1989), as later texts
    quote them; they have not been compared with the book itself.
    """
    columns = {"phone": pl.String, "f1": pl.Float64, "f2": pl.Float64}
    return pl.DataFrame(read_table("formants.csv")).cast(columns)  # type: ignore[arg-type] # polars' mapping is invariant
