"""From frame posteriors to phone strings: Viterbi search with a phone bigram, and the phone error rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from phonoscope.kernels import kernel

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray


@dataclass(frozen=True)
class PhoneBigram:
    """A hidden Markov model with one state a phone, estimated on the training segments.

    Attributes
    ----------
    log_initial
        log P(first phone of a stretch of speech), shape (phones,).
    log_transition
        log P(state at the next frame | state), shape (phones, phones), [from, to]. Staying has the probability that
        gives each phone its mean duration; leaving follows the bigram.
    log_prior
        log share of each phone among the training frames, shape (phones,).
    """

    log_initial: NDArray[np.float64]
    log_transition: NDArray[np.float64]
    log_prior: NDArray[np.float64]


def estimate_bigram(
    strings: Iterable[NDArray[np.int64]],
    frame_counts: NDArray[np.int64],
    *,
    n_phones: int,
    lm_scale: float = 1.0,
) -> PhoneBigram:
    """Estimate the bigram with add-one smoothing, and the durations.

    A phone never follows itself in the bigram: with one state a phone, a repetition is a longer stay.

    Parameters
    ----------
    strings
        The phone indices of each stretch of speech between two pauses.
    frame_counts
        Training frames of each phone, shape (n_phones,).
    n_phones
        Size of the inventory; at least 2.
    lm_scale
        Weight of the bigram and of the first phone's probability; the durations are not scaled.
    """
    first = np.ones(n_phones)
    pairs = np.ones((n_phones, n_phones))
    tokens = np.ones(n_phones)
    for string in strings:
        if len(string) == 0:
            continue
        first[string[0]] += 1
        np.add.at(pairs, (string[:-1], string[1:]), 1)
        np.add.at(tokens, string, 1)
    np.fill_diagonal(pairs, 0.0)
    frames = frame_counts + 1.0
    leave = np.clip(tokens / frames, 0.02, 0.98)
    transition = np.where(np.eye(n_phones, dtype=bool), 1.0, pairs / pairs.sum(axis=1, keepdims=True))
    log_transition = lm_scale * np.log(transition) + np.log(leave)[:, None]
    np.fill_diagonal(log_transition, np.log1p(-leave))
    return PhoneBigram(lm_scale * np.log(first / first.sum()), log_transition, np.log(frames / frames.sum()))


@kernel(nogil=True)
def viterbi(
    log_likelihood: NDArray[np.float64], log_initial: NDArray[np.float64], log_transition: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Find the most likely sequence of states.

    Parameters
    ----------
    log_likelihood
        Shape (frames, states), at least one frame.
    log_initial
        Shape (states,).
    log_transition
        Shape (states, states), [from, to].

    Returns
    -------
    The state of each frame, shape (frames,). Of equally likely sequences, the lowest state index wins, from the last
    frame backwards.
    """
    frames, states = log_likelihood.shape
    back = np.zeros((frames, states), np.int64)
    score = log_initial + log_likelihood[0]
    for t in range(1, frames):
        following = np.empty(states)
        for to in range(states):
            best = 0
            for origin in range(1, states):
                if score[origin] + log_transition[origin, to] > score[best] + log_transition[best, to]:
                    best = origin
            back[t, to] = best
            following[to] = score[best] + log_transition[best, to] + log_likelihood[t, to]
        score = following
    path = np.empty(frames, np.int64)
    path[-1] = np.argmax(score)
    for t in range(frames - 1, 0, -1):
        path[t - 1] = back[t, path[t]]
    return path


@kernel(nogil=True)
def edit_distance(reference: NDArray[np.int64], hypothesis: NDArray[np.int64]) -> int:
    """Count the fewest insertions, deletions and substitutions that turn one string into the other (Levenshtein)."""
    row = np.arange(len(hypothesis) + 1)
    for i in range(len(reference)):
        diagonal = row[0]
        row[0] = i + 1
        for j in range(len(hypothesis)):
            above = row[j + 1]
            substituted = diagonal + (0 if reference[i] == hypothesis[j] else 1)
            row[j + 1] = min(substituted, above + 1, row[j] + 1)
            diagonal = above
    return int(row[-1])


def collapse(states: NDArray[np.int64]) -> NDArray[np.int64]:
    """Keep one of each run of equal states: the phone string of a state sequence."""
    return states[np.concatenate([[True], states[1:] != states[:-1]])] if len(states) else states


def phone_error_rate(
    log_posterior: NDArray[np.float32],
    stretches: list[tuple[NDArray[np.int64], NDArray[np.int64]]],
    bigram: PhoneBigram,
) -> float:
    """Decode every stretch of speech and return (insertions + deletions + substitutions) / reference phones.

    Parameters
    ----------
    log_posterior
        log P(phone | window), shape (frames, phones), of all stretches.
    stretches
        For each stretch of speech between two pauses: its rows of `log_posterior`, and its phones. The pauses are
        taken from the corpus, since the recogniser has no class for them.
    bigram
        Its prior turns posteriors into scaled likelihoods: ``log p(x|s) = log P(s|x) - log P(s) + const``.

    Returns
    -------
    The rate; it may exceed 1. NaN where there is no reference phone.
    """
    errors = total = 0
    for rows, phones in stretches:
        likelihood = log_posterior[rows].astype(np.float64) - bigram.log_prior
        found = collapse(viterbi(likelihood, bigram.log_initial, bigram.log_transition))
        errors += edit_distance(phones, found)
        total += len(phones)
    return errors / total if total else float("nan")
