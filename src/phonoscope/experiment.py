"""The whole experiment: the stages in order, and the run directory that they fill."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from safetensors.torch import load_file, save

from phonoscope.corpus.built_in import built_in_corpus
from phonoscope.corpus.reading import read_corpus
from phonoscope.corpus.types import Corpus
from phonoscope.errors import RunDirectoryError, SettingError
from phonoscope.evaluation.grid import (
    CLUSTERERS,
    REDUCTIONS,
    Cell,
    CellResult,
    Reduction,
    clusters_table,
    reduce_layer,
    run_cell,
    scores_table,
)
from phonoscope.files import write_frame, written_whole
from phonoscope.jobs import limited_threads, resolve_jobs
from phonoscope.probing.activations import write_activations
from phonoscope.probing.panel import Panel, check_enough, draw_panel
from phonoscope.progress import Progress, Quiet
from phonoscope.recogniser.cnn import LAYERS, PaperCNN, build_cnn
from phonoscope.recogniser.inference import predict
from phonoscope.recogniser.training import train, training_table
from phonoscope.report.figures import save_figure, separability_figure
from phonoscope.results import Run
from phonoscope.rundir import claim, clear, record
from phonoscope.settings import Settings
from phonoscope.signal.frames import FrameTable, read_frames

if TYPE_CHECKING:
    from numpy.typing import NDArray

BUILT_IN = "built-in"
_SHOWN_LABELS = 20


def run(
    corpus: Corpus | Path | str | None = None,
    *,
    out: Path | str,
    settings: Settings | None = None,
    overwrite: bool = False,
    jobs: int | None = None,
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
        Threads and processes; all cores if None.
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
    name = _name(corpus)
    continued = claim(result.path, settings, name, overwrite=overwrite)
    if continued and result.finished:
        progress.say(f"{result.path}: this run is finished; these are its results")
        return result
    if continued:
        progress.say(f"{result.path}: going on from what is there")
    with limited_threads(jobs):
        _Stages(result.path, settings, jobs, progress, continued, overwrite).run(corpus, name)
    return result


def describe_corpus(corpus: Corpus) -> list[str]:
    """Say in a few lines how much speech there is, how it is parted, and which labels are no phones."""
    train, validation = corpus.of("train"), corpus.of("validation")
    size = f"{corpus.seconds / 60:.1f} minutes, {len(corpus.utterances)} utterances, {len(corpus.speakers)} speakers"
    lines = [f"{corpus.name}: {size}; {len(train)} utterances for training, {len(validation)} for validation"]
    absent = [phone for phone in corpus.phones if not corpus.phone_counts()[phone]]
    if absent:
        lines.append(f"phones that do not occur: {' '.join(absent)}")
    if corpus.left_over:
        commonest = sorted(corpus.left_over.items(), key=lambda item: -item[1])
        listed = ", ".join(f"{label!r} ({n})" for label, n in commonest[:_SHOWN_LABELS])
        more = f" and {len(commonest) - _SHOWN_LABELS} more (labels.csv)" if len(commonest) > _SHOWN_LABELS else ""
        lines.append(f"labels that are neither phone nor pause, left out: {listed}{more}")
    return lines


def labels_table(corpus: Corpus) -> pl.DataFrame:
    """Make the table of `labels.csv`: the labels that were folded onto another phone, or left out (no phone)."""
    rows: list[tuple[str, str | None, int]] = [(label, phone, n) for (label, phone), n in corpus.folded.items()]
    rows += [(label, None, n) for label, n in corpus.left_over.items()]
    table = pl.DataFrame(rows, schema={"label": pl.String, "phone": pl.String, "tokens": pl.Int64}, orient="row")
    return table.sort("tokens", "label", descending=[True, False])


def _name(corpus: Corpus | Path | str | None) -> str:
    if corpus is None:
        return BUILT_IN
    return corpus.name if isinstance(corpus, Corpus) else str(Path(corpus).resolve())


@dataclass(frozen=True)
class _Stages:
    """The stages of one run; each is skipped if its files are there, as files are written whole or not at all."""

    out: Path
    settings: Settings
    jobs: int
    progress: Progress
    continued: bool
    overwrite: bool

    def run(self, source: Corpus | Path | str | None, name: str) -> None:
        panel_path = self.out / "panel.parquet"
        # the last file of the stages that need the corpus
        if not (self.continued and panel_path.exists() and (self.out / "panel.csv").exists()):
            corpus = self._corpus(source)
            if not self.continued:  # now that the new run can start, one with other settings may go
                clear(self.out)
                record(self.out, self.settings, name, self.jobs)
            self._keep_corpus(corpus)
            for stale in (self.out / "embeddings").glob("*.json"):  # of activations that are now made anew
                stale.unlink()
            self._probe(corpus)
        phones = pl.read_parquet(panel_path)["phone"].to_list()
        results = self._grid(phones)
        per_phone = pl.concat(
            r.separability.per_phone.select(*(pl.lit(v).alias(k) for k, v in asdict(r.cell).items()), pl.all())
            for r in results
        )
        scores = scores_table(results)
        write_frame(clusters_table(results), self.out / "clusters.parquet")
        write_frame(per_phone, self.out / "per_phone.csv")
        write_frame(scores, self.out / "scores.csv")
        save_figure(separability_figure(scores), self.out / "figures", "figure1")

    def _corpus(self, source: Corpus | Path | str | None) -> Corpus:
        if isinstance(source, Corpus):
            corpus = source
        elif source is None:
            corpus = built_in_corpus(self.settings, jobs=self.jobs, progress=self.progress)
        else:
            corpus = read_corpus(Path(source), self.settings, progress=self.progress)
        for line in describe_corpus(corpus):
            self.progress.say(line)
        for warning in corpus.warnings:
            self.progress.warn(warning)
        check_enough(corpus, self.settings.probing)
        return corpus

    def _keep_corpus(self, corpus: Corpus) -> None:
        rows = [(u.id, u.speaker, s.phone, s.start, s.end, u.split) for u in corpus.utterances for s in u.segments]
        names = ["utterance", "speaker", "phone", "start", "end", "split"]
        table = pl.DataFrame(rows, schema=names, orient="row", infer_schema_length=None)
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

    def _probe(self, corpus: Corpus) -> None:
        frames = read_frames(corpus, self.settings.signal, jobs=self.jobs, progress=self.progress)
        model = self._recogniser(frames, corpus)

        def predictor(rows: NDArray[np.int64]) -> NDArray[np.float32]:
            return predict(model, frames, rows, self.settings.recogniser.outputs)

        panel = draw_panel(frames, corpus, self.settings.probing, self.settings.seed, predictor)
        self._say_panel(panel)
        write_activations(model, frames, panel, self.out / "activations", progress=self.progress)
        write_frame(panel.counts, self.out / "panel.csv")
        write_frame(panel.samples, self.out / "panel.parquet")

    def _recogniser(self, frames: FrameTable, corpus: Corpus) -> PaperCNN:
        path = self.out / "model.safetensors"
        config = self.settings.recogniser
        if path.exists():
            model = build_cnn(len(corpus.phones), self.settings.signal, config.dropout, self.settings.seed)
            model.load_state_dict(load_file(path))
            return model.eval()
        model, history = train(frames, corpus, self.settings, progress=self.progress)
        write_frame(training_table(history), self.out / "training.csv")
        with written_whole([path]) as (temporary,):
            state = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
            temporary.write_bytes(save(state, metadata={"phones": " ".join(corpus.phones)}))
        return model

    def _say_panel(self, panel: Panel) -> None:
        self.progress.say(f"panel: {panel.samples.height} samples of {len(panel.phones)} phones")
        if panel.short:
            short = panel.counts.filter(pl.col("phone").is_in(panel.short))
            listed = ", ".join(f"/{phone}/ ({used})" for phone, used in short.select("phone", "used").iter_rows())
            self.progress.warn(f"fewer than {self.settings.probing.n_per_phone} samples of {listed}")
        if panel.left_out:
            listed = ", ".join(f"/{p}/" for p in panel.left_out)
            self.progress.warn(f"left out for fewer than {self.settings.probing.minimum} samples: {listed}")

    def _grid(self, phones: list[str]) -> list[CellResult]:
        k = self.settings.clustering.k or len(set(phones))
        if k > len(phones):
            msg = f"clustering.k = {k}: there are only {len(phones)} samples in the panel"
            raise SettingError(msg)
        seed = self.settings.seed
        results = []
        with self.progress.bar("grid", len(LAYERS) * len(REDUCTIONS) * len(CLUSTERERS)) as advance:
            for layer in LAYERS:
                embeddings, details = self._embeddings(layer)
                for reduction in REDUCTIONS:
                    for clusterer in CLUSTERERS:
                        cell = Cell(layer, reduction, clusterer, k, seed)
                        result = run_cell(embeddings[reduction], phones, cell, self.settings.clustering)
                        result.details.update(details[reduction])
                        results.append(result)
                        advance(1)
        return results

    def _activation(self, layer: str) -> Path:
        return self.out / "activations" / f"{layer}.npy"

    def _embeddings(self, layer: str) -> tuple[dict[Reduction, NDArray[np.float32]], dict[Reduction, dict[str, float]]]:
        """Reduce a layer, or read what an interrupted run has left of it."""
        activations: NDArray[np.float32] = np.load(self._activation(layer), mmap_mode="r")
        folder = self.out / "embeddings"
        folder.mkdir(exist_ok=True)
        about = folder / f"{layer}.json"
        paths: dict[Reduction, Path] = {name: folder / f"{layer}-{name}.npy" for name in ("pca", "tsne")}
        if not about.exists():
            reduced = reduce_layer(activations, self.settings.reduction, self.settings.seed)
            with written_whole([*paths.values(), about]) as (*arrays, description):
                for path, (embedding, _) in zip(arrays, reduced.values(), strict=True):
                    np.save(path, embedding)
                description.write_text(json.dumps({name: figures for name, (_, figures) in reduced.items()}))
        embeddings = {name: np.load(path) for name, path in paths.items()}
        return {"none": activations, **embeddings}, {"none": {}, **json.loads(about.read_text())}
