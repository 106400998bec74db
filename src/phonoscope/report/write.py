"""The report: one page that shows all of a run, made from the run's files alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl
from markupsafe import Markup

from phonoscope.files import write_text
from phonoscope.printing import printable
from phonoscope.report.class_sections import class_sections
from phonoscope.report.curves import learning_charts, separability_chart
from phonoscope.report.figure_sections import cloud_charts, figure_sections, filter_charts
from phonoscope.report.finding import finding
from phonoscope.report.head import head
from phonoscope.report.intervals import by_cell
from phonoscope.report.material import Material
from phonoscope.report.measure_sections import measure_sections
from phonoscope.report.methods import methods
from phonoscope.report.model_words import short_model
from phonoscope.report.panes import environment
from phonoscope.report.scatter import data_block
from phonoscope.report.score_sections import score_sections
from phonoscope.report.structure_sections import STRUCTURE, structure_sections
from phonoscope.report.svg import side_by_side, svg_file
from phonoscope.report.theme import FIGURE_CSS, LIGHT
from phonoscope.report.training_words import training_facts, training_words
from phonoscope.report.unit_sections import has_units, unit_sections
from phonoscope.report.words import CLUSTERERS, CRITERIA, short_corpus
from phonoscope.rundir import read_config

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from phonoscope.results import Run
    from phonoscope.settings import Settings

_SECTIONS = {
    "result": "Result",
    "cells": "Every cell",
    "measures": "Measures",
    "phones": "Phone by phone",
    "confusions": "Clusters",
    "samples": "Samples",
    "number": "How many classes",
    "classes": "Classes",
    "hierarchy": "Hierarchy",
    "figure2": "3-D",
    "figure3": "Filters",
    "units": "Units",
    **STRUCTURE,
    "training": "Recogniser",
    "panel": "Panel",
    "methods": "Methods",
}
# how the phones of a set are written; those of other sets are labels of the corpus
NOTATIONS = {"": "SAMPA", "French": "SAMPA", "french": "SAMPA", "arpabet": "ARPAbet", "ipa": "IPA"}
NOTATIONS |= dict.fromkeys(("timit39", "timit48", "timit61"), "TIMIT")
_TABLES = (
    "scores", "per_phone", "selection", "classes", "organisation", "filters", "formants", "training", "panel",
    "measures", "tests", "units", "unit_features", "unit_responses",
    "analogies", "linear", "linear_layers", "speakers", "panel_size",
)  # fmt: skip


def write_report(run: Run, *, settings: Settings | None = None) -> Path:
    """Write `report.html` and `figures/NAME.svg` of a run; return the page's path.

    Parameters
    ----------
    run
        A run whose files are all there.
    settings
        Those that the classes were chosen by; the run's own if None.

    Raises
    ------
    RunDirectoryError
        The folder holds no run, or its `config.toml` is broken.
    """
    own, about = read_config(run.path)
    settings = settings or own
    material = Material(run)
    _write_figures(material)
    more = structure_sections(material)
    page = (
        environment()
        .get_template("report.html")
        .render(
            **_frame(material, about, set(STRUCTURE) - set(more["structure"])),
            **more,
            **score_sections(material),
            **measure_sections(material),
            **class_sections(material),
            **figure_sections(material),
            **unit_sections(material),
            **_words(material, settings, about),
        )
    )
    path = run.path / "report.html"
    write_text(path, printable(page))
    return path


def _write_figures(material: Material) -> None:
    """Write the paper's four figures as files."""
    parts = [
        separability_chart(
            material.scores, name, material.paper if name == "spectral" else None, by_cell(material.measures)
        )
        for name in CLUSTERERS
        if name in material.scores["clusterer"]
    ]
    charts = [side_by_side("figure1", parts, "F-measure by layer")]
    charts += cloud_charts(material, material.map_layer or material.layers[0]).values()
    for number in dict.fromkeys(best.filter for best in material.best_filters):
        charts += filter_charts(material, number)
    folder = material.run.path / "figures"
    folder.mkdir(exist_ok=True)
    for old in [*folder.glob("figure[1-4]*.svg")]:
        old.unlink()
    for one in charts:
        write_text(folder / f"{one.name}.svg", printable(svg_file(one)))


