"""What single units of a run's layers are selective for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

from phonoscope.evaluation.selectivity import mean_responses, phoneme_selectivity
from phonoscope.files import write_frame, write_text, written_whole
from phonoscope.phonology.attributes import phone_attributes
from phonoscope.phonology.unit_clusters import UnitClusters, cluster_units

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from phonoscope.progress import Progress
    from phonoscope.results import Run
    from phonoscope.settings import Settings

_BLOCK_BYTES = 1 << 26
_FILES = ("units.parquet", "units.csv", "unit_features.csv", "unit_responses.csv")
_FEWEST = 2  # phones of a feature's value: one alone is a phone
_BYTE = 256


class _Contrast(NamedTuple):
    """A value of a phonological attribute against its other values."""

    attribute: str
    value: str
    sides: dict[str, bool]


class _Layer(NamedTuple):
    """What was found in a layer: selectivities, standardised responses of the phones, groups of units."""

    psi: NDArray[np.uint16]
    fsi: NDArray[np.float32]
    varies: NDArray[np.bool_]
    responses: NDArray[np.float64]
    clusters: UnitClusters


def analyse_units(run: Run, settings: Settings, progress: Progress) -> None:
    """Write `psi/`, `units.parquet`, `units.csv`, `unit_features.csv` and `unit_responses.csv` of a run.

    ``psi/LAYER.npy`` is the phoneme selectivity index, units × phones, ``psi/phones.json`` says which phones those are
    and how each layer orders them. Where all is there already, nothing is done.

    Parameters
    ----------
    run
        Its panel and activations are read.
    settings
        `settings.units`.
    progress
        Where to tell how far it is.
    """
    about = run.path / "psi" / "phones.json"
    if all(path.exists() for path in (about, *(run.path / name for name in _FILES))):
        return
    labels = run.panel["phone"].to_list()
    rows = even_rows(labels, settings.units.samples)
    kept = [labels[row] for row in rows]
    phones = list(dict.fromkeys(kept))
    contrasts = _contrasts(run.ipa, phones)
    about.parent.mkdir(exist_ok=True)
    tables: dict[str, list[pl.DataFrame]] = {name: [] for name in _FILES}
    orders = {}
    widths = {layer: run.activations(layer).shape[1] for layer in run.layers}
    with progress.bar("units", sum(widths.values()), "units") as advance:
        for layer, width in widths.items():
            found = _layer(run.activations(layer), rows, kept, contrasts, settings)
            with written_whole([about.with_name(f"{layer}.npy")]) as (temporary,):
                np.save(temporary, found.psi.astype(np.uint8 if len(phones) <= _BYTE else np.uint16))
            orders[layer] = [phones[i] for i in found.clusters.phone_order]
            made = (
                _units_table(run.shapes[layer], found, phones, contrasts),
                _phones_table(found, phones, settings.units.threshold),
                _features_table(found, contrasts, settings.units.threshold),
                _responses_table(found, phones, contrasts),
            )
            for name, table in zip(_FILES, made, strict=True):
                tables[name].append(table.select(pl.lit(layer).alias("layer"), pl.all()))
            advance(width)
    write_text(about, json.dumps({"phones": phones, "order": orders}, ensure_ascii=False) + "\n")
    for name, parts in tables.items():
        write_frame(pl.concat(parts), run.path / name)


def even_rows(phones: Sequence[str], most: int) -> NDArray[np.int64]:
    """Return the rows of at most `most` samples of each phone, evenly drawn, in their own order.

    The more samples, the smaller the differences that a test finds: selectivities of panels are only comparable at the
    same number.
    """
    names = np.asarray(phones, dtype=str)
    kept = []
    for phone in dict.fromkeys(phones):
        there = np.flatnonzero(names == phone)
        kept.append(there[np.linspace(0, len(there) - 1, min(most, len(there))).round().astype(np.int64)])
    return np.sort(np.concatenate(kept))


def _contrasts(ipa: Mapping[str, str], phones: Sequence[str]) -> list[_Contrast]:
    """List the values of all attributes that several phones have, and others have not."""
    found = []
    for attribute, of in phone_attributes(ipa, phones).items():
        known = {phone: value for phone, value in of.items() if value is not None}
        for value in dict.fromkeys(known.values()):
            sides = {phone: own == value for phone, own in known.items()}
            if _FEWEST <= sum(sides.values()) < len(sides):
                found.append(_Contrast(attribute, value, sides))
    return found


def _layer(
    activations: NDArray[np.float32],
    rows: NDArray[np.int64],
    phones: Sequence[str],
    contrasts: Sequence[_Contrast],
    settings: Settings,
) -> _Layer:
    width = activations.shape[1]
    size = max(1, _BLOCK_BYTES // (4 * len(rows)))
    parts, responses = [], []
    for first in range(0, width, size):
        block = np.asarray(activations[:, first : first + size][rows])
        parts.append(phoneme_selectivity(block, phones, settings.units.alpha, [one.sides for one in contrasts]))
        responses.append(mean_responses(block, phones))
    psi = np.concatenate([part.psi for part in parts])
    return _Layer(
        psi,
        np.concatenate([part.fsi for part in parts]),
        np.concatenate([part.varies for part in parts]),
        np.concatenate(responses),
        cluster_units(psi, settings.units.clusters),
    )


def _reached(values: NDArray[np.floating], threshold: float) -> NDArray[np.bool_]:
    """Tell which shares reach a threshold, whatever the last digit of either."""
    return values >= threshold - 1e-6


def _units_table(
    shape: tuple[int, ...], found: _Layer, phones: Sequence[str], contrasts: Sequence[_Contrast]
) -> pl.DataFrame:
    """Make a layer's part of `units.parquet`, a row a unit."""
    n = len(found.psi)
    place = np.full(n, -1)
    place[found.clusters.drawn] = np.arange(len(found.clusters.drawn))
    best = found.psi.argmax(axis=1)
    most = found.psi.max(axis=1)
    maps = len(shape) == 3  # noqa: PLR2004 - axes of a map
    names = [f"{one.attribute}: {one.value}" for one in contrasts]
    fsi = found.fsi.max(axis=1) if names else np.zeros(n, np.float32)
    feature = [names[i] for i in found.fsi.argmax(axis=1)] if names else [None] * n
    table = pl.DataFrame(
        {
            "unit": np.arange(n),
            "map": np.arange(n) // (shape[1] * shape[2]) if maps else np.full(n, -1),
            "varies": found.varies,
            "phone": [phones[i] for i in best],
            "psi": most.astype(np.int64),
            "feature": pl.Series(feature, dtype=pl.String),
            "fsi": fsi,
            "cluster": found.clusters.cluster,
            "place": place,
        }
    )
    return table.with_columns(
        pl.when(pl.col("map") >= 0).then("map"),
        pl.when(pl.col("psi") > 0).then("phone"),
        pl.when(pl.col("fsi") > 0).then("feature"),
        pl.when(pl.col("cluster") > 0).then("cluster"),
        pl.when(pl.col("place") >= 0).then("place"),
    )


