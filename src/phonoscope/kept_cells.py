"""The cells of the grid and the sweeps that an interrupted run has left."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from phonoscope.clustering.selection import Sweep
from phonoscope.evaluation.grid import Cell, CellResult, measures_of
from phonoscope.evaluation.separability import separability

if TYPE_CHECKING:
    from collections.abc import Sequence

    from phonoscope.evaluation.grid import Clusterer
    from phonoscope.kept import Kept
    from phonoscope.settings import Settings


def kept_with(settings: Settings, n: int) -> str:
    """Return a name that other settings of the clusterings, and panels of another size than n, do not share."""
    told = [n, settings.seed, *(asdict(group) for group in (settings.reduction, settings.clustering))]
    text = json.dumps([*told, asdict(settings.selection)])
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def find_result(kept: Kept, layer: str, wanted: Cell | Clusterer, phones: Sequence[str]) -> CellResult | Sweep | None:
    """Return a cell, or a layer's sweep by a clusterer, as it was kept; None if it was not.

    Parameters
    ----------
    kept, layer, wanted
        Where, and what of.
    phones
        The phone of each sample: a cell is measured against them again.
    """
    if isinstance(wanted, Cell):
        found = kept.find(_cell_name(wanted))
        if found is None:
            return None
        details, labels = found
        return CellResult(wanted, labels, separability(phones, labels), details, measures_of(phones, labels))
    found = kept.find(_sweep_name(layer, wanted))
    if found is None:
        return None
    about, labels = found
    ks = tuple(about["ks"])
    curves = {name: dict(zip(ks, values, strict=True)) for name, values in about["curves"].items()}
    return Sweep(wanted, ks, labels, curves)


def keep_cell(kept: Kept, result: CellResult) -> CellResult:
    """Keep a cell; return it as it will be found."""
    details, labels = kept.keep(_cell_name(result.cell), result.details, result.labels)
    return replace(result, details=details, labels=labels)


def keep_sweep(kept: Kept, layer: str, found: Sweep) -> Sweep:
    """Keep a layer's sweep by a clusterer; return it with its labels as they will be found."""
    curves = {name: [curve[k] for k in found.ks] for name, curve in found.curves.items()}
    _, labels = kept.keep(_sweep_name(layer, found.clusterer), {"ks": found.ks, "curves": curves}, found.labels)
    return replace(found, labels=labels)


def _cell_name(cell: Cell) -> str:
    return f"{cell.layer}-{cell.reduction}-{cell.clusterer}-{cell.k}-{cell.seed}"


def _sweep_name(layer: str, clusterer: Clusterer) -> str:
    return f"{layer}-{clusterer}-sweep"
