"""The parts of the page that show samples, phones in space, and filters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from phonoscope.report.kernel_charts import KERNEL_WORDS, kernel_charts
from phonoscope.report.maps import plosive_maps, vowel_maps
from phonoscope.report.panes import Axis, Picker, figure, figures, on_page, picker
from phonoscope.report.scatter import cloud, group_mark, sample_map
from phonoscope.report.words import PROJECTIONS, SCALARS, TARGETS

if TYPE_CHECKING:
    from phonoscope.report.material import Material
    from phonoscope.report.svg import Chart


def figure_sections(material: Material) -> dict[str, Any]:
    """Return what the template needs for the samples, the phones in three dimensions, and the filters."""
    return {
        "tsne": _samples(material),
        "group_legend": [
            {
                "key": group,
                "name": group,
                "mark": on_page(group_mark(colour)),
            }
            for group, colour in material.groups.items()
        ],
        "phone_list": [(phone, material.signs[phone]) for phone in material.phones],
        "clouds": _clouds(material),
        "filters": _filters(material),
    }


def _samples(material: Material) -> Picker:
    phones = material.panel["phone"].to_list()
    shown = material.shown_samples
    phones = [phones[i] for i in shown]
    maps = {
        layer: sample_map(layer, material.embedding(layer)[shown], phones, material.looks) for layer in material.layers
    }
    axes = [Axis("layer", [(layer, layer) for layer in maps], list(maps)[-1])]
    return picker(axes, {layer: figure(one) for layer, one in maps.items()})


def cloud_charts(material: Material, layer: str) -> dict[str, Chart]:
    """Draw the paper's Figure 2 for a layer: the phones' mean activations by PCA and by t-SNE, in three dimensions."""
    return {
        projection: cloud(
            f"figure2-{layer}-{projection}",
            f"Mean activations at {layer}: {PROJECTIONS[projection]}",
            points,
            material.looks,
        )
        for projection, points in material.clouds(layer).items()
    }


def _clouds(material: Material) -> Picker:
    charts = {layer: cloud_charts(material, layer) for layer in material.layers}
    contents = {
        f"{layer}|{projection}": figure(one) for layer, found in charts.items() for projection, one in found.items()
    }
    shown = material.map_layer or material.layers[0]
    axes = [
        Axis("layer", [(layer, layer) for layer in material.layers], shown),
        Axis("projection", [(name, PROJECTIONS[name]) for name in charts[shown]], "pca"),
    ]
    return picker(axes, contents)


def filter_charts(material: Material, number: int) -> list[Chart]:
    """Draw the paper's Figures 3 and 4 for one filter: the vowels on the F1-F2 plane, and the plosives."""
    layer, maps = material.map_layer, material.filter_maps(number)
    peak = max((float(one.max()) for one in maps.values()), default=0.0)
    vowels = {phone: maps[phone] for phone in material.phones if phone in material.formants}
    grid = material.plosives()
    plosives = {phone: maps[phone] for row in grid.rows.values() for phone in row if phone is not None}
    title = f"filter {number} of {layer}"
    return [
        vowel_maps(
            f"figure3-filter{number}",
            vowels,
            material.formants,
            ipa=material.signs,
            peak=peak,
            title=f"Vowels, {title}",
        ),
        plosive_maps(
            f"figure4-filter{number}",
            plosives,
            grid.rows,
            grid.columns,
            ipa=material.signs,
            peak=peak,
            title=f"Plosives, {title}",
        ),
    ]


def _filters(material: Material) -> dict[str, Any]:
    if material.map_layer is None:
        return {"panes": []}
    follows: dict[int, list[str]] = {}
    rows = []
    for best in material.best_filters:
        follows.setdefault(best.filter, []).append(TARGETS[best.target])
        shown = "-" if best.rho is None else f"{best.rho:+.2f}"
        rows.append((TARGETS[best.target], best.filter, SCALARS[best.scalar], shown, best.n))
    options = []
    for number in range(material.n_filters):
        marks = f": follows {', '.join(follows[number])}" if number in follows else ""
        options.append((str(number), f"{number}{marks}"))
    first = str(material.best_filters[0].filter) if material.best_filters else "0"
    kernels = kernel_charts(material)
    contents = {
        str(number): figures([*filter_charts(material, number), *kernels.get(number, [])], "")
        for number in range(material.n_filters)
    }
    found = picker([Axis("filter", options, first)], contents)
    return {
        "layer": material.map_layer,
        "axes": found.axes,
        "panes": found.panes,
        "table": rows,
        "words": (
            "As in the paper's Figures 3 and 4: the mean map of one filter for each vowel, on the plane of F1 and F2, "
            "and for the plosives. Time runs to the right, frequency upwards; the fuller the colour, the more active. "
            "The filters of the table were chosen on half of the samples as those that follow a property best; the "
            "correlation is that of the other half. F1 and F2 are followed over the vowels' samples, voicing over the "
            "obstruents that come in pairs, nasality over oral and nasal vowels." + (KERNEL_WORDS if kernels else "")
        ),
        "formant_words": material.formant_words,
    }
