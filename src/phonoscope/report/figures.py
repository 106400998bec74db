"""The paper's figures, for print."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from phonoscope.files import written_whole

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.figure import Figure

# Okabe and Ito's colours, told apart by colour-blind eyes; markers and dashes say the same without colour.
_CURVES = {
    "none": ("no reduction", "#0072B2", "o", "-"),
    "pca": ("PCA", "#D55E00", "s", "--"),
    "tsne": ("t-SNE", "#009E73", "^", "-."),
}
_TITLES = {"kmedians": "k-medians", "spectral": "spectral clustering"}


def separability_figure(scores: pl.DataFrame) -> Figure:
    """Draw the paper's Figure 1: F-measure by layer, a panel a clusterer, a curve a reduction.

    Parameters
    ----------
    scores
        The table of `scores.csv`; of several seeds the mean is drawn, with bars from the least to the greatest.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415 - slow to import, and only figures need it

    layers = scores["layer"].unique(maintain_order=True).to_list()
    clusterers = [name for name in _TITLES if name in scores["clusterer"]]
    figure = Figure(figsize=(3.6 * len(clusterers) + 0.4, 3.5), layout="constrained")
    axes = figure.subplots(1, len(clusterers), sharey=True, squeeze=False)[0]
    for ax, clusterer in zip(axes, clusterers, strict=True):
        for reduction, (label, colour, marker, dashes) in _CURVES.items():
            chosen = scores.filter((pl.col("clusterer") == clusterer) & (pl.col("reduction") == reduction))
            if chosen.is_empty():
                continue
            curve = chosen.group_by("layer", maintain_order=True).agg(
                pl.col("f_measure").mean().alias("mean"),
                pl.col("f_measure").min().alias("least"),
                pl.col("f_measure").max().alias("most"),
            )
            x = [layers.index(layer) for layer in curve["layer"]]
            below, above = curve["mean"] - curve["least"], curve["most"] - curve["mean"]
            ax.errorbar(
                x,
                curve["mean"].to_list(),
                yerr=[below.to_list(), above.to_list()] if above.max() else None,
                label=label,
                color=colour,
                marker=marker,
                linestyle=dashes,
                markersize=5,
                linewidth=1.4,
                capsize=2,
            )
        ks = scores.filter(pl.col("clusterer") == clusterer)["k"].unique().sort().to_list()
        ax.set_title(f"{_TITLES[clusterer]}, k = {', '.join(map(str, ks))}", fontsize=10)
        ax.set_xticks(range(len(layers)), layers)
        ax.set_xlabel("layer")
        ax.set_ylim(0, 1)
        ax.grid(axis="y", color="0.9", linewidth=0.8)
        ax.set_axisbelow(True)
        ax.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel("F-measure")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False, fontsize=9)
    return figure


def save_figure(figure: Figure, folder: Path, name: str) -> list[Path]:
    """Write ``folder/name.svg`` and ``folder/name.png`` (200 dpi); the same figure gives the same bytes."""
    import matplotlib as mpl  # noqa: PLC0415 - see above

    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{name}.svg", folder / f"{name}.png"]
    # ids in an SVG are random and its date is now, unless told otherwise; text stays text, for editing
    style: Any = {"svg.hashsalt": "phonoscope", "svg.fonttype": "none", "font.family": "sans-serif"}
    with mpl.rc_context(style), written_whole(paths) as (svg, png):
        figure.savefig(svg, metadata={"Date": None})
        figure.savefig(png, dpi=200)
    return paths
