"""What is read out of a run that is clustered: how many classes, which, their names, what filters and layers follow.

Everything here is made from the run's files alone, so that a finished run can be read again in another way.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import polars as pl

from phonoscope.clustering.curves import CRITERIA
from phonoscope.evaluation.separability import contingency
from phonoscope.files import write_frame, write_text
from phonoscope.phones.features import feature_table
from phonoscope.phonology.attributes import filter_targets, phone_attributes
from phonoscope.phonology.classes import infer_classes
from phonoscope.phonology.filters import filter_correlations, mean_maps
from phonoscope.phonology.hierarchy import mean_distances
from phonoscope.phonology.natural import natural_classes
from phonoscope.phonology.triplets import organising_attributes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from phonoscope.phones.features import FeatureTable
    from phonoscope.progress import Progress
    from phonoscope.results import Run
    from phonoscope.settings import Settings

# the numbers of classes that the paper's criteria found: shown beside those chosen here, where they are in the range
PAPER_K = {"kmedians": 17, "spectral": 7}
GIVEN, PAPER = "given", "paper"


def interpret(run: Run, settings: Settings, progress: Progress) -> None:
    """Write `classes.json`, `classes.csv`, `organisation.csv` and `filters.csv` of a run.

    Parameters
    ----------
    run
        Its panel, activations, `selection.csv` and `sweep.parquet` are read.
    settings
        `settings.selection` says which criterion, or which number of classes, is the main one.
    progress
        Where to tell how far it is.
    """
    ipa = run.ipa
    table = feature_table({phone: ipa[phone] for phone in dict.fromkeys(run.panel["phone"])})
    if table.unknown:
        listed = ", ".join(f"/{phone}/" + f" [{ipa[phone]}]" * bool(ipa[phone]) for phone in table.unknown)
        progress.warn(f"no phonological features are known of {listed}; they are in no natural class")
    classes = class_entries(run, settings, table, progress)
    write_text(run.path / "classes.json", json.dumps(classes, ensure_ascii=False, indent=1) + "\n")
    write_frame(classes_table(classes), run.path / "classes.csv")
    write_frame(_organisation(run, settings, ipa, progress), run.path / "organisation.csv")
    filters = _filters(run, settings, ipa)
    if filters is not None:
        write_frame(filters, run.path / "filters.csv")


def class_entries(run: Run, settings: Settings, table: FeatureTable, progress: Progress) -> list[dict[str, Any]]:
    """Make the entries of `classes.json`: one a layer, clusterer and number of classes that something speaks for.

    An entry has layer, reduction, clusterer, k, seed, chosen_by (criteria, ``given``, ``paper``), main (whether it is
    the one asked for), criterion (the main one's), at_edge (whether what chose it did so at the edge of the range; of
    several the main one, or else any), phi and phi_p_value (see `natural_classes`), classes and spread (see
    `infer_classes`); a class has the fields of `InferredClass` and ``natural``, those of `NaturalClass`.
    """
    phones = run.panel["phone"].to_list()
    entries = []
    wanted = list(_wanted(run.selection, settings))
    labels, of = pl.DataFrame(), ""
    with progress.bar("classes", len(wanted), "clusterings") as advance:
        for key, (layer, clusterer, k), ways, main, at_edge in wanted:
            if of != layer:  # they come one after the other
                labels, of = run.sweep_of(layer), layer
            chosen = labels.filter(clusterer=clusterer, k=k)["cluster"].to_numpy()
            named = _named(phones, chosen, table, settings)
            criterion = GIVEN if settings.selection.k else getattr(settings.selection, f"{clusterer}_criterion")
            entries.append(
                {
                    "layer": layer,
                    "reduction": key[1],
                    "clusterer": clusterer,
                    "k": k,
                    "seed": settings.seed,
                    "criterion": criterion,
                    "main": main,
                    "chosen_by": ways,
                    "at_edge": at_edge,
                    **named,
                }
            )
            advance(1)
    return entries


def _wanted(selection: pl.DataFrame, settings: Settings) -> Any:  # noqa: ANN401 - a generator of plain tuples
    """List which clusterings are read as classes, and who has chosen each."""
    for (layer, reduction, clusterer), rows in selection.group_by(
        "layer", "reduction", "clusterer", maintain_order=True
    ):
        ways: dict[int, list[str]] = {}
        edges: dict[int, dict[str, bool]] = {}
        ks = rows["k"].unique().to_list()
        main = settings.selection.k
        asked = GIVEN if main else getattr(settings.selection, f"{clusterer}_criterion")
        if main:
            ways[main], edges[main] = [GIVEN], {GIVEN: False}
        for criterion in CRITERIA:
            for k, at_edge in rows.filter("chosen", criterion=criterion).select("k", "at_edge").iter_rows():
                ways.setdefault(k, []).append(criterion)
                edges.setdefault(k, {})[criterion] = at_edge
                main = k if criterion == asked else main
        if PAPER_K[str(clusterer)] in ks:
            ways.setdefault(PAPER_K[str(clusterer)], []).append(PAPER)
        for k, names in ways.items():
            at_edge = edges.get(k, {}).get(asked, any(edges.get(k, {}).values()))
            yield (layer, reduction), (layer, clusterer, k), names, k == main, at_edge


def _named(phones: Sequence[str], labels: NDArray[np.int64], table: FeatureTable, settings: Settings) -> dict[str, Any]:
    classes, spread = infer_classes(phones, labels)
    names, clusters, counts = contingency(phones, labels)
    rows = [names.tolist().index(phone) for phone in table.phones]
    permutations = settings.selection.permutations
    found = natural_classes(
        counts[rows], counts[rows].sum(axis=1), table, n_permutations=permutations, seed=settings.seed
    )
    natural = dict(zip(clusters.tolist(), found.classes, strict=True))
    return {
        "phi": found.phi,
        "phi_p_value": found.p_value,
        "classes": [
            {
                **asdict(one),
                "natural": {**asdict(natural[one.cluster]), "significant": natural[one.cluster].significant},
            }
            for one in classes
        ],
        "spread": [asdict(one) for one in spread],
    }


def classes_table(entries: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Make the table of `classes.csv`, a row a class."""
    rows = [
        {
            **{name: entry[name] for name in ("layer", "reduction", "clusterer", "k", "main")},
            "chosen_by": " ".join(entry["chosen_by"]),
            "at_edge": entry["at_edge"],
            "cluster": one["cluster"],
            "samples": one["samples"],
            "members": " ".join(one["members"]),
            "covered": one["covered"],
            "companions": " ".join(one["companions"]),
            "natural_class": one["natural"]["name"],
            "features": "; ".join(one["natural"]["features"]),  # a term may be of several words
            "natural_phones": " ".join(one["natural"]["phones"]),
            **{name: one["natural"][name] for name in ("precision", "recall", "f_measure", "p_value", "p_corrected")},
            "significant": one["natural"]["significant"],
            "phi": entry["phi"],
            "phi_p_value": entry["phi_p_value"],
        }
        for entry in entries
        for one in entry["classes"]
    ]
    return pl.DataFrame(rows, infer_schema_length=None)


