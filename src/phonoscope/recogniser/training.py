"""Training the recogniser: epoch after epoch until the paper's rule stops it, from where an earlier training was."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import numpy as np
import torch
from safetensors.numpy import load, save

from phonoscope.errors import CheckpointError, CorpusError
from phonoscope.progress import Quiet
from phonoscope.recogniser.checkpoint import find_checkpoint, identity, keep_checkpoint, open_checkpoint
from phonoscope.recogniser.devices import resolve_device, resolve_precision
from phonoscope.recogniser.fitting import Fitting, Material
from phonoscope.recogniser.freed_memory import freed_memory_kept
from phonoscope.recogniser.learning_curve import Epoch, should_stop
from phonoscope.recogniser.ranks import here
from phonoscope.recogniser.validation import prepare_validation
from phonoscope.settings import Settings
from phonoscope.signal.frames import FrameTable, SegmentTable

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from phonoscope.corpus.types import Corpus
    from phonoscope.progress import Progress
    from phonoscope.recogniser.network import Recogniser
    from phonoscope.recogniser.ranks import Ranks

_GO_ON = b"one more epoch"


def train(
    frames: FrameTable,
    corpus: Corpus,
    settings: Settings,
    *,
    progress: Progress | None = None,
    folder: Path | None = None,
    device: str = "auto",
) -> tuple[Recogniser, list[Epoch]]:
    """Train the network that the settings ask for on the training part, one window a frame that belongs to a phone.

    Parameters
    ----------
    frames, corpus, settings
        What is learned from, and how.
    progress
        Where to tell how far it is; nowhere if None.
    folder
        Where the state is kept after each epoch, and gone on from if there is one of the same training: with as many
        threads, to the very numbers of a training that was not interrupted. It stays there; see `forget_checkpoint`.
    device
        ``cpu``, ``cuda``, or ``auto``.

    Returns
    -------
    The network as the last epoch left it, in evaluation mode on the processor, and the learning curve.

    Raises
    ------
    CorpusError
        A part of the corpus holds no phone, or the training diverged.
    SettingError
        The device is not there.
    LostProcessError
        Another process of a training in company has ended.
    """
    progress = progress or Quiet()
    config = settings.recogniser
    ranks = here()
    validation = prepare_validation(frames, corpus, config.lm_scale)
    material = Material(frames, frames.labelled_rows(corpus, "train"), validation.rows, len(corpus.phones))
    chosen = resolve_device(device, ranks.local_rank)
    dtype = resolve_precision(config.precision, chosen)
    mine, content = _where_to_start(material, settings, folder, progress)
    history: list[Epoch] = []
    with torch.random.fork_rng(devices=[]), ranks.fair_threads(), freed_memory_kept():
        torch.manual_seed(settings.seed)
        if ranks.size > 1:
            progress.say(f"training with {ranks.size} processes")
            _hand_out(material, settings, ranks, folder, dtype)
        with ranks.together():
            fitting = Fitting(material, settings, ranks, device=chosen, dtype=dtype)
        ranks.tell(content or _GO_ON)
        if content:
            state, history = open_checkpoint(content)
            fitting.restore(state)
            progress.say(f"training: going on after epoch {len(history)}")
        started = time.perf_counter() - (history[-1].seconds if history else 0.0)
        while len(history) < config.max_epochs and not should_stop(
            [epoch.validation_loss for epoch in history], config.min_decrease, config.patience
        ):
            number = len(history) + 1
            ranks.tell(_GO_ON)
            with ranks.together():
                with progress.bar(f"epoch {number}", len(material.rows), "windows") as advance:
                    training_loss = fitting.epoch(advance)
                log_posterior = fitting.posteriors()
            measured = validation.measure(log_posterior)
            if not np.isfinite(measured[0]):
                msg = f"the training diverged in epoch {number}; set a smaller --recogniser.learning_rate"
                raise CorpusError(msg)
            history.append(Epoch(number, training_loss, *measured, time.perf_counter() - started))
            if folder is not None:
                keep_checkpoint(folder, fitting.state(), history, mine)
            progress.say(
                f"epoch {number}: validation loss {measured[0]:.3f}, frame accuracy {measured[1]:.3f}, "
                f"phone error rate {measured[2]:.3f}"
            )
    ranks.leave()
    return fitting.model.cpu().eval(), history


def _where_to_start(
    material: Material, settings: Settings, folder: Path | None, progress: Progress
) -> tuple[str, bytes]:
    """Return what this training is called, and the content of its checkpoint; nothing if it starts anew."""
    if folder is None:
        return "", b""
    mine = identity(material.frames, material.rows, material.n_phones, settings)
    try:
        return mine, find_checkpoint(folder, mine)
    except CheckpointError as error:
        progress.warn(f"{error}; the training starts from the first epoch")
        return mine, b""


_ARRAYS = ("means", "mean_of", "labels", "offset", "count")


def _hand_out(material: Material, settings: Settings, ranks: Ranks, folder: Path | None, dtype: torch.dtype) -> None:
    """Give the other processes what they need, so that they read no corpus."""
    frames = material.frames
    # features that are too large for the memory lie in a file, which is the same for all
    file = None if folder is None else folder / "features" / "static.f32"
    mapped = file is not None and file.is_file() and file.stat().st_size == frames.static.nbytes
    about = {
        "settings": dict(settings.flat()),
        "n_phones": material.n_phones,
        "context": frames.context,
        "hop": frames.hop,
        "shape": frames.static.shape,
        "file": str(file.resolve()) if mapped and file is not None else "",
        "bfloat16": dtype is torch.bfloat16,
    }
    arrays: dict[str, NDArray[np.generic]] = {name: getattr(frames, name) for name in _ARRAYS}
    arrays |= {"rows": material.rows, "held_out": material.held_out}
    ranks.tell(save({name: np.ascontiguousarray(a) for name, a in arrays.items()}, {"about": json.dumps(about)}))
    if not mapped:
        ranks.spread(frames.static)


def follow(ranks: Ranks, device: str) -> None:
    """Do what a process does that does not lead: wait for a training, do its part of each epoch, and be done.

    Raises
    ------
    LostProcessError
        Another process has ended.
    """
    word = ranks.hear()
    if not word:
        return
    arrays = load(word)
    length = int.from_bytes(word[:8], "little")
    about = json.loads(json.loads(word[8 : 8 + length])["__metadata__"]["about"])
    del word
    static: NDArray[np.float32]
    if about["file"]:
        static = np.memmap(about["file"], np.float32, "r", shape=tuple(about["shape"]))
    else:
        static = np.empty(about["shape"], np.float32)
        ranks.spread(static)
    none = np.zeros(0, np.int64)
    segments = SegmentTable(none, none, none.astype(float), none.astype(float), none, none)
    per_utterance = {name: arrays[name] for name in _ARRAYS}
    frames = FrameTable(static, **per_utterance, context=about["context"], hop=about["hop"], segments=segments)
    settings = Settings().changed(about["settings"])
    material = Material(frames, arrays["rows"], arrays["held_out"], about["n_phones"])
    chosen = resolve_device(device, ranks.local_rank)
    dtype = torch.bfloat16 if about["bfloat16"] else torch.float32
    with torch.random.fork_rng(devices=[]), ranks.fair_threads(), freed_memory_kept():
        torch.manual_seed(settings.seed)
        with ranks.together():
            fitting = Fitting(material, settings, ranks, device=chosen, dtype=dtype)
        content = ranks.hear()
        if content not in (b"", _GO_ON):
            fitting.restore(open_checkpoint(content)[0])
        while ranks.hear():
            with ranks.together():
                fitting.epoch(lambda _steps: None)
                fitting.posteriors()
