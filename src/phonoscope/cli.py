"""The commands: they parse, call the library, and print."""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import contextmanager
from dataclasses import field as dataclass_field
from dataclasses import fields, is_dataclass, make_dataclass
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_type_hints

from cyclopts import (
    App,
    CoercionError,
    CycloptsError,
    Group,
    MissingArgumentError,
    Parameter,
    UnknownOptionError,
    UnusedCliTokensError,
)

from phonoscope import __version__
from phonoscope.errors import BrokenFilesError, PhonoscopeError, SettingError, UnknownSettingError
from phonoscope.jobs import resolve_jobs
from phonoscope.printing import Terminal, printable
from phonoscope.progress import progress_for
from phonoscope.settings import PRESETS, Settings, read_settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import FrameType

    from cyclopts import Token

    from phonoscope.results import Run

_SETTINGS = Group(
    "Settings", help="The default is in brackets. A file for --config holds them under [stage].", sort_key=9
)


_CALLS = {
    "run": "phonoscope run CORPUS --out FOLDER",
    "probe": "phonoscope probe MODEL CORPUS --out FOLDER",
    "report": "phonoscope report RUN",
    "check": "phonoscope check CORPUS",
    "compare": "phonoscope compare RUN RUN --out PAGE.html",
    "sample": "phonoscope sample RUN 0 17",
    "synth": "phonoscope synth FOLDER",
}
_NEEDED = {
    "out": "with --out where the results go",
    "corpus": "the corpus",
    "model": "the model",
    "run": "the run's folder",
    "directory": "the folder to write",
}


def _number(_kind: object, tokens: Sequence[Token]) -> float | str:
    """Read a number; what is none stays as it is, and the settings refuse it in their words."""
    try:
        return float(tokens[0].value)
    except ValueError:
        return tokens[0].value


def _option(name: str, kind: Any, default: Any, text: str) -> tuple[str, Any, Any]:  # noqa: ANN401
    shown = str(default).lower() if isinstance(default, bool) else default
    if kind is bool:  # --name VALUE as for all others, not a flag
        kind = Literal["true", "false"]
    metavar = None
    converter = _number if kind in {int, float} else None
    if kind is int:  # read as any number: cyclopts would round 1.5, the settings refuse it
        kind, metavar = float, "INT"
    parameter = Parameter(
        name=f"--{name}",
        help=f"{text} [{shown}]" if shown != "" else text,
        group=_SETTINGS,
        negative="",
        metavar=metavar,
        converter=converter,
    )
    # None stands for "not given", so that presets and files are not overruled by defaults
    return name.replace(".", "_"), Annotated[kind | None, parameter], dataclass_field(default=None)


def _options(stages: Sequence[str] | None = None) -> type:
    """Make a dataclass with a field for every setting, or for those of some stages."""
    options = []
    kinds = get_type_hints(Settings)
    for outer in fields(Settings):
        kind = kinds[outer.name]
        if is_dataclass(kind):
            hints = get_type_hints(kind)
            found = [
                _option(f"{outer.name}.{f.name}", hints[f.name], f.default, f.metadata["help"]) for f in fields(kind)
            ]
        else:
            found = [_option(outer.name, kind, outer.default, outer.metadata["help"])]
        if stages is None or outer.name in stages:
            options += found
    # cyclopts looks for fields only in classes that do not seem to be Python's own
    return make_dataclass("Options", options, frozen=True, namespace={"__module__": __name__})


RunOptions: Any = _options()
SynthOptions: Any = _options(("synth",))
CheckOptions: Any = _options(("seed", "corpus", "signal", "probing"))
# all but those of what is not done: nothing is spoken, and nothing trained
ProbeOptions: Any = _options([f.name for f in fields(Settings) if f.name not in ("synth", "recogniser")])
_NONE_GIVEN, _NO_SYNTH_GIVEN, _NO_CHECK_GIVEN = RunOptions(), SynthOptions(), CheckOptions()
_NO_PROBE_GIVEN = ProbeOptions()

app = App(
    name="phonoscope",
    help="Shows which phones each layer of an acoustic model has learned.",
    version=__version__,
    version_flags=["--version"],
    help_flags=["--help", "-h"],
    suppress_keyboard_interrupt=False,  # `main` says that the run can be gone on with
)


