"""From the same activations on, every file of a run is the same to the last byte for any number of jobs."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from made_run import SMALL, Plan, forget, make_run
from phonoscope.analysis import analyse
from phonoscope.appraisal import appraise
from phonoscope.interpretation import interpret
from phonoscope.jobs import limited_threads
from phonoscope.progress import Quiet
from phonoscope.report.write import write_report
from phonoscope.results import _LAST, Run
from phonoscope.structuring import structure
from phonoscope.unit_analysis import analyse_units

if TYPE_CHECKING:
    from pathlib import Path

# 1,020 samples: the layers go to processes where there is more than one job
PLAN = Plan(
    phones={p: p for p in "pbtdsziau"} | {"E": "ɛ"},
    samples=102,
    layers={"raw": (3, 3, 4), "conv1": (4, 2, 5), "D1": (24,)},
    speakers=("v1", "v2", "v3"),
    settings=SMALL.changed(
        {"reduction.tsne_iterations": 250, "evaluation.seeds": 2, "structure.draws": 1, "selection.stability_splits": 1}
    ),
)
_MADE = {"classes.json", "classes.csv", "organisation.csv", "filters.csv"}


def stages(run: Run) -> None:
    """Do everything that follows the activations, anew."""
    forget(run, "pca", "tsne", "grid", "sweep", "measures", "classes", "units", "structure", "report")
    for stage in (analyse, appraise, interpret, analyse_units, structure):
        stage(run, PLAN.settings, Quiet())
    write_report(run)


def test_every_file_is_the_same_for_any_number_of_jobs(tmp_path: Path) -> None:
    runs = {jobs: Run(tmp_path / str(jobs)) for jobs in (1, 2)}
    made = make_run(runs[1].path, PLAN)
    shutil.copytree(made.path, runs[2].path)
    for jobs, run in runs.items():
        with limited_threads(jobs):
            stages(run)
    files = sorted(path.relative_to(made.path) for path in made.path.rglob("*") if path.is_file())
    assert {str(file) for file in files} >= {*_LAST, *_MADE, "embeddings/D1-tsne.npy", "psi/D1.npy"}
    different = [str(file) for file in files if (runs[2].path / file).read_bytes() != (made.path / file).read_bytes()]
    assert not different
