"""The part of the page about single units: for which phones and features they are selective."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from markupsafe import Markup

from phonoscope.report.heat import phone_heat
from phonoscope.report.panes import Axis, Picker, figure, picker
from phonoscope.report.unit_charts import UnitGroup, selectivity_chart
from phonoscope.rundir import read_config

if TYPE_CHECKING:
    from phonoscope.report.material import Material
    from phonoscope.report.svg import Chart

_COLUMNS = 70
_RESPONSES = ("major class", "manner", "place", "height")
_FULL = 2.0  # standard deviations above a unit's mean that get the full shade


def has_units(material: Material) -> bool:
    """Tell whether the run's units were analysed."""
    names = ("units.parquet", "units.csv", "unit_features.csv", "unit_responses.csv", "psi/phones.json")
    return all((material.run.path / name).exists() for name in names)


def unit_sections(material: Material) -> dict[str, Any]:
    """Return what the template needs for the units; None where they were not analysed."""
    units = material.run.units if has_units(material) else None
    if units is None:
        return {"units": None}
    settings, _ = read_config(material.run.path)
    asked = settings.units
    n_others = material.n_phones - 1
    return {
        "units": {
            "words": (
                "A unit (a position of a filter's map, or a node of a dense layer; in the first layer, a value of the "
                "input) singles a phone out from another if its activations are higher for it by a one-sided rank-sum "
                f"test (p < {asked.alpha:g}). The number of phones that it singles a phone out from, 0 to {n_others}, "
                "is its phoneme selectivity index (Mesgarani et al. 2014; Nagamine et al. 2015)."
            ),
            "counts": _counts(material),
            "counts_words": (
                f"Share of each layer's units that single a phone out from at least {asked.threshold:.0%} of the "
                "others; the fullest colour is the largest share of the figure."
            ),
            "layers": _layer_rows(material, units, asked.threshold),
            "features": _feature_rows(material),
            "features_words": (
                f"Share of units that tell at least {asked.threshold:.0%} of the pairs of a phone that has the value "
                "and one that has another value of the same attribute apart, the first with the higher activation."
            ),
            "picker": _layers(material, units),
            "picker_words": (
                "Each column is a unit, each row a phone, the fuller the higher the unit's selectivity index for it. "
                f"At most {_COLUMNS} units of a layer are drawn, evenly from those that are selective for anything. "
                "Units and phones are ordered by Ward's linkage of their indices; lines part the groups of units. "
                "Below, each group's mean activation for classes of phones, in standard deviations of each unit."
            ),
        }
    }


def _counts(material: Material) -> Chart:
    table = material.run.unit_counts
    cells = {(row["layer"], row["phone"]): row for row in table.iter_rows(named=True)}
    layers, phones = material.layers, material.phones
    values = np.array([[cells[layer, phone]["share"] for phone in phones] for layer in layers])

    def describe(i: int, j: int) -> str:
        cell = cells[layers[i], phones[j]]
        found = f"{cell['n_selective']:,} of {cell['n_units']:,} units, mean index {cell['mean_psi']:.1f}"
        return f"/{phones[j]}/ at {layers[i]}: {found}"

    return phone_heat(
        "selective-units",
        layers,
        phones,
        values / (values.max() or 1.0),
        ipa=material.signs,
        title=f"Units selective for each phone (at most {values.max():.1%} of a layer)",
        describe=describe,
        row_height=24,
        gaps=material.gaps,
    )


def _layer_rows(material: Material, units: pl.DataFrame, threshold: float) -> list[tuple[str, str, str, str, str]]:
    """Return for each layer: units, the share that varies, that is selective for a phone, and for a feature's value."""
    least = threshold * (material.n_phones - 1) - 1e-6
    rows = []
    for layer in material.layers:
        of_layer = units.filter(layer=layer)
        shares = of_layer.select(
            pl.col("varies").mean(), (pl.col("psi") >= least).mean(), (pl.col("fsi") >= threshold - 1e-6).mean()
        ).row(0)
        varying, for_phone, for_feature = (f"{share:.1%}" for share in shares)
        rows.append((layer, f"{of_layer.height:,}", varying, for_phone, for_feature))
    return rows