def _settings(options: Any, preset: str | None = None, config: Path | None = None) -> Settings:  # noqa: ANN401
    """Put together defaults, preset, file and options, the later over the earlier."""
    settings = Settings()
    if preset is not None:
        if preset not in PRESETS:
            msg = f"there is no preset {preset!r}; choose {' or '.join(PRESETS)}"
            raise SettingError(msg)
        settings = settings.changed(PRESETS[preset])
    if config is not None:
        settings = read_settings(config, settings)
    given = {name: getattr(options, name.replace(".", "_"), None) for name, _ in settings.flat()}
    switches = {"true": True, "false": False}
    return settings.changed({name: switches.get(value, value) for name, value in given.items() if value is not None})


@app.command
def run(
    corpus: Path | None = None,
    /,
    *,
    out: Path,
    preset: str | None = None,
    config: Path | None = None,
    jobs: int | None = None,
    device: Literal["auto", "cpu", "cuda"] = "auto",
    scheduler: str | None = None,
    cluster: Path | None = None,
    overwrite: Annotated[bool, Parameter(negative="")] = False,
    quiet: Annotated[bool, Parameter(negative="")] = False,
    options: Annotated[RunOptions, Parameter(name="*")] = _NONE_GIVEN,
) -> None:
    """Train the recogniser on a corpus, and show which phones each of its layers separates.

    Parameters
    ----------
    corpus
        Folder of audio with its alignments, or a file of alignments; without one, the built-in synthetic French.
    out
        Folder for the results; one that holds an interrupted run with the same settings is gone on with.
    preset
        demo (small and quick) or paper (the paper's size).
    config
        TOML file of settings, such as the config.toml of another run.
    jobs
        Threads and processes of this machine [all cores].
    device
        Where the network is trained; auto: on a CUDA device if there is one.
    scheduler
        Dask scheduler whose workers share the work: tcp://HOST:PORT, or its file.json.
    cluster
        TOML file of a cluster to start for that: processes of this machine, or jobs of SLURM, PBS, LSF, SGE, HTCondor.
    overwrite
        Take over a run with other settings in the folder: what depends on them is done again.
    quiet
        Print the results and warnings only.
    """
    settings = _settings(options, preset, config)
    from phonoscope.experiment import run as run_experiment  # noqa: PLC0415 - torch takes seconds to import
    from phonoscope.recogniser.ranks import of_torchrun  # noqa: PLC0415

    progress = progress_for(sys.stderr, quiet=quiet)
    result = run_experiment(
        corpus,
        out=out,
        settings=settings,
        overwrite=overwrite,
        jobs=jobs,
        device=device,
        scheduler=scheduler,
        cluster=cluster,
        progress=progress,
    )
    if of_torchrun()[0] == 0:  # torchrun's other processes have helped to train, and have nothing to show
        _print_results(result)


def _print_results(result: Run) -> None:
    from phonoscope.report.tables import panel_to_table, scores_to_table  # noqa: PLC0415 - keeps --help quick

    console = Terminal()
    counts = panel_to_table(result.panel_counts)
    if counts is not None:
        console.print(counts)
    console.print(scores_to_table(result.scores, result.measures))
    console.print(
        f"results: {result.path}",
        f"report:  {result.path / 'report.html'}",
        sep="\n",
        soft_wrap=True,
        markup=False,
    )


@app.command
def probe(
    model: str,
    corpus: Path,
    /,
    *,
    out: Path,
    config: Path | None = None,
    jobs: int | None = None,
    scheduler: str | None = None,
    cluster: Path | None = None,
    overwrite: Annotated[bool, Parameter(negative="")] = False,
    download: Annotated[bool, Parameter(negative="")] = False,
    quiet: Annotated[bool, Parameter(negative="")] = False,
    options: Annotated[ProbeOptions, Parameter(name="*")] = _NO_PROBE_GIVEN,
) -> None:
    """Show which phones each layer of a model separates that phonoscope did not train.

    Parameters
    ----------
    model
        package.module:factory of a torch.nn.Module with its phonoscope.Adapter, a Hugging Face speech model by folder
        or name, a run's folder or its model.safetensors, or a folder of activations, a file an utterance.
    corpus
        Folder of audio with its alignments, or a file of alignments.
    out
        Folder for the results; one that holds an interrupted run of the same model is gone on with.
    config
        TOML file of settings, such as the config.toml of a run.
    jobs
        Threads and processes of this machine [all cores].
    scheduler
        Dask scheduler whose workers share the work: tcp://HOST:PORT, or its file.json.
    cluster
        TOML file of a cluster to start for that: processes of this machine, or jobs of SLURM, PBS, LSF, SGE, HTCondor.
    overwrite
        Take over another run in the folder: what depends on what is different is done again.
    download
        Fetch a Hugging Face model that is not here yet from the hub.
    quiet
        Print the results and warnings only.
    """
    settings = _settings(options, None, config)
    from phonoscope.model_run import probe as probe_model  # noqa: PLC0415 - torch takes seconds to import
    from phonoscope.recogniser.ranks import of_torchrun  # noqa: PLC0415

    if of_torchrun()[0] > 0:  # rank 0 says that it is not for torchrun, which would end it if this one failed first
        return
    progress = progress_for(sys.stderr, quiet=quiet)
    _print_results(
        probe_model(
            model,
            corpus,
            out=out,
            settings=settings,
            overwrite=overwrite,
            download=download,
            jobs=jobs,
            scheduler=scheduler,
            cluster=cluster,
            progress=progress,
        )
    )


