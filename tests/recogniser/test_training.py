from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import oracles
from phonoscope.errors import CorpusError
from phonoscope.recogniser.inference import predict
from phonoscope.recogniser.learning_curve import Epoch, should_stop, training_table
from phonoscope.recogniser.training import train
from phonoscope.recogniser.validation import prepare_validation, stretches_of_speech
from phonoscope.settings import RecogniserSettings, Settings, SignalSettings

if TYPE_CHECKING:
    from conftest import MakeFrames, Spoken
    from phonoscope.corpus.types import Corpus, Utterance
    from phonoscope.signal.frames import FrameTable

    Made = tuple[FrameTable, Corpus]

PHONES = "pai"


def easy(make_frames: MakeFrames, noise: float = 0.3) -> Made:
    """Make six utterances of training, and two of validation; no phone follows itself."""
    draws = np.random.default_rng(0)
    spoken: list[Spoken] = []
    for i in range(8):
        labels = np.cumsum(draws.integers(1, 4, 14)) % 4
        said = [("pai."[label], int(draws.integers(4, 10))) for label in labels]
        spoken.append((f"s{i % 4}", "validation" if i >= 6 else "train", said))
    return make_frames(spoken, PHONES, noise=noise)


def config(**changes: Any) -> Settings:  # noqa: ANN401
    recogniser = {"batch_size": 32, "max_epochs": 4, "precision": "float32"} | changes
    return Settings(
        seed=3,
        signal=SignalSettings(n_mels=22, context=2),
        recogniser=RecogniserSettings(**recogniser),  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("losses", "stops"),
    [
        # a decrease of more than 1 counts, in at least one of three epochs in a row
        ([], False),
        ([9], False),
        ([9, 9, 9], False),
        ([9, 9, 9, 9], True),
        ([9, 10, 11, 12], True),
        ([9, 7, 7, 7], False),
        ([9, 7, 7, 7, 7], True),
        ([9, 8, 7, 6], True),  # by exactly 1 each: not by more
        ([9, 8.5, 8, 7.5], True),
        ([9, 7.75, 7, 6.5], False),
        ([9, 7.75, 7, 6.5, 6], True),
        # up and down: what counts is the lowest before
        ([9, 4, 9, 4, 9, 4], True),
        ([9, 4, 9, 4], False),
        ([9, 4, 9, 4, 2.5], False),
        ([20, 9, 20, 12, 10], True),
        ([9, 9, 9, 7, 9, 9], False),
        ([9, 9, 9, 7, 9, 9, 9], True),
    ],
)
def test_stops_when_the_loss_did_not_fall_three_times(losses: list[float], stops: bool) -> None:  # noqa: FBT001
    assert should_stop(losses, 1.0, 3) is stops


@given(st.lists(st.integers(0, 12).map(float), max_size=12), st.sampled_from([0.0, 1.0, 2.5]), st.integers(1, 4))
def test_stopping_equals_the_rule_read_aloud(losses: list[float], min_decrease: float, patience: int) -> None:
    assert should_stop(losses, min_decrease, patience) is oracles.should_stop(losses, min_decrease, patience)


def test_learns_what_is_easy_and_says_how(make_frames: MakeFrames) -> None:
    frames, corpus = easy(make_frames)
    before = torch.get_rng_state()
    model, history = train(frames, corpus, config())
    assert torch.equal(torch.get_rng_state(), before)
    assert not model.training
    assert [epoch.epoch for epoch in history] == list(range(1, len(history) + 1))
    last = history[-1]
    assert last.frame_accuracy > 0.95
    assert last.phone_error_rate < 0.05
    assert history[0].training_loss < np.log(3) + 1
    seconds = [epoch.seconds for epoch in history]
    assert seconds == sorted(seconds)
    # what is reported of the model is what the model does
    rows = frames.labelled_rows(corpus, "validation")
    log_posterior = predict(model, frames, rows, "softmax")
    labels = frames.labels[rows]
    loss = -np.mean([log_posterior[i, label] for i, label in enumerate(labels)])
    assert loss == pytest.approx(last.validation_loss, rel=1e-4)
    assert np.mean(log_posterior.argmax(axis=1) == labels) == last.frame_accuracy
    table = training_table(history)
    assert table.columns == [
        "epoch",
        "training_loss",
        "validation_loss",
        "frame_accuracy",
        "phone_error_rate",
        "seconds",
    ]
    assert table.height == len(history)


@pytest.mark.parametrize(
    ("outputs", "precision", "epochs"),
    [("softmax", "float32", 4), ("softmax", "bfloat16", 4), ("sigmoid", "float32", 5)],
)
def test_one_seed_gives_one_model(make_frames: MakeFrames, outputs: str, precision: str, epochs: int) -> None:
    frames, corpus = easy(make_frames)
    settings = config(outputs=outputs, precision=precision, max_epochs=epochs)
    runs = []
    for _ in range(2):
        torch.rand(7)  # what was drawn before does not matter
        runs.append(train(frames, corpus, settings))
    (first, curve), (again, same_curve) = runs
    for name, tensor in first.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name])
    assert [replace(e, seconds=0) for e in curve] == [replace(e, seconds=0) for e in same_curve]
    assert curve[-1].frame_accuracy > 0.9
    # another seed's network is another one from the start: one epoch shows it
    other, _ = train(frames, corpus, replace(config(outputs=outputs, precision=precision, max_epochs=1), seed=4))
    assert not torch.equal(other.state_dict()["D1.weight"], first.state_dict()["D1.weight"])


