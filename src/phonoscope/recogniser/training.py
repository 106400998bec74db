"""Training the recogniser: gradient descent with Nesterov momentum, and the paper's stopping rule."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import torch

from phonoscope.errors import CorpusError
from phonoscope.progress import Quiet
from phonoscope.recogniser.building import build_recogniser
from phonoscope.recogniser.decoding import estimate_bigram, phone_error_rate
from phonoscope.recogniser.inference import network_input, predict, resolve_precision
from phonoscope.recogniser.network import log_posteriors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from phonoscope.corpus.types import Corpus
    from phonoscope.progress import Progress
    from phonoscope.recogniser.decoding import PhoneBigram
    from phonoscope.recogniser.network import Recogniser
    from phonoscope.settings import Settings
    from phonoscope.signal.frames import FrameTable


@dataclass(frozen=True)
class Epoch:
    """One line of the learning curve.

    Losses are mean cross-entropies a window, in nats; `training_loss` is the mean over the epoch, with dropout.
    `frame_accuracy` and `phone_error_rate` are those of the validation part; `seconds` counts from the start.
    """

    epoch: int
    training_loss: float
    validation_loss: float
    frame_accuracy: float
    phone_error_rate: float
    seconds: float


def training_table(history: list[Epoch]) -> pl.DataFrame:
    """Make the table of `training.csv`, a row an epoch."""
    return pl.DataFrame([asdict(epoch) for epoch in history])


@dataclass(frozen=True)
class Validation:
    """What the validation part says of a model, every epoch."""

    rows: NDArray[np.int64]
    labels: NDArray[np.int64]
    stretches: list[tuple[NDArray[np.int64], NDArray[np.int64]]]
    bigram: PhoneBigram

    def measure(self, log_posterior: NDArray[np.float32]) -> tuple[float, float, float]:
        """Return loss, frame accuracy and phone error rate for posteriors of `rows`, shape (rows, phones)."""
        loss = -float(log_posterior[np.arange(len(self.labels)), self.labels].mean(dtype=np.float64))
        accuracy = float((log_posterior.argmax(axis=1) == self.labels).mean())
        return loss, accuracy, phone_error_rate(log_posterior, self.stretches, self.bigram)


def stretches_of_speech(
    frames: FrameTable, corpus: Corpus, split: str
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Cut one part into stretches of speech without a pause or an unknown label inside.

    Yields
    ------
    For each stretch its rows of the frame table and the phone indices of its segments, those too short for a frame
    included.
    """
    table = frames.segments
    wanted = np.array([u.split == split for u in corpus.utterances], dtype=bool)
    chosen = np.flatnonzero(wanted[table.utterance])
    if len(chosen) == 0:
        return
    before, after = chosen[:-1], chosen[1:]
    broken = (table.utterance[before] != table.utterance[after]) | (table.last[before] != table.first[after])
    runs = np.split(chosen, np.flatnonzero(broken) + 1)
    for run in runs:
        rows = np.arange(table.first[run[0]], table.last[run[-1]])
        if len(rows):
            yield rows, table.phone[run].astype(np.int64)


def prepare_validation(frames: FrameTable, corpus: Corpus, lm_scale: float) -> Validation:
    """Gather the validation part, and estimate the bigram of the decoder on the training part."""
    training_rows = frames.labelled_rows(corpus, "train")
    rows = frames.labelled_rows(corpus, "validation")
    for name, part in (("training", training_rows), ("validation", rows)):
        if len(part) == 0:
            msg = f"{corpus.name}: the {name} part holds no frame with a phone; give more speech or another split"
            raise CorpusError(msg)
    n_phones = len(corpus.phones)
    counts = np.bincount(frames.labels[training_rows], minlength=n_phones)
    strings = (phones for _, phones in stretches_of_speech(frames, corpus, "train"))
    bigram = estimate_bigram(strings, counts, n_phones=n_phones, lm_scale=lm_scale)
    stretches = [
        (np.searchsorted(rows, where), phones) for where, phones in stretches_of_speech(frames, corpus, "validation")
    ]
    return Validation(rows, frames.labels[rows].astype(np.int64), stretches, bigram)


def should_stop(losses: list[float], min_decrease: float, patience: int) -> bool:
    """Tell whether the paper's rule ends the training.

    It does when none of the last `patience` epochs brought the validation loss more than `min_decrease` below the
    lowest before that epoch.
    """
    if len(losses) <= patience:
        return False
    lowest = np.minimum.accumulate(losses)
    fell = lowest[-patience - 1 : -1] - np.asarray(losses[-patience:]) > min_decrease
    return not bool(fell.any())


def train(
    frames: FrameTable, corpus: Corpus, settings: Settings, *, progress: Progress | None = None
) -> tuple[Recogniser, list[Epoch]]:
    """Train the network that the settings ask for on the training part, one window a frame that belongs to a phone.

    Returns
    -------
    The network as the last epoch left it, in evaluation mode, and the learning curve.

    Raises
    ------
    CorpusError
        A part of the corpus holds no phone, or the training diverged.
    """
    progress = progress or Quiet()
    config = settings.recogniser
    validation = prepare_validation(frames, corpus, config.lm_scale)
    dtype = resolve_precision(config.precision)
    model = build_recogniser(len(corpus.phones), settings)
    optimiser = torch.optim.SGD(
        model.parameters(),
        lr=config.learning_rate,
        momentum=config.momentum,
        nesterov=config.momentum > 0,
        fused=True,
    )
    rows = frames.labelled_rows(corpus, "train")
    history: list[Epoch] = []
    started = time.perf_counter()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        for epoch in range(1, config.max_epochs + 1):
            model.train()
            total = 0.0
            with progress.bar(f"epoch {epoch}", len(rows)) as advance:
                for order in torch.split(torch.randperm(len(rows)), config.batch_size):
                    batch = rows[order.numpy()]
                    labels = torch.from_numpy(frames.labels[batch].astype(np.int64))
                    optimiser.zero_grad(set_to_none=True)
                    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype is torch.bfloat16):
                        logits = model(network_input(frames, batch))
                    loss = torch.nn.functional.nll_loss(log_posteriors(logits.float(), config.outputs), labels)
                    loss.backward()  # type: ignore[no-untyped-call]
                    optimiser.step()
                    total += float(loss.detach()) * len(batch)
                    advance(len(batch))
            log_posterior = predict(model, frames, validation.rows, config.outputs, dtype=dtype)
            measured = validation.measure(log_posterior)
            if not np.isfinite(measured[0]):
                msg = f"the training diverged in epoch {epoch}; set a smaller --recogniser.learning_rate"
                raise CorpusError(msg)
            history.append(Epoch(epoch, total / len(rows), *measured, time.perf_counter() - started))
            progress.say(
                f"epoch {epoch}: validation loss {measured[0]:.3f}, frame accuracy {measured[1]:.3f}, "
                f"phone error rate {measured[2]:.3f}"
            )
            losses = [e.validation_loss for e in history]
            if should_stop(losses, config.min_decrease, config.patience):
                break
    model.eval()
    return model, history
