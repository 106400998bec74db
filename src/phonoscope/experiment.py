"""The whole experiment: the stages in order, and the run directory that they fill."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
from safetensors.torch import load_file, save

from phonoscope.analysis import analyse, check_numbers
from phonoscope.appraisal import appraise
from phonoscope.company import dismiss, one_leads
from phonoscope.connecting import open_workers
from phonoscope.corpus.built_in import built_in_corpus
from phonoscope.corpus.describing import describe_corpus, labels_table, segments_table
from phonoscope.corpus.reading import read_corpus
from phonoscope.corpus.types import Corpus
from phonoscope.errors import RunDirectoryError
from phonoscope.files import full_disk_named, write_frame, write_text, written_whole
from phonoscope.interpretation import interpret
from phonoscope.jobs import limited_threads, resolve_jobs
from phonoscope.locking import sole_use
from phonoscope.manifest import checksum
from phonoscope.panel_files import panel_warnings, write_panel
from phonoscope.probing.activations import write_activations
from phonoscope.probing.panel import Panel, check_enough, draw_panel
from phonoscope.progress import Progress, Quiet
from phonoscope.recogniser.building import build_recogniser
from phonoscope.recogniser.checkpoint import FILE as CHECKPOINT
from phonoscope.recogniser.checkpoint import forget_checkpoint
from phonoscope.recogniser.inference import predict
from phonoscope.recogniser.training import train
from phonoscope.report.write import write_report
from phonoscope.results import Run
from phonoscope.rundir import claim, clear, left_over, prepared, record
from phonoscope.settings import Settings
from phonoscope.signal.frames import FrameTable, read_frames
from phonoscope.signal.keeping import forget_features
from phonoscope.stages import STAGES
from phonoscope.standing import Standing
from phonoscope.structuring import structure
from phonoscope.unit_analysis import analyse_units

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from phonoscope.corpus.types import Split
    from phonoscope.recogniser.network import Recogniser
    from phonoscope.workers import Workers

BUILT_IN = "built-in"
_FEATURES = "features"  # a large corpus's; they go when the panel's activations are there


@one_leads
def run(
    corpus: Corpus | Path | str | None = None,
    *,
    out: Path | str,
    settings: Settings | None = None,
    overwrite: bool = False,
    jobs: int | None = None,
    device: str = "auto",
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
        Take over a run with other settings that is in `out`: what depends on them is done again.
    jobs
        Threads and processes of this machine; all cores if None.
    device
        Where the network is trained: ``cpu``, ``cuda``, or ``auto``, CUDA where it is.
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
    with prepared(result.path), sole_use(result.path, progress), limited_threads(jobs):
        found = claim(result.path, settings, name, overwrite=overwrite)
        with open_workers(scheduler, cluster, progress) as workers:
            stages = Stages(result.path, settings, jobs, progress, found, overwrite, device=device, workers=workers)
            stages.run(corpus, name)
    return result


def corpus_name(corpus: Corpus | Path | str | None) -> str:
    """Return what `config.toml` calls a corpus: its path, or the name of one that was given from Python."""
    if corpus is None:
        return BUILT_IN
    return corpus.name if isinstance(corpus, Corpus) else str(Path(corpus).resolve())


@dataclass(frozen=True)
class Stages(Standing):
    """The stages of one run; each is skipped if its files are there, as files are written whole or not at all."""

    split: Split | None = "validation"  # the part that the panel is drawn from; None: all
    device: str = "auto"
    workers: Workers | None = None  # other than this machine's cores

    def run(self, source: Corpus | Path | str | None, name: str) -> None:
        """Walk through the stages."""
        result, stale = Run(self.out), self.claim.stale
        with full_disk_named(self.out, STAGES["corpus"].words):
            for path in left_over(self.out):
                path.unlink()
            if self.claim.continued:
                self.files.mend(self.progress, [stage for stage in STAGES if stage not in stale])
                if not stale and self.finished():
                    self.progress.say(f"{self.out}: this run is finished; these are its results")
                    return
                self.say_what_is_kept()
        if self.without_panel() or "activations" in stale:
            self._from_the_corpus(source, name, probing=True)
        else:
            if stale:
                check_numbers(result.panel.height, self.settings)
                self.renew(name)
            if not (self.there("corpus") and self.files.whole(["corpus"])):
                self._from_the_corpus(source, name, probing=False)
        dismiss()
        forget_features(self.out / _FEATURES)
        with self.stage("pca", "tsne", "sweep"):
            if not self.there("grid"):
                self.files.drop(["grid"])
            analyse(result, self.settings, self.progress, self.workers)
        with self.stage("measures", "grid"):  # the first puts something into the other's scores.csv
            appraise(result, self.settings, self.progress, self.workers)
        if not self.files.complete("classes"):
            with self.stage("classes"):
                interpret(result, self.settings, self.progress)
        with self.stage("units"):
            analyse_units(result, self.settings, self.progress)
        with self.stage("structure"):
            structure(result, self.settings, self.progress)
        with self.stage("report"):
            self.files.drop(["report"])
            self.progress.say("report")
            write_report(result)

    def _from_the_corpus(self, source: Corpus | Path | str | None, name: str, *, probing: bool) -> None:
        """Read the corpus; if wanted train, and make the panel and its activations."""
        recorded = self.files.digest("corpus", "corpus.parquet")
        with self.stage("corpus"):
            corpus = self._corpus(source)
            # now that the new run can start, what there is of one with other settings may go
            if not self.claim.continued:
                self.files.drop(STAGES)
                clear(self.out)
                record(self.out, self.settings, name, self.jobs, self.about)
            elif self.claim.stale and probing:
                self.renew(name)
            self._keep_corpus(corpus, recorded)
        if probing or self.without_panel():
            trained = not self.without_model()
            if not trained:
                (self.out / "model.safetensors").unlink(missing_ok=True)  # its curve is lost, and comes with another
            self.forget("panel" if trained else "activations")
            self.probe(corpus)

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
        if self.workers is not None:  # who may be in another folder than this process
            utterances = tuple(replace(u, audio=u.audio.absolute()) for u in corpus.utterances)
            corpus = replace(corpus, utterances=utterances)
        return corpus

    def _keep_corpus(self, corpus: Corpus, recorded: str) -> None:
        """Write the corpus's tables; `recorded` is the checksum of the first before it was lost, or nothing."""
        table = segments_table(corpus)
        path = self.out / "corpus.parquet"
        made = any((self.out / name).exists() for name in ("model.safetensors", CHECKPOINT, "panel.parquet"))
        another = path.exists() and not pl.read_parquet(path, glob=False).equals(table)
        with written_whole([path]) as (temporary,):
            table.write_parquet(temporary)
            another = another or (not path.exists() and checksum(temporary) != (recorded or checksum(temporary)))
            if made and another and not self.overwrite:
                why = "was begun with this corpus before its files changed"
                msg = f"{self.out}: {why}; name another folder with --out, or give --overwrite"
                raise RunDirectoryError(msg)
            if made and another:
                self.forget("corpus")
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
        with self.stage("recogniser"):
            model = self._recogniser(frames, corpus)

        def predictor(rows: NDArray[np.int64]) -> NDArray[np.float32]:
            return predict(model, frames, rows, self.settings.recogniser.outputs)

        probing = replace(self.settings.probing, correct_only=self.settings.only_correct)
        if self.settings.recogniser.kind == "untrained":
            self.progress.say("the network is not trained: samples are taken whether it classifies them right or not")
        panel = draw_panel(frames, corpus, probing, self.settings.seed, predictor)
        folder = self.out / "activations"
        write = partial(write_activations, model, frames, panel, folder, progress=self.progress, workers=self.workers)
        self.keep_panel(corpus, panel, write)

    def keep_panel(self, corpus: Corpus, panel: Panel, write: Callable[[], None]) -> None:
        """Write the panel's tables, and by `write` its activations."""
        warnings = [*corpus.warnings, *panel_warnings(panel, self.settings.probing)]
        self.progress.say(f"panel: {panel.samples.height} samples of {len(panel.phones)} phones")
        for warning in warnings[len(corpus.warnings) :]:
            self.progress.warn(warning)
        of = hashlib.blake2b(panel.samples.write_csv().encode(), digest_size=16).hexdigest()
        with self.stage("activations", of=of):
            if not self.files.complete("activations", of):
                write()
        with self.stage("panel"):
            write_panel(self.out, corpus, panel, warnings, self.progress)

    def _recogniser(self, frames: FrameTable, corpus: Corpus) -> Recogniser:
        path = self.out / "model.safetensors"
        if path.exists():
            model = build_recogniser(len(corpus.phones), self.settings)
            model.load_state_dict(load_file(path))
            forget_checkpoint(self.out)
            return model.eval()
        if self.settings.recogniser.kind == "untrained":
            model = build_recogniser(len(corpus.phones), self.settings).eval()
        else:
            model, _ = train(frames, corpus, self.settings, progress=self.progress, folder=self.out, device=self.device)
        with written_whole([path]) as (temporary,):
            state = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
            temporary.write_bytes(save(state, metadata={"phones": " ".join(corpus.phones)}))
        forget_checkpoint(self.out)
        return model
