"""Models or corpora side by side: what differs between finished runs, and what agrees."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from phonoscope.compared import ComparedRun, Comparison, open_runs, same_draws
from phonoscope.comparing_classes import class_table, sample_table
from phonoscope.comparing_values import difference_table
from phonoscope.errors import OutputFolderError, SettingError
from phonoscope.files import write_frame
from phonoscope.progress import Progress, Quiet
from phonoscope.report.compare_page import write_compare_page

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from phonoscope.compared import What

    Row = dict[str, Any]


LEAST: Final = 2
MOST: Final = 8
"""Runs on a page: so many have colours of their own."""
_FEW_REPLICATES = 100
_GROUPS = ("probing", "reduction", "clustering")
_PAIRS = (
    {"run_a": pl.String, "run_b": pl.String, "paired": pl.Boolean, "same_phones": pl.Boolean}
    | dict.fromkeys(("shared_phones", "phones_a", "phones_b"), pl.Int64)
    | {"shared_samples": pl.Float64}
)


def compare(
    runs: Sequence[Path | str],
    out: Path | str | None = None,
    *,
    csv: Path | str | None = None,
    measures: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Compare finished runs, and write the page that shows it.

    Parameters
    ----------
    runs
        Their folders, two to eight.
    out
        The page to write; none if None.
    csv
        Folder for the tables as CSV files; none are written if None.
    measures
        Which measures to compare; all if None. p-values are corrected for the tests of these.
    progress
        Where to tell how far it is; nowhere if None.

    Raises
    ------
    RunDirectoryError
        A folder holds no run, one that is not finished, or one whose measures have no replicates.
    SettingError
        Fewer than two runs or more than eight, or a measure that no run has.
    OutputFolderError
        The page or the tables can not be written.
    """
    if not LEAST <= len(runs) <= MOST:
        msg = f"{len(runs)} run{'s' * (len(runs) != 1)} given: name two to {MOST}, as in `phonoscope compare RUN RUN`"
        raise SettingError(msg)
    opened = open_runs(runs)
    curves = _curves(opened, measures)
    relations = {(a.name, b.name): _relation(a, b) for a, b in combinations(opened, 2)}
    found = Comparison(
        opened,
        pl.DataFrame(list(relations.values()), schema=_PAIRS, orient="row"),
        curves,
        difference_table(opened, relations, set(curves["measure"]), progress or Quiet()),
        class_table(opened),
        sample_table(opened),
        tuple(_warnings(opened, relations)),
    )
    if out is not None:
        write_compare_page(found, Path(out))
    if csv is not None:
        _write_tables(found, Path(csv))
    return found


def _write_tables(found: Comparison, folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, table in found.tables.items():
            write_frame(table, folder / f"{name}.csv")
    except OSError as error:
        raise OutputFolderError(folder, f"can not be written ({error.strerror})") from None


def _curves(runs: Sequence[ComparedRun], wanted: Sequence[str] | None) -> pl.DataFrame:
    columns = ["layer", "depth", "reduction", "clusterer", "k", "measure", "value", "low", "high", "chance"]
    curves = pl.concat(
        one.measures.filter(pl.col("layer").is_in(one.layers))
        .with_columns(pl.col("layer").replace_strict(one.depths, return_dtype=pl.Float64).alias("depth"))
        .select(pl.lit(one.name).alias("run"), *columns, "chance_high")
        for one in runs
    )
    if wanted is None:
        return curves
    there = curves["measure"].unique(maintain_order=True).to_list()
    missing = [name for name in wanted if name not in there]
    if missing:
        msg = f"no run has the measure {missing[0]!r}; the measures: {', '.join(there)}"
        raise SettingError(msg)
    return curves.filter(pl.col("measure").is_in(list(wanted)))


def _relation(a: ComparedRun, b: ComparedRun) -> Row:
    columns = ["utterance", "sign", "time"]
    samples = [one.panel.select(columns).unique() for one in (a, b)]
    shared = samples[0].join(samples[1], on=columns, how="semi").height
    return {
        "run_a": a.name,
        "run_b": b.name,
        "paired": same_draws(a, b),
        "same_phones": set(a.phones) == set(b.phones),
        "shared_phones": len(set(a.phones) & set(b.phones)),
        "phones_a": len(a.phones),
        "phones_b": len(b.phones),
        "shared_samples": shared / min(one.height for one in samples),
    }


def _counting(run: ComparedRun) -> list[tuple[str, Any]]:
    """List a run's settings as they count: of an untrained network the panel is drawn from all samples anyway."""
    return run.settings.changed({"probing.correct_only": run.settings.only_correct}).flat()


def _warnings(runs: Sequence[ComparedRun], relations: Mapping[tuple[str, str], Row]) -> Iterator[str]:
    for row in relations.values():
        if not row["same_phones"]:
            yield (
                f"{row['run_a']} has {row['phones_a']} phones and {row['run_b']} {row['phones_b']}, of which "
                f"{row['shared_phones']} are the same: to tell other phones apart is another task, and a higher number "
                f"does not say that the model is better. Look at chance beside it; the classes are compared on the "
                f"phones that both have."
            )
    for a, b in combinations(runs, 2):
        settings = zip(_counting(a), _counting(b), strict=True)
        other = [
            f"{name} ({one} and {two})"
            for (name, one), (_, two) in settings
            if one != two and name.split(".", maxsplit=1)[0] in _GROUPS
        ]
        if other:
            yield f"{a.name} and {b.name} were measured with other settings: {', '.join(other)}."
        if relations[a.name, b.name]["same_phones"]:
            ks = [set(one.measures["k"].drop_nulls()) for one in (a, b)]
            if ks[0] != ks[1]:
                listed = " and ".join(", ".join(map(str, sorted(of))) for of in ks)
                yield f"{a.name} and {b.name} have other numbers of clusters ({listed}), on which F depends."
    measured: list[set[What]] = [set(one.values) for one in runs]
    lacking = sorted({what[2] for one in measured for other in measured for what in one - other})
    if lacking:
        yield f"Not all runs have been measured in all ways: {', '.join(lacking)}."
    for one in runs:
        fewest = min((of.keys.height for of in one.draws.values()), default=0)
        if fewest < _FEW_REPLICATES:
            yield f"{one.name} has {fewest} replicates of some measure: too few for an interval to be trusted."