def test_the_last_epoch_is_kept_and_the_rule_says_which_that_is(make_frames: MakeFrames) -> None:
    frames, corpus = easy(make_frames, noise=3.0)
    shuffled = frames.labels.copy()
    rows = frames.labelled_rows(corpus, "train")
    shuffled[rows] = np.random.default_rng(0).permutation(shuffled[rows])  # nothing to learn but by heart
    frames = replace(frames, labels=shuffled)
    model, history = train(frames, corpus, config(dropout=0.0, max_epochs=12, learning_rate=0.05))
    losses = [epoch.validation_loss for epoch in history]
    assert losses[-1] > min(losses) + 0.03
    rows = frames.labelled_rows(corpus, "validation")
    log_posterior = predict(model, frames, rows, "softmax")
    loss = -float(np.mean(log_posterior[np.arange(len(rows)), frames.labels[rows]]))
    assert loss == pytest.approx(losses[-1], rel=1e-4)
    # it stopped by the rule, and not before
    assert len(history) < 12
    assert should_stop(losses, 1e-3, 3)
    assert not should_stop(losses[:-1], 1e-3, 3)


def test_stops_at_the_last_epoch_allowed(make_frames: MakeFrames) -> None:
    frames, corpus = easy(make_frames)
    assert len(train(frames, corpus, config(max_epochs=1))[1]) == 1


def test_a_step_that_is_too_large_is_named(make_frames: MakeFrames) -> None:
    frames, corpus = easy(make_frames)
    with pytest.raises(CorpusError, match="learning_rate"):
        train(frames, corpus, config(learning_rate=10, dropout=0.0))


@pytest.mark.parametrize(("split", "name"), [("train", "validation"), ("validation", "training")])
def test_a_part_without_phones_is_named(make_frames: MakeFrames, split: Any, name: str) -> None:  # noqa: ANN401
    made = make_frames([("ann", split, [("p", 5), ("a", 5)])], PHONES)
    with pytest.raises(CorpusError, match=f"the {name} part holds no frame"):
        train(*made, config())


def test_a_part_of_pauses_is_named(make_frames: MakeFrames) -> None:
    made = make_frames([("ann", "train", [("p", 5), ("a", 5)]), ("bob", "validation", [(".", 20)])], PHONES)
    with pytest.raises(CorpusError, match="validation part holds no frame"):
        train(*made, config())


def test_stretches_end_at_pauses_and_at_utterances(make_frames: MakeFrames) -> None:
    spoken: list[Spoken] = [
        ("ann", "train", [("p", 3), ("a", 2), (".", 2), ("i", 4)]),
        ("bob", "validation", [(".", 1), ("a", 2), ("a", 3), ("p", 0), ("i", 1)]),
        ("ann", "train", [("i", 2), (".", 1), ("p", 0), (".", 2), ("p", 1)]),
    ]
    frames, corpus = make_frames(spoken, PHONES)
    first, second, third = frames.offset
    found = [(rows.tolist(), phones.tolist()) for rows, phones in stretches_of_speech(frames, corpus, "train")]
    assert found == [
        ([first + t for t in range(5)], [0, 1]),
        ([first + t for t in range(7, 11)], [2]),
        ([third, third + 1], [2]),
        # a phone without a frame between two pauses can not be decoded, and is not asked for
        ([third + 5], [0]),
    ]
    ((rows, phones),) = stretches_of_speech(frames, corpus, "validation")
    assert rows.tolist() == [second + t for t in range(1, 7)]
    assert phones.tolist() == [1, 1, 0, 2]  # one without a frame in the midst of speech is
    assert list(stretches_of_speech(frames, replace(corpus, utterances=_all_train(corpus)), "validation")) == []


def _all_train(corpus: Corpus) -> tuple[Utterance, ...]:
    return tuple(replace(utterance, split="train") for utterance in corpus.utterances)


def test_the_validation_part_measures_posteriors(make_frames: MakeFrames) -> None:
    spoken: list[Spoken] = [
        ("ann", "train", [("p", 9), ("a", 6), ("i", 12), ("a", 3)]),
        ("bob", "validation", [("a", 4), (".", 2), ("p", 4)]),
    ]
    frames, corpus = make_frames(spoken, PHONES)
    validation = prepare_validation(frames, corpus, lm_scale=1.0)
    assert validation.labels.tolist() == [1] * 4 + [0] * 4
    assert [(rows.tolist(), phones.tolist()) for rows, phones in validation.stretches] == [
        ([0, 1, 2, 3], [1]),
        ([4, 5, 6, 7], [0]),
    ]
    np.testing.assert_allclose(np.exp(validation.bigram.log_prior), np.array([10, 10, 13]) / 33)
    # six of eight frames right, with 0.8 for the right phone there, and 0.1 elsewhere
    probability = np.full((8, 3), 0.1, np.float32)
    said = [1, 1, 1, 1, 0, 0, 2, 2]
    probability[np.arange(8), said] = 0.8
    loss, accuracy, errors = validation.measure(np.log(probability))
    assert loss == pytest.approx(-(6 * np.log(0.8) + 2 * np.log(0.1)) / 8)
    assert accuracy == 6 / 8
    assert errors == 1 / 2  # an i too many


def test_epochs_make_a_table() -> None:
    table = training_table([Epoch(1, 1.5, 1.25, 0.5, 0.75, 2.0)])
    assert table.rows() == [(1, 1.5, 1.25, 0.5, 0.75, 2.0)]