def _feature_rows(material: Material) -> list[tuple[str, list[tuple[float, str, str]]]]:
    """Return for each value of an attribute, by layer: its share against the largest, in words, and what it is of."""
    table = material.run.unit_features
    if table.is_empty():
        return []
    cells = {(row["attribute"], row["value"], row["layer"]): row for row in table.iter_rows(named=True)}
    most = float(table["share"].to_numpy().max()) or 1.0
    rows = []
    for attribute, value in table.select("attribute", "value").unique(maintain_order=True).iter_rows():
        found = [cells[attribute, value, layer] for layer in material.layers]
        rows.append(
            (
                f"{attribute}: {value}",
                [(cell["share"] / most, f"{cell['share']:.1%}", f"{cell['n_selective']:,} units") for cell in found],
            )
        )
    return rows


def _layers(material: Material, units: pl.DataFrame) -> Picker:
    responses = material.run.unit_responses
    contents = {}
    for layer in material.layers:
        of_layer = units.filter(layer=layer)
        table = responses.filter(layer=layer)
        contents[layer] = figure(_picture(material, layer, of_layer, table)) + _responses(layer, table)
    layers = [(layer, layer) for layer in material.layers]
    return picker([Axis("layer", layers, layers[-1][0])], contents)


def _picture(material: Material, layer: str, units: pl.DataFrame, responses: pl.DataFrame) -> Chart:
    phones, order, psi = material.run.psi(layer)
    drawn = units.filter(pl.col("place").is_not_null()).sort("place")
    drawn = drawn[np.linspace(0, drawn.height - 1, min(_COLUMNS, drawn.height)).round().astype(int)]
    values = psi[drawn["unit"].to_numpy()][:, [phones.index(phone) for phone in order]].T / max(len(phones) - 1, 1)
    about = {
        cluster: f"group {cluster}: {n:,} units, most selective for /{leading}/"
        for cluster, n, leading in responses.select("cluster", "n_units", "phones").unique().iter_rows()
    }
    sizes = dict(units["cluster"].drop_nulls().value_counts().iter_rows())
    groups = [
        UnitGroup(cluster, len(list(columns)), about.get(cluster, f"group {cluster}: {sizes[cluster]:,} units"))
        for cluster, columns in groupby(drawn["cluster"].to_list())
    ]
    title = f"Selectivity of units at {layer}"
    return selectivity_chart(f"units-{layer}", order, values, groups, ipa=material.signs, title=title)


def _responses(layer: str, table: pl.DataFrame) -> Markup:
    """Make the table of the groups' mean activations: a row a class of phones, a column a group."""
    table = table.filter(pl.col("attribute").is_in(_RESPONSES))
    if table.is_empty():
        return Markup("")
    clusters = table["cluster"].unique().sort().to_list()
    values = {(v, c): x for v, c, x in table.select("value", "cluster", "response").iter_rows()}
    head = Markup("").join(Markup('<th scope="col">{}</th>').format(cluster) for cluster in clusters)
    rows = Markup("").join(
        Markup('<tr><th scope="row">{}</th>{}</tr>').format(
            value,
            Markup("").join(
                Markup('<td class="cell" style="--v:{:.2f}">{:+.1f}</td>').format(
                    min(max(values[value, cluster] / _FULL, 0), 1), values[value, cluster]
                )
                for cluster in clusters
            ),
        )
        for value in table["value"].unique(maintain_order=True)
    )
    return Markup(
        '<div class="tables"><table><caption>Mean activation of each group of units at {}</caption>'
        '<thead><tr><th class="text" scope="col">group</th>{}</tr></thead><tbody>{}</tbody></table></div>'
    ).format(layer, head, rows)
