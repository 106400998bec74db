"""The analysis of a network that phonoscope did not train for it: its panel, its activations, and all that follows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from joblib.externals.loky.backend.reduction import dumps

from phonoscope.company import refuse_company
from phonoscope.connecting import open_workers
from phonoscope.errors import ModelError
from phonoscope.experiment import Stages, corpus_name
from phonoscope.jobs import limited_threads, resolve_jobs
from phonoscope.locking import sole_use
from phonoscope.models.collecting import collect
from phonoscope.models.computing import ComputedSource
from phonoscope.models.own_models import OwnModel, load_own
from phonoscope.models.resolving import own_folder, resolve
from phonoscope.probing.activations import write_activations
from phonoscope.probing.panel import draw_panel
from phonoscope.progress import Progress, Quiet
from phonoscope.recogniser.inference import predict
from phonoscope.results import Run
from phonoscope.rundir import claim, prepared
from phonoscope.settings import Settings
from phonoscope.workers import Processes

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    from numpy.typing import NDArray
    from torch import nn

    from phonoscope.corpus.types import Corpus
    from phonoscope.models.adapter import Adapter
    from phonoscope.models.source import Source
    from phonoscope.models.times import Layer
    from phonoscope.probing.panel import Panel
    from phonoscope.workers import Workers


def probe(
    model: Adapter | nn.Module | Path | str,
    corpus: Corpus | Path | str | None = None,
    *,
    out: Path | str,
    settings: Settings | None = None,
    overwrite: bool = False,
    download: bool = False,
    jobs: int | None = None,
    scheduler: str | None = None,
    cluster: Path | str | None = None,
    progress: Progress | None = None,
) -> Run:
    """Push a corpus's panel through a network, and do with its layers what `run` does with its own.

    The panel of a network from elsewhere is drawn from all of the corpus, whether the network would know the phones or
    not: `probing.correct_only` does not count. That of a recogniser of phonoscope's own is drawn as in its own run,
    from the validation part, with the run's signal and recogniser settings; on the corpus that it was trained on also
    with the run's corpus settings and seed, so that no sample was heard in training.

    Parameters
    ----------
    model
        An `Adapter`, or as text or path: ``package.module:factory``, which returns one; a Hugging Face speech model
        by folder or name; a run's folder or its `model.safetensors`; a folder of activations computed elsewhere.
    corpus, out, settings, overwrite, jobs, scheduler, cluster, progress
        As for `run`.
    download
        Whether a Hugging Face model that is not here yet may be fetched from the hub.

    Raises
    ------
    PhonoscopeError
        The model (`ModelError`), the corpus, a setting or the directory can not be used, or torchrun has started
        several processes.
    """
    refuse_company("probe")
    settings = settings or Settings()
    progress = progress or Quiet()
    jobs = resolve_jobs(jobs)
    result = Run(Path(out))
    name = corpus_name(corpus)
    with limited_threads(jobs):
        own = own_folder(model)
        found: OwnModel | Source
        if own is not None and isinstance(model, str | Path):
            found = load_own(own)
            # with another split or seed, the panel might have samples that it was trained on
            kept = (*_OF_THE_NETWORK, *_OF_ITS_CORPUS) if found.trained_on == name else _OF_THE_NETWORK
            settings = settings.changed({key: v for key, v in found.trained_with.flat() if key.startswith(kept)})
        else:
            found = resolve(model, settings.probe, download=download)
            settings = settings.changed({"probing.correct_only": False})
        with prepared(result.path), sole_use(result.path, progress):
            there = claim(result.path, settings, name, overwrite=overwrite, about=found.about)
            common = (result.path, settings, jobs, progress, there, overwrite, found.about)
            with open_workers(scheduler, cluster, progress) as workers:
                stages = (
                    _OwnStages(*common, workers=workers, own=found)
                    if isinstance(found, OwnModel)
                    else _SourceStages(*common, None, workers=workers, source=found)
                )
                stages.run(corpus, name)
    return result


# Seconds of speech that are worth the start of processes, and bytes that torch takes in one beside the network, which
# is there twice while a task is unpacked.
_WORTH_PROCESSES, _OF_A_PROCESS = 300.0, 500_000_000
_OF_THE_NETWORK = ("signal.", "recogniser.")
_OF_ITS_CORPUS = ("corpus.", "synth.", "seed")


@dataclass(frozen=True)
class _OwnStages(Stages):
    """The stages for a recogniser of phonoscope's own: as in its own run, but that it is not trained."""

    own: OwnModel | None = None

    def probe(self, corpus: Corpus) -> None:
        assert self.own is not None  # noqa: S101 - for the type checker
        own, layers = self.own, self.own.layers(self.settings.probe.layers)
        known = own.phones == corpus.phones
        probing = replace(self.settings.probing, correct_only=self.settings.only_correct)
        if probing.correct_only and not known:
            msg = (
                f"{own.folder}: the recogniser knows other phones than the corpus has ({_some(own.phones)}; "
                f"{_some(corpus.phones)}), and can not be right about these; give --probing.correct_only false"
            )
            raise ModelError(msg)
        frames = self.frames(corpus)

        def predictor(rows: NDArray[np.int64]) -> NDArray[np.float32]:
            return predict(own.network, frames, rows, self.settings.recogniser.outputs)

        panel = draw_panel(frames, corpus, probing, self.settings.seed, predictor)
        folder = self.out / "activations"
        (folder / "times.json").unlink(missing_ok=True)
        where = partial(write_activations, progress=self.progress, workers=self.workers)
        write = partial(where, own.network, frames, panel, folder, layers=layers)
        self.keep_panel(corpus, panel, write)