@app.command
def report(
    run: Path,
    /,
    *,
    k: int | None = None,
    criterion: str | None = None,
    quiet: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Draw the report of a finished run again, if wanted with another number of classes.

    Parameters
    ----------
    run
        The run's folder.
    k
        Number of classes [what the criterion chooses].
    criterion
        What chooses it: ratio (the paper's), first_minimum, silhouette, davies_bouldin or stability [as in the run].
    quiet
        Print the page's path and warnings only.
    """
    from phonoscope.redrawing import redraw  # noqa: PLC0415 - torch takes seconds to import

    page = redraw(run, k=k, criterion=criterion, progress=progress_for(sys.stderr, quiet=quiet))
    Terminal().print(f"report:  {page}", soft_wrap=True, markup=False)


@app.command
def check(
    corpus: Path,
    /,
    *,
    page: Path | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
    preset: str | None = None,
    config: Path | None = None,
    jobs: int | None = None,
    quiet: Annotated[bool, Parameter(negative="")] = False,
    options: Annotated[CheckOptions, Parameter(name="*")] = _NO_CHECK_GIVEN,
) -> int:
    """Look at a corpus before a run: what is in it, what it can carry, and what is wrong with it.

    Leaves with status 2 if no run is possible.

    Parameters
    ----------
    corpus
        Folder of audio with its alignments, or a file of alignments.
    page
        Where to write the page with spectrograms [CORPUS-check.html in the current folder; with --json none].
    json
        Print JSON instead of tables.
    preset
        Of the run that the corpus is meant for: demo or paper.
    config
        TOML file of settings, such as the config.toml of a run.
    jobs
        Threads [all cores].
    quiet
        No progress.
    """
    settings = _settings(options, preset, config)
    from phonoscope.checkup import check as look_at  # noqa: PLC0415 - keeps --help quick
    from phonoscope.report.check_page import write_check_page  # noqa: PLC0415
    from phonoscope.report.check_tables import as_json, summary, tables  # noqa: PLC0415

    found = look_at(corpus, settings, jobs=jobs, progress=progress_for(sys.stderr, quiet=quiet or json))
    if page is None and not json:
        page = Path(f"{corpus.resolve().name}-check.html")
    if page is not None:
        write_check_page(found, page)
    console = Terminal()
    if json:
        sys.stdout.write(printable(dumps(as_json(found), ensure_ascii=False, indent=1)) + "\n")
        return 0 if found.possible else 2
    for name, text in summary(found):
        console.print(f"{name}: {text}", soft_wrap=True, markup=False)
    for table in tables(found):
        console.print(table)
    verdict = "a run is possible" if found.possible else "no run is possible before the errors are mended"
    console.print(f"{verdict}\npage: {page}", soft_wrap=True, markup=False)
    return 0 if found.possible else 2


@app.command
def compare(
    *runs: Path,
    out: Path,
    csv: Path | None = None,
    measure: Annotated[list[str] | None, Parameter(negative="")] = None,
    quiet: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Compare finished runs: curves side by side, differences that hold, classes that agree.

    Parameters
    ----------
    runs
        Folders of two to eight runs.
    out
        The page to write.
    csv
        Folder for the tables as CSV files [none; the page offers them too].
    measure
        Compare by this measure only, and correct for its tests only; may be given again for others [all].
    quiet
        Print the findings and warnings only.
    """
    from phonoscope.comparison import compare as compare_runs  # noqa: PLC0415 - keeps --help quick
    from phonoscope.report.compare_words import findings  # noqa: PLC0415

    progress = progress_for(sys.stderr, quiet=quiet)
    found = compare_runs(runs, out, csv=csv, measures=measure, progress=progress)
    for warning in found.warnings:
        progress.warn(warning)
    console = Terminal()
    for sentence in (*findings(found), f"page: {out}"):
        console.print(sentence, soft_wrap=True, markup=False)


@app.command
def sample(
    run: Path,
    /,
    *ids: int,
    out: Path | None = None,
    context: float = 0.5,
    jobs: int | None = None,
    quiet: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Cut samples of a run's panel out as audio with TextGrids, to listen to or to open in Praat.

    Parameters
    ----------
    run
        The run's folder.
    ids
        Numbers of samples, as in panel.parquet.
    out
        Folder for the files [samples, in the run's folder].
    context
        Seconds kept before and after the phone, as far as the utterance goes; inf: all of it.
    jobs
        Processes for reading the corpus [all cores].
    quiet
        Print the files and warnings only.
    """
    if not ids:
        msg = "name the samples by their numbers, as in `phonoscope sample RUN 0 17`"
        raise SettingError(msg)
    from phonoscope.cutting import cut_samples  # noqa: PLC0415 - torch takes seconds to import

    progress = progress_for(sys.stderr, quiet=quiet)
    for cut in cut_samples(run, ids, out=out, context=context, jobs=jobs, progress=progress):
        Terminal().print(f"{cut.audio}\n{cut.grid}", soft_wrap=True, markup=False)


@app.command
def synth(
    directory: Path,
    /,
    *,
    jobs: int | None = None,
    quiet: Annotated[bool, Parameter(negative="")] = False,
    options: Annotated[SynthOptions, Parameter(name="*")] = _NO_SYNTH_GIVEN,
) -> None:
    """Write the built-in corpus, synthetic French, as FLAC files and TextGrids.

    Parameters
    ----------
    directory
        A new or empty folder.
    jobs
        Processes [all cores].
    quiet
        Print warnings only.
    """
    settings = _settings(options)
    from phonoscope.corpus.synth import write_synthetic  # noqa: PLC0415 - keeps --help quick

    write_synthetic(directory, settings.synth, jobs=resolve_jobs(jobs), progress=progress_for(sys.stderr, quiet=quiet))


def _complaint(error: CycloptsError) -> str:
    """Say what is wrong with a command as the rest of phonoscope would."""
    command = error.command_chain[-1] if error.command_chain else ""
    argument = error.argument
    if isinstance(error, MissingArgumentError) and argument is not None:
        needed = _NEEDED.get(argument.name.lstrip("-").lower())
        if needed and command in _CALLS:
            return f"name {needed}, as in `{_CALLS[command]}`"
        return f"{argument.name}: its value is missing"
    if isinstance(error, CoercionError) and error.token is not None and error.target_type in {int, float}:
        name = error.token.keyword or (argument.name if argument else "a number")
        wanted = "a whole number" if error.target_type is int else "a number"
        return f"{name} = {error.token.value!r}: it has to be {wanted}"
    if isinstance(error, UnusedCliTokensError) and error.unused_tokens:
        return f"{error.unused_tokens[0]!r} is one name too many; `phonoscope {command} --help` tells what may be given"
    return " ".join(str(error).split())


@contextmanager
def _terminable() -> Iterator[list[int]]:
    """Let SIGTERM end a command as Ctrl-C does; give the list that the signal is put into.

    Not in other threads, which can not do so; nor under torchrun, which ends its processes by it while they may wait
    for each other where Python is not asked.
    """
    received: list[int] = []

    def end(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        raise KeyboardInterrupt

    if os.environ.get("WORLD_SIZE", "1") != "1" or threading.current_thread() is not threading.main_thread():
        yield received
        return
    before = signal.signal(signal.SIGTERM, end)
    try:
        yield received
    finally:
        signal.signal(signal.SIGTERM, before)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return its exit status: 0 done, 2 the input is wrong, 1 anything else.

    A command that a signal ended has 128 and the signal's number.
    """
    complaints = Terminal(stderr=True)
    received: list[int] = []
    try:
        with _terminable() as received:
            status = app(arguments, exit_on_error=False, print_error=False, result_action="return_value")
    except UnknownOptionError as error:
        known = [name for name, _ in Settings().flat()]
        name = error.token.keyword or error.token.value
        problem: Exception = UnknownSettingError(name.lstrip("-"), known)
    except CycloptsError as error:
        problem = SettingError(_complaint(error))
    except PhonoscopeError as error:
        problem = error
    except KeyboardInterrupt:
        what = "ended by SIGTERM" if received else "interrupted"
        complaints.print(f"{what}; the same command goes on from here", markup=False)
        return 128 + (received or [signal.SIGINT])[0]
    else:
        return status or 0
    text = printable(str(problem), lines=isinstance(problem, BrokenFilesError))
    complaints.print(f"phonoscope: {text}", markup=False, soft_wrap=True)
    return 2
