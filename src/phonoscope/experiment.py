"""The whole experiment: the stages in order, and the run directory that they fill."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
from safetensors.torch import load_file, save

from phonoscope.analysis import analyse, forget
from phonoscope.appraisal import appraise, forget_appraisal
from phonoscope.connecting import open_workers
from phonoscope.corpus.built_in import built_in_corpus
from phonoscope.corpus.describing import describe_corpus, labels_table, segments_table
from phonoscope.corpus.reading import read_corpus
from phonoscope.corpus.types import Corpus
from phonoscope.errors import RunDirectoryError
from phonoscope.files import write_frame, write_text, written_whole
from phonoscope.interpretation import interpret
from phonoscope.jobs import limited_threads, resolve_jobs
from phonoscope.phones.features import legend_group
from phonoscope.phones.inventory import french
from phonoscope.phones.symbols import read_symbol
from phonoscope.probing.activations import write_activations
from phonoscope.probing.panel import Panel, check_enough, draw_panel
from phonoscope.progress import Progress, Quiet
from phonoscope.recogniser.building import build_recogniser
from phonoscope.recogniser.inference import predict
from phonoscope.recogniser.training import train, training_table
from phonoscope.report.write import write_report
from phonoscope.results import Run
from phonoscope.rundir import claim, clear, record
from phonoscope.settings import Settings
from phonoscope.signal.formants import PraatMissingError, measure_formants
from phonoscope.signal.frames import FrameTable, read_frames
from phonoscope.signal.keeping import forget_features
from phonoscope.structuring import forget as forget_structure
from phonoscope.structuring import structure
from phonoscope.unit_analysis import analyse_units, forget_units

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from phonoscope.corpus.types import Split
    from phonoscope.recogniser.network import Recogniser
    from phonoscope.workers import Workers

BUILT_IN = "built-in"
_FEATURES = "features"  # a large corpus's; they go when the panel's activations are there


def run(
    corpus: Corpus | Path | str | None = None,
    *,
    out: Path | str,
    settings: Settings | None = None,
    overwrite: bool = False,
    jobs: int | None = None,
    scheduler: str | None = None,
    cluster: Path | str | None = None,
    progress: Progress | None = None,
) -> Run:
    """Run the whole experiment: train, probe, reduce, cluster, measure, draw.

    Parameters
    ----------
    corpus
        A corpus, the folder of one, or None for the built-in synthetic French.
    out
        The run directory. A run with the same settings that is there goes on from what it has.
    settings
        All settings; the defaults if None.
    overwrite
        Remove a run with other settings from `out` first.
    jobs
        Threads and processes of this machine; all cores if None.
    scheduler, cluster
        A Dask scheduler, or the file of a cluster to be started, whose workers share what can be shared out: see
        `phonoscope.connecting.open_workers`. The results do not depend on them.
    progress
        Where to tell how far it is; nowhere if None.

    Raises
    ------
    PhonoscopeError
        The corpus, a setting or the directory can not be used; the kinds are in `phonoscope.errors`.
    """
    settings = settings or Settings()
    progress = progress or Quiet()
    jobs = resolve_jobs(jobs)
    result = Run(Path(out))
    name = corpus_name(corpus)
    continued = claim(result.path, settings, name, overwrite=overwrite)
    if continued and result.finished:
        progress.say(f"{result.path}: this run is finished; these are its results")
        return result
    if continued:
        progress.say(f"{result.path}: going on from what is there")
    with limited_threads(jobs), open_workers(scheduler, cluster, progress) as workers:
        Stages(result.path, settings, jobs, progress, continued, overwrite, workers=workers).run(corpus, name)
    return result


def corpus_name(corpus: Corpus | Path | str | None) -> str:
    """Return what `config.toml` calls a corpus: its path, or the name of one that was given from Python."""
    if corpus is None:
        return BUILT_IN
    return corpus.name if isinstance(corpus, Corpus) else str(Path(corpus).resolve())


def _ipa(corpus: Corpus) -> Mapping[str, str]:
    """Return the IPA signs of a corpus's phones; SAMPA's for French if nobody said what the phones are."""
    return corpus.ipa or french().ipa


def _has_formants(sign: str) -> bool:
    """Tell whether a phone is an oral vowel that stays where it is, so that F1 and F2 at its middle describe it."""
    if legend_group(sign) != "oral vowel":
        return False
    return "contour" not in read_symbol(sign)


@dataclass(frozen=True)
class Stages:
    """The stages of one run; each is skipped if its files are there, as files are written whole or not at all."""

    out: Path
    settings: Settings
    jobs: int
    progress: Progress
    continued: bool
    overwrite: bool
    about: Mapping[str, str | int] | None = None  # of a model that is probed
    split: Split | None = "validation"  # the part that the panel is drawn from; None: all
    workers: Workers | None = None  # other than this machine's cores

    def run(self, source: Corpus | Path | str | None, name: str) -> None:
        """Walk through the stages."""
        result = Run(self.out)
        # the last file of the stages that need the corpus
        if not (self.continued and (self.out / "panel.parquet").exists() and (self.out / "panel.csv").exists()):
            corpus = self._corpus(source)
            if not self.continued:  # now that the new run can start, one with other settings may go
                clear(self.out)
                record(self.out, self.settings, name, self.jobs, self.about)
            self._keep_corpus(corpus)
            forget(result)
            forget_appraisal(result)
            forget_units(result)
            forget_structure(result)
            self.probe(corpus)
        forget_features(self.out / _FEATURES)
        analyse(result, self.settings, self.progress, self.workers)
        appraise(result, self.settings, self.progress, self.workers)
        interpret(result, self.settings, self.progress)
        analyse_units(result, self.settings, self.progress)
        structure(result, self.settings, self.progress)
        self.progress.say("report")
        write_report(result)

    def _corpus(self, source: Corpus | Path | str | None) -> Corpus:
        if isinstance(source, Corpus):
            corpus = source
        elif source is None:
            corpus = built_in_corpus(self.settings, jobs=self.jobs, progress=self.progress)
        else:
            corpus = read_corpus(Path(source), self.settings, jobs=self.jobs, progress=self.progress)
        for line in describe_corpus(corpus):
            self.progress.say(line)
        for warning in corpus.warnings:
            self.progress.warn(warning)
        check_enough(corpus, self.settings.probing, self.split)
        return corpus

    def _keep_corpus(self, corpus: Corpus) -> None:
        table = segments_table(corpus)
        path = self.out / "corpus.parquet"
        trained = (self.out / "model.safetensors").exists()
        if trained and path.exists() and not pl.read_parquet(path).equals(table):
            if not self.overwrite:
                why = "holds a recogniser trained on this corpus before its files changed"
                msg = f"{self.out}: {why}; name another folder with --out, or give --overwrite"
                raise RunDirectoryError(msg)
            (self.out / "model.safetensors").unlink()
        write_frame(table, path)
        write_frame(labels_table(corpus), self.out / "labels.csv")
        about = {"name": corpus.notation, "note": corpus.note}
        write_text(self.out / "notation.json", json.dumps(about, ensure_ascii=False, indent=1) + "\n")

    def frames(self, corpus: Corpus) -> FrameTable:
        """Compute the frames of a corpus."""
        signal, folder = self.settings.signal, self.out / _FEATURES
        return read_frames(corpus, signal, jobs=self.jobs, progress=self.progress, folder=folder, workers=self.workers)

    def probe(self, corpus: Corpus) -> None:
        """Make the panel and its activations."""
        frames = self.frames(corpus)
        model = self._recogniser(frames, corpus)

        def predictor(rows: NDArray[np.int64]) -> NDArray[np.float32]:
            return predict(model, frames, rows, self.settings.recogniser.outputs)

        probing = self.settings.probing
        if self.settings.recogniser.kind == "untrained":
            probing = replace(probing, correct_only=False)  # what it gives is no judgement
            self.progress.say("the network is not trained: samples are taken whether it classifies them right or not")
        panel = draw_panel(frames, corpus, probing, self.settings.seed, predictor)
        folder = self.out / "activations"
        write = partial(write_activations, model, frames, panel, folder, progress=self.progress, workers=self.workers)
        self.keep_panel(corpus, panel, write)

    def keep_panel(self, corpus: Corpus, panel: Panel, write: Callable[[], None]) -> None:
        """Write the panel's tables, and by `write` its activations."""
        warnings = [*corpus.warnings, *self._say_panel(panel)]
        write()
        warnings += self._measure_formants(corpus, panel)
        write_text(self.out / "warnings.txt", "".join(f"{' '.join(warning.split())}\n" for warning in warnings))
        ipa = _ipa(corpus)
        counts = panel.counts.with_columns(pl.col("phone").replace_strict(ipa, default="").alias("ipa"))
        write_frame(counts.select("phone", "ipa", pl.exclude("phone", "ipa")), self.out / "panel.csv")
        write_frame(panel.samples, self.out / "panel.parquet")

    def _recogniser(self, frames: FrameTable, corpus: Corpus) -> Recogniser:
        path = self.out / "model.safetensors"
        if path.exists():
            model = build_recogniser(len(corpus.phones), self.settings)
            model.load_state_dict(load_file(path))
            return model.eval()
        if self.settings.recogniser.kind == "untrained":
            model = build_recogniser(len(corpus.phones), self.settings).eval()
        else:
            model, history = train(frames, corpus, self.settings, progress=self.progress)
            write_frame(training_table(history), self.out / "training.csv")
        with written_whole([path]) as (temporary,):
            state = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
            temporary.write_bytes(save(state, metadata={"phones": " ".join(corpus.phones)}))
        return model

    def _measure_formants(self, corpus: Corpus, panel: Panel) -> list[str]:
        """Write the oral vowels' F1 and F2; return what is to be warned of."""
        path = self.out / "formants.csv"
        path.unlink(missing_ok=True)
        ipa = _ipa(corpus)
        vowels = [phone for phone in panel.phones if _has_formants(ipa.get(phone, ""))]
        if not vowels:
            return []
        try:
            write_frame(measure_formants(corpus, panel.samples, vowels, progress=self.progress), path)
        except PraatMissingError as error:
            self.progress.warn(str(error))
            return [str(error)]
        return []

    def _say_panel(self, panel: Panel) -> list[str]:
        """Tell of the panel; return what is to be warned of."""
        self.progress.say(f"panel: {panel.samples.height} samples of {len(panel.phones)} phones")
        warnings = []
        if panel.short:
            short = panel.counts.filter(pl.col("phone").is_in(panel.short))
            listed = ", ".join(f"/{phone}/ ({used})" for phone, used in short.select("phone", "used").iter_rows())
            warnings.append(f"fewer than {self.settings.probing.n_per_phone} samples of {listed}")
        if panel.left_out:
            listed = ", ".join(f"/{p}/" for p in panel.left_out)
            warnings.append(f"left out for fewer than {self.settings.probing.minimum} samples: {listed}")
        for warning in warnings:
            self.progress.warn(warning)
        return warnings