def _organisation(run: Run, settings: Settings, ipa: Mapping[str, str], progress: Progress) -> pl.DataFrame:
    """Score how far each attribute orders the phones' mean activations, layer by layer."""
    phones = run.panel["phone"].to_list()
    tables = []
    permutations = settings.selection.permutations
    with progress.bar("hierarchy", len(run.layers), "layers") as advance:
        for layer in run.layers:
            activations = run.activations(layer)
            names, means = mean_maps(activations, phones, activations.shape[1:])
            attributes = phone_attributes(ipa, names)
            scored = organising_attributes(
                names, mean_distances(means), attributes, n_permutations=permutations, seed=settings.seed
            )
            tables.append(scored.select(pl.lit(layer).alias("layer"), pl.all()))
            advance(1)
    return pl.concat(tables)


def _filters(run: Run, settings: Settings, ipa: Mapping[str, str]) -> pl.DataFrame | None:
    layer = run.map_layer
    if layer is None:
        return None
    phones = run.panel["phone"].to_list()
    targets = filter_targets(phones, ipa, run.formants)
    shape = run.shapes[layer]
    found = filter_correlations(
        run.activations(layer), (shape[0], shape[1], shape[2]), phones, targets, seed=settings.seed
    )
    return found.select(pl.lit(layer).alias("layer"), pl.all())