@dataclass(frozen=True)
class _SourceStages(Stages):
    """The stages for a network from elsewhere."""

    source: Source | None = None

    def probe(self, corpus: Corpus) -> None:
        assert self.source is not None  # noqa: S101 - for the type checker
        probing = self.settings.probing
        layers = self.source.layers(corpus.utterances)
        for line in sizes_table(layers.values(), probing.n_per_phone * len(corpus.phones)):
            self.progress.say(line)
        for note in self.source.notes:
            self.progress.warn(note)
        panel = draw_panel(self.frames(corpus), corpus, probing, self.settings.seed, split=None)
        folder = self.out / "activations"
        where = partial(collect, progress=self.progress, workers=self.workers or self._processes(corpus, panel))
        write = partial(where, self.source, layers, corpus, panel.samples, folder, mean=probing.frame == "mean")
        self.keep_panel(corpus, panel, write)

    def _processes(self, corpus: Corpus, panel: Panel) -> Workers | None:
        """Return processes of this machine that compute the network, a thread each, if there is enough to do for them.

        With more threads torch adds in another order, and activations would depend on `jobs`.
        """
        if not isinstance(self.source, ComputedSource):
            return None
        spoken = set(panel.samples["utterance"])
        if sum(u.duration for u in corpus.utterances if u.id in spoken) < _WORTH_PROCESSES:
            return None
        fit = int(self.settings.clustering.memory * 1e9 / (2 * self.source.size + _OF_A_PROCESS))
        if min(self.jobs, fit) < 2:  # noqa: PLR2004 - one is this process
            return None
        try:
            dumps(self.source)
        except Exception as error:  # noqa: BLE001 - whatever a network of the user's is made of
            why = " ".join(str(error).split())
            self.progress.say(f"the network can not be sent to other processes ({why}): this one computes it alone")
            return None
        return Processes(min(self.jobs, fit), 1)


def sizes_table(layers: Iterable[Layer], most: int) -> list[str]:
    """List layers, their units and the size of their activations, a line each.

    Parameters
    ----------
    layers
        Those to be probed.
    most
        Samples that the panel has at the most.
    """
    rows = [("layer", "a frame", "units", "hop, ms", "first at, ms", "MB at most")]
    for layer in layers:
        shape = " × ".join(map(str, layer.shape))
        size = layer.units * most * 4 / 1e6
        times = f"{1000 * layer.hop:.6g}", f"{1000 * layer.offset:.6g}"
        rows.append((layer.name or "output", shape, f"{layer.units:,}", *times, f"{size:,.1f}"))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _some(phones: tuple[str, ...]) -> str:
    return " ".join(phones[:5]) + " …" * (len(phones) > 5)  # noqa: PLR2004 - enough to see what they are
