"""A finished run read again: other classes, and the report anew."""

from __future__ import annotations

from pathlib import Path

from phonoscope.errors import RunDirectoryError, SettingError
from phonoscope.evaluation.grid import CLUSTERERS
from phonoscope.files import full_disk_named
from phonoscope.interpretation import interpret
from phonoscope.locking import sole_use
from phonoscope.manifest import Manifest
from phonoscope.progress import Progress, Quiet
from phonoscope.report.write import write_report
from phonoscope.results import Run
from phonoscope.rundir import read_config
from phonoscope.stages import STAGES


def redraw(
    path: Path | str, *, k: int | None = None, criterion: str | None = None, progress: Progress | None = None
) -> Path:
    """Read the classes of a finished run again, and write its report anew; return the page's path.

    Parameters
    ----------
    path
        The run's folder.
    k
        Number of classes; what the criterion chooses if None.
    criterion
        What chooses it for both clusterers; what the run's settings say if None.
    progress
        Where to tell how far it is; nowhere if None.

    Raises
    ------
    RunDirectoryError
        The folder holds no run, or one that is not finished, or one that is being written.
    SettingError
        The run was not clustered into so many classes, or did not measure the criterion.
    """
    result = Run(Path(path))
    settings, _ = read_config(result.path)
    needed = [
        name
        for name in ("panel.parquet", "scores.csv", "sweep.parquet", "selection.csv")
        if not (result.path / name).exists()
    ]
    if needed:
        way_out = "give the command that began it again, and it goes on"
        msg = f"{result.path}: this run is not finished ({needed[0]} is missing); {way_out}"
        raise RunDirectoryError(msg)
    selection = result.selection
    if k is not None:
        ks = selection["k"].unique().sort().to_list()
        if k not in ks:
            msg = f"--k {k}: the run was clustered into {ks[0]} to {ks[-1]} classes"
            raise SettingError(msg)
        settings = settings.changed({"selection.k": k})
    if criterion is not None:
        changes = {f"selection.{name}_criterion": criterion for name in CLUSTERERS}
        measured = [set(selection.filter(clusterer=name)["criterion"]) for name in CLUSTERERS]
        if not all(criterion in names for names in measured):
            msg = f"--criterion {criterion}: the run measured {', '.join(sorted(set.intersection(*measured)))}"
            raise SettingError(msg)
        settings = settings.changed({**changes, "selection.k": 0})
    progress = progress or Quiet()
    with sole_use(result.path, progress), full_disk_named(result.path, STAGES["report"].words):
        files = Manifest(result.path)
        # classes of another number are not what the run's settings ask for: should it go on, it makes its own
        files.drop(["classes", "report"])
        interpret(result, settings, progress)
        page = write_report(result, settings=settings)
        files.note(["classes", "report"], "redrawn")
        return page