def _frame(material: Material, about: Mapping[str, Any], without: set[str]) -> dict[str, Any]:
    """Return what is not a section: style, script, data, title."""
    if "model" in about:  # nothing was trained here
        without = without | {"training"}
    shown = {id_: name for id_, name in _SECTIONS.items() if id_ not in without and _has(material, id_)}
    panel = material.panel
    utterances, speakers = list(dict.fromkeys(panel["utterance"])), list(dict.fromkeys(panel["speaker"]))
    number = {utterance: i for i, utterance in enumerate(utterances)}, {s: i for i, s in enumerate(speakers)}
    rows = [
        (number[0][utterance], number[1][speaker], round(time, 3))
        for utterance, speaker, time in panel[material.shown_samples].select("utterance", "speaker", "time").iter_rows()
    ]
    tables = {
        name: path.read_text(encoding="utf-8")
        for name in _TABLES
        if (path := material.run.path / f"{name}.csv").exists()
    }
    notation = NOTATIONS.get(material.run.notation, "label")
    data = Markup("").join(
        [
            data_block("data-look", {"light": LIGHT, "css": FIGURE_CSS, "notation": notation}),
            data_block("data-samples", {"utterances": utterances, "speakers": speakers, "rows": rows}),
            data_block("data-tables", tables),
        ]
    )
    return {
        "title": f"Which phones each layer has learned: {short_corpus(about.get('corpus', ''))}",
        **head(script=True),
        "sections": list(shown.items()),
        "tables": set(tables),
        "notation": notation,
        "data": data,
        "version": about.get("phonoscope"),
        "colophon": "After T. Pellegrini and S. Mouysset, Inferring phonemic classes from CNN activation maps using "
        "clustering techniques, Interspeech 2016.",
    }


def _has(material: Material, section: str) -> bool:
    """Tell whether a section has something to show."""
    there = {
        "measures": material.measures is not None,
        "figure3": material.map_layer is not None,
        "units": has_units(material),
    }
    return there.get(section, True)


def _words(material: Material, settings: Settings, about: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts, the texts and the small tables."""
    run, panel = material.run, material.panel
    training = run.training
    segments = pl.read_parquet(run.path / "corpus.parquet", glob=False)
    speakers, utterances = segments["speaker"].n_unique(), segments["utterance"].n_unique()
    minutes = float((segments["end"] - segments["start"]).sum()) / 60
    speech = (
        f"{minutes:.1f} minutes of phones, {utterances} utterances, {speakers} speaker{'s' if speakers > 1 else ''}"
    )
    ks = sorted(set(material.scores["k"]))
    named = {name: CRITERIA[getattr(settings.selection, f"{name}_criterion")] for name in CLUSTERERS}
    counts = run.panel_counts
    return {
        "facts": [
            ("speech", speech),
            ("panel", f"{panel.height} samples of {material.n_phones} phones"),
            *([("model", short_model(about))] if "model" in about else training_facts(training)),
        ],
        "finding": finding(material.scores, material.classes, material.measures),
        "selection_words": (
            f"Every number of clusters from {material.selection['k'].to_numpy().min()} to "
            f"{material.selection['k'].to_numpy().max()} was tried, and measured by several criteria. The ratio is the "
            f"paper's; where criteria disagree, the data do not speak for one number. The classes below are those of: "
            f"{named['kmedians']} for k-medians, {named['spectral']} for spectral clustering."
            if not settings.selection.k
            else f"{settings.selection.k} classes were asked for; the criteria are shown beside that."
        ),
        "classes_words": (
            "Each card is a cluster: its phones with the share of their samples, and the natural class, a conjunction "
            "of phonological features, that fits it best. A class is named if the fit beats that of permuted features "
            "(p < .05, corrected for the number of classes)."
        ),
        "hierarchy_words": (
            "Which phones a layer holds close to each other. The trees join phones by average linkage: by the "
            "correlation of their mean activations, or by how often their samples share a cluster over all clusterings "
            "of the sweep. "
            "Point at a branch to read its phones, and its natural class where it is one exactly."
        ),
        "learning": learning_charts(training) if run.trained else [],
        "training_words": "" if "model" in about else training_words(training, settings.recogniser.kind),
        "samples_words": (
            "Every sample of the panel"
            if len(material.shown_samples) == panel.height
            else f"{len(material.shown_samples)} of the panel's {panel.height} samples, as many of each phone,"
        ),
        "panel_words": (
            f"{panel.height} samples of {material.n_phones} phones, {panel['speaker'].n_unique()} speakers."
        ),
        "panel_rows": [
            (
                phone,
                material.all_ipa[phone],
                material.looks[phone].words if phone in material.looks else "left out",
                there,
                "" if correct is None else correct,
                used,
            )
            for phone, there, correct, used in counts.select("phone", "segments", "correct", "used").iter_rows()
        ],
        "warnings": run.warnings,
        "methods": methods(settings, about, speech, panel=panel, training=training, ks=ks, times=run.times),
        "settings": [(name, str(value)) for name, value in settings.flat()],
    }
