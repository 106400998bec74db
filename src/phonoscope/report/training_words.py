"""What the page says of the recogniser's training."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

_PAPERS = {"cnn": "the paper: 26.7 %", "dnn": "the paper's convolutional network: 26.7 %"}


def training_facts(training: pl.DataFrame) -> list[tuple[str, str]]:
    """Give the facts of the page's head: how good the recogniser is; nothing of one that was not trained.

    Parameters
    ----------
    training
        The learning curve, a row an epoch.
    """
    if training.is_empty():
        return [("network", "not trained")]
    return [
        ("frames right", f"{training['frame_accuracy'][-1]:.1%}"),
        ("phone error rate", f"{training['phone_error_rate'][-1]:.1%}"),
    ]


def training_words(training: pl.DataFrame, kind: str) -> str:
    """Say how the training ended.

    Parameters
    ----------
    training
        The learning curve, a row an epoch.
    kind
        Of the network: the setting `recogniser.kind`.
    """
    if training.is_empty():
        return (
            "The network was not trained: its weights are those that it starts from. What its layers tell apart comes "
            "of the input and of the network's build alone, so this is what a trained network is to be compared with. "
            "The samples were taken whether it classifies them correctly or not."
        )
    accuracy, error = training["frame_accuracy"][-1], training["phone_error_rate"][-1]
    return (
        f"{training.height} epochs; {accuracy:.1%} of the validation frames right at the end, phone error rate "
        f"{error:.1%} ({_PAPERS[kind]})."
    )