def _phones_table(found: _Layer, phones: Sequence[str], threshold: float) -> pl.DataFrame:
    """Make a layer's part of `units.csv`, a row a phone."""
    selective = _reached(found.psi / (len(phones) - 1), threshold).sum(axis=0)
    return pl.DataFrame(
        {
            "phone": list(phones),
            "n_units": [len(found.psi)] * len(phones),
            "n_selective": selective,
            "share": selective / len(found.psi),
            "mean_psi": found.psi.mean(axis=0),
        }
    )


def _features_table(found: _Layer, contrasts: Sequence[_Contrast], threshold: float) -> pl.DataFrame:
    """Make a layer's part of `unit_features.csv`, a row a value of an attribute."""
    rows = []
    for one, fsi in zip(contrasts, found.fsi.T, strict=True):
        inside, selective = sum(one.sides.values()), int(_reached(fsi, threshold).sum())
        shares = selective / len(fsi), float(fsi.mean(dtype=np.float64))
        rows.append((one.attribute, one.value, inside, len(one.sides) - inside, len(fsi), selective, *shares))
    schema = {
        "attribute": pl.String,
        "value": pl.String,
        "n_phones": pl.Int64,
        "n_others": pl.Int64,
        "n_units": pl.Int64,
        "n_selective": pl.Int64,
        "share": pl.Float64,
        "mean_fsi": pl.Float64,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def _responses_table(found: _Layer, phones: Sequence[str], contrasts: Sequence[_Contrast]) -> pl.DataFrame:
    """Make a layer's part of `unit_responses.csv`: a row a cluster of units and value of manner, place or height."""
    rows = []
    for cluster in range(1, int(found.clusters.cluster.max(initial=0)) + 1):
        members = found.clusters.cluster == cluster
        psi = found.psi[members].mean(axis=0)
        leading = " ".join(phones[i] for i in np.argsort(-psi, kind="stable")[:5] if psi[i] > 0)
        of_phone = found.responses[members].mean(axis=0)
        for one in contrasts:
            inside = [of_phone[i] for i, phone in enumerate(phones) if one.sides.get(phone)]
            rows.append((cluster, int(members.sum()), leading, one.attribute, one.value, float(np.mean(inside))))
    schema = {
        "cluster": pl.Int64,
        "n_units": pl.Int64,
        "phones": pl.String,
        "attribute": pl.String,
        "value": pl.String,
        "response": pl.Float64,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")
