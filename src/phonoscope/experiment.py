"""The whole experiment: the stages in order, and the run directory that they fill."""

from __future__ import annotations

import hashlib
import json
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, partial
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
from phonoscope.manifest import Manifest, checksum
from phonoscope.phones.features import legend_group
from phonoscope.phones.inventory import french
from phonoscope.phones.symbols import read_symbol
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
from phonoscope.rundir import Claim, claim, clear, left_over, prepare, record, remove_stages
from phonoscope.settings import Settings
from phonoscope.signal.formants import PraatMissingError, measure_formants
from phonoscope.signal.frames import FrameTable, read_frames
from phonoscope.signal.keeping import forget_features
from phonoscope.stages import STAGES, listed, with_what_follows
from phonoscope.structuring import structure
from phonoscope.unit_analysis import analyse_units

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

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
    prepare(result.path)
    with sole_use(result.path, progress), limited_threads(jobs):
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
    claim: Claim
    overwrite: bool
    about: Mapping[str, str | int] | None = None  # of a model that is probed
    split: Split | None = "validation"  # the part that the panel is drawn from; None: all
    device: str = "auto"
    workers: Workers | None = None  # other than this machine's cores

    @cached_property
    def files(self) -> Manifest:
        """The record of what the stages have written."""
        return Manifest(self.out)

    def run(self, source: Corpus | Path | str | None, name: str) -> None:
        """Walk through the stages."""
        result, stale = Run(self.out), self.claim.stale
        with full_disk_named(self.out, STAGES["corpus"].words):
            for path in left_over(self.out):
                path.unlink()
            if self.claim.continued:
                self.files.mend(self.progress, [stage for stage in STAGES if stage not in stale])
                if not stale and self._finished():
                    self.progress.say(f"{self.out}: this run is finished; these are its results")
                    return
                self._say_what_is_kept()
        if self._without_panel() or "activations" in stale:
            self._from_the_corpus(source, name, probing=True)
        else:
            if stale:
                check_numbers(result.panel.height, self.settings)
                self._renew(name)
            if not (self._there("corpus") and self.files.whole(["corpus"])):
                self._from_the_corpus(source, name, probing=False)
        dismiss()
        forget_features(self.out / _FEATURES)
        with self._stage("pca", "tsne", "sweep"):
            if not self._there("grid"):
                self.files.drop(["grid"])
            analyse(result, self.settings, self.progress, self.workers)
        with self._stage("measures", "grid"):  # the first puts something into the other's scores.csv
            appraise(result, self.settings, self.progress, self.workers)
        if not self.files.complete("classes"):
            with self._stage("classes"):
                interpret(result, self.settings, self.progress)
        with self._stage("units"):
            analyse_units(result, self.settings, self.progress)
        with self._stage("structure"):
            structure(result, self.settings, self.progress)
        with self._stage("report"):
            self.files.drop(["report"])
            self.progress.say("report")
            write_report(result)

    def _finished(self) -> bool:
        """Tell whether all that a run leaves is there and recorded."""
        recorded = all(self.files.knows(stage) for stage in STAGES if stage != "recogniser" or self.about is None)
        return Run(self.out).finished and recorded and self.files.whole() and not self._without_panel()

    def _say_what_is_kept(self) -> None:
        stale = self.claim.stale
        if not stale:
            self.progress.say(f"{self.out}: going on from what is there")
            return
        changed = ", ".join(self.claim.changed)
        kept = listed(stage for stage in STAGES if stage not in stale)
        self.progress.say(f"{self.out}: with another {changed}, {listed(stale)} are made again; {kept} are kept")

    @contextmanager
    def _stage(self, *names: str, of: str = "") -> Iterator[None]:
        """Do a stage, or several at once: name a full disk, and record in the end what they have written."""
        with full_disk_named(self.out, listed(names)):
            # the record of what is written anew is no longer true
            self.files.drop([name for name in names if not (self._there(name) and self.files.whole([name]))])
            yield
            self.files.note(names, of)

    def _there(self, stage: str) -> bool:
        """Tell whether the files of a stage that have fixed names are there."""
        return all((self.out / name).exists() for name in STAGES[stage].files if "*" not in name)

    def _without_model(self) -> bool:
        """Tell whether a recogniser is to be trained, or its curve is lost, which only another training gives."""
        names = (
            ["model.safetensors"]
            if self.settings.recogniser.kind == "untrained"
            else ["model.safetensors", "training.csv"]
        )
        return self.about is None and not all((self.out / name).exists() for name in names)

    def _without_panel(self) -> bool:
        """Tell whether any of the files is missing that a corpus is needed for."""
        if not self.claim.continued or self._without_model():
            return True
        if not self.files.whole(["recogniser", "activations", "panel"]):
            return True
        folder = self.out / "activations"
        if not all((self.out / name).exists() for name in ("panel.parquet", "panel.csv", "activations/layers.json")):
            return True
        return not all((folder / f"{layer}.npy").exists() for layer in Run(self.out).shapes)

    def _from_the_corpus(self, source: Corpus | Path | str | None, name: str, *, probing: bool) -> None:
        """Read the corpus; if wanted train, and make the panel and its activations."""
        recorded = self.files.digest("corpus", "corpus.parquet")
        with self._stage("corpus"):
            corpus = self._corpus(source)
            # now that the new run can start, what there is of one with other settings may go
            if not self.claim.continued:
                self.files.drop(STAGES)
                clear(self.out)
                record(self.out, self.settings, name, self.jobs, self.about)
            elif self.claim.stale and probing:
                self._renew(name)
            self._keep_corpus(corpus, recorded)
        if probing or self._without_panel():
            trained = not self._without_model()
            if not trained:
                (self.out / "model.safetensors").unlink(missing_ok=True)  # its curve is lost, and comes with another
            self._forget("panel" if trained else "activations")
            self.probe(corpus)

    def _renew(self, name: str) -> None:
        """Remove what depends on settings that have changed, and write down the new ones."""
        with full_disk_named(self.out, STAGES["corpus"].words):
            remove_stages(self.out, self.claim.stale, self.files)
            record(self.out, self.settings, name, self.jobs, self.about)

    def _forget(self, stage: str) -> None:
        remove_stages(self.out, with_what_follows([stage]), self.files)

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
                self._forget("corpus")
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
        with self._stage("recogniser"):
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
        of = hashlib.blake2b(panel.samples.write_csv().encode(), digest_size=16).hexdigest()
        with self._stage("activations", of=of):
            if not self.files.complete("activations", of):
                write()
        with self._stage("panel"):
            self._write_panel(corpus, panel, warnings)

    def _write_panel(self, corpus: Corpus, panel: Panel, warnings: list[str]) -> None:
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
