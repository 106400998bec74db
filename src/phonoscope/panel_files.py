"""The tables of a run that describe its panel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from phonoscope.files import write_frame, write_text
from phonoscope.phones.features import legend_group
from phonoscope.phones.inventory import french
from phonoscope.phones.symbols import read_symbol
from phonoscope.signal.formants import PraatMissingError, measure_formants

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from phonoscope.corpus.types import Corpus
    from phonoscope.probing.panel import Panel
    from phonoscope.progress import Progress
    from phonoscope.settings import ProbingSettings


def panel_warnings(panel: Panel, settings: ProbingSettings) -> list[str]:
    """Say which phones have fewer samples than the others, and which are left out."""
    warnings = []
    if panel.short:
        short = panel.counts.filter(pl.col("phone").is_in(panel.short))
        listed = ", ".join(f"/{phone}/ ({used})" for phone, used in short.select("phone", "used").iter_rows())
        warnings.append(f"fewer than {settings.n_per_phone} samples of {listed}")
    if panel.left_out:
        listed = ", ".join(f"/{p}/" for p in panel.left_out)
        warnings.append(f"left out for fewer than {settings.minimum} samples: {listed}")
    return warnings


def write_panel(out: Path, corpus: Corpus, panel: Panel, warnings: Sequence[str], progress: Progress) -> None:
    """Write `warnings.txt`, `formants.csv` (F1 and F2 of the oral vowels), `panel.csv`, and last `panel.parquet`.

    Parameters
    ----------
    out
        The run's folder.
    corpus, panel
        What is described.
    warnings
        What there was to be warned of so far; that Praat is not there comes to it.
    progress
        Where to tell how far it is.
    """
    said = [*warnings, *_measure_formants(out, corpus, panel, progress)]
    write_text(out / "warnings.txt", "".join(f"{' '.join(warning.split())}\n" for warning in said))
    counts = panel.counts.with_columns(pl.col("phone").replace_strict(_ipa(corpus), default="").alias("ipa"))
    write_frame(counts.select("phone", "ipa", pl.exclude("phone", "ipa")), out / "panel.csv")
    write_frame(panel.samples, out / "panel.parquet")


def _measure_formants(out: Path, corpus: Corpus, panel: Panel, progress: Progress) -> list[str]:
    """Write the oral vowels' F1 and F2; return what is to be warned of."""
    path = out / "formants.csv"
    path.unlink(missing_ok=True)
    ipa = _ipa(corpus)
    vowels = [phone for phone in panel.phones if _has_formants(ipa.get(phone, ""))]
    if not vowels:
        return []
    try:
        write_frame(measure_formants(corpus, panel.samples, vowels, progress=progress), path)
    except PraatMissingError as error:
        progress.warn(str(error))
        return [str(error)]
    return []


def _ipa(corpus: Corpus) -> Mapping[str, str]:
    """Return the IPA signs of a corpus's phones; SAMPA's for French if nobody said what the phones are."""
    return corpus.ipa or french().ipa


def _has_formants(sign: str) -> bool:
    """Tell whether a phone is an oral vowel that stays where it is, so that F1 and F2 at its middle describe it."""
    if legend_group(sign) != "oral vowel":
        return False
    return "contour" not in read_symbol(sign)
