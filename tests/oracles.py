"""Naive references: every formula as it is written down, in loops and without regard for speed.

None of it is taken from the package: where the two agree, two people have read the formula in the same way.
"""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.optimize import brentq

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.floating]
    Ints = NDArray[np.integer]


# --- k-medians ---


class Clustering(NamedTuple):
    labels: list[int]
    centres: NDArray[np.float64]
    objective: float
    iterations: int


def manhattan(a: Floats, b: Floats) -> float:
    return sum(abs(float(x) - float(y)) for x, y in zip(a, b, strict=True))


def nearest_centres(X: Floats, centres: Floats) -> tuple[list[int], list[float]]:
    labels, distances = [], []
    for x in X:
        to_each = [manhattan(x, centre) for centre in centres]
        labels.append(to_each.index(min(to_each)))  # the lowest label of equally near centres
        distances.append(min(to_each))
    return labels, distances


def assigned(X: Floats, centres: Floats) -> list[int]:
    """Nearest centres; each cluster that is left empty takes the farthest sample that is not alone in its own."""
    labels, distances = nearest_centres(X, centres)
    for cluster in range(len(centres)):
        if cluster not in labels:
            movable = [i for i in range(len(X)) if labels.count(labels[i]) > 1]
            farthest = max(movable, key=lambda i: distances[i])
            labels[farthest] = cluster
            distances[farthest] = 0.0
    return labels


def medians(X: Floats, labels: Sequence[int] | Ints, k: int) -> NDArray[np.float64]:
    centres = []
    for cluster in range(k):
        members = [x for x, label in zip(X, labels, strict=True) if label == cluster]
        centres.append([float(np.median([m[j] for m in members])) for j in range(X.shape[1])])
    return np.array(centres)


def kmedians(X: Floats, centres: Floats, max_iter: int = 100) -> Clustering:
    labels: list[int] = []
    iteration = 0
    while iteration < max_iter:
        iteration += 1
        new = assigned(X, centres)
        if new == labels:
            break
        labels = new
        centres = medians(X, labels, len(centres))
    objective = sum(manhattan(x, centres[label]) for x, label in zip(X, labels, strict=True))
    return Clustering(labels, np.array(centres, float), objective, iteration)


# --- spectral clustering ---


def squared_distance(a: Floats, b: Floats) -> float:
    return sum((float(x) - float(y)) ** 2 for x, y in zip(a, b, strict=True))


def squared_distances(X: Floats) -> NDArray[np.float64]:
    return np.array([[squared_distance(a, b) for b in X] for a in X])


def mouysset_sigma(X: Floats) -> float:
    largest = max(math.sqrt(squared_distance(a, b)) for a in X for b in X)
    sigma_0 = largest / len(X) ** (1 / X.shape[1])
    return float(sigma_0 / 2)


def local_sigmas(X: Floats, neighbour: int = 7) -> list[float]:
    """Return the distance of each sample to its seventh neighbour, the sample itself not being one."""
    widths = []
    for i in range(len(X)):
        others = sorted(math.sqrt(squared_distance(X[i], X[j])) for j in range(len(X)) if j != i)
        widths.append(others[min(neighbour, len(others)) - 1])
    return widths


def affinity(X: Floats, sigmas: Sequence[float], factor: float) -> NDArray[np.float64]:
    n = len(X)
    A = np.zeros((n, n))
    for i, j in itertools.product(range(n), repeat=2):
        if i != j:
            A[i, j] = math.exp(-squared_distance(X[i], X[j]) / (factor * sigmas[i] * sigmas[j]))
    return A


def normalised_affinity(A: Floats) -> NDArray[np.float64]:
    n = len(A)
    degree = [float(sum(row)) for row in A]
    L = np.zeros((n, n))
    for i, j in itertools.product(range(n), repeat=2):
        if degree[i] > 0 and degree[j] > 0:
            L[i, j] = A[i, j] / math.sqrt(degree[i]) / math.sqrt(degree[j])
    return L


def same_partition(a: Sequence[Hashable] | Ints, b: Sequence[Hashable] | Ints) -> bool:
    """Tell whether two labellings are the same but for the names."""
    return len(set(zip(a, b, strict=True))) == len(set(a)) == len(set(b))


# --- reduction ---


def pca(X: Floats, variance: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the scores, and the share of the variance on each component, by a singular value decomposition."""
    centred = X.astype(np.float64) - X.astype(np.float64).mean(axis=0)
    U, S, _ = np.linalg.svd(centred, full_matrices=False)
    share = S**2 / (S**2).sum()
    kept = 1
    while share[:kept].sum() < variance - 1e-12 and kept < len(share):
        kept += 1
    return U[:, :kept] * S[:kept], share[:kept]


def entropy(p: Sequence[float] | Floats) -> float:
    """Return the Shannon entropy in bits."""
    return -sum(float(q) * math.log2(q) for q in p if q > 0)


def conditional_probabilities(squared: Floats, perplexity: float) -> NDArray[np.float64]:
    """Return p(j | i), the Gaussian's width found by a root finder."""
    n = len(squared)
    P = np.zeros((n, n))
    for i in range(n):
        others = [j for j in range(n) if j != i]
        nearest = min(squared[i, j] for j in others)

        def row(log_beta: float, i: int = i, others: list[int] = others, nearest: float = nearest) -> list[float]:
            raw = [math.exp(-math.exp(log_beta) * (squared[i, j] - nearest)) for j in others]
            return [r / sum(raw) for r in raw]

        def excess(log_beta: float, row: Any = row) -> float:  # noqa: ANN401
            return entropy(row(log_beta)) - math.log2(perplexity)

        P[i, others] = row(brentq(excess, -30, 30, xtol=1e-13))
    return P


def student(Y: Floats) -> NDArray[np.float64]:
    """Return q(i, j) of t-SNE."""
    n = len(Y)
    Q = np.zeros((n, n))
    for i, j in itertools.permutations(range(n), 2):
        Q[i, j] = 1 / (1 + squared_distance(Y[i], Y[j]))
    return Q / float(Q.sum())


def kl_divergence(P: Floats, Y: Floats) -> float:
    Q = student(Y)
    total = 0.0
    for i, j in itertools.permutations(range(len(Y)), 2):
        if P[i, j] > 0:
            total += float(P[i, j]) * math.log(float(P[i, j]) / Q[i, j])
    return total


def kl_gradient(P: Floats, Y: Floats, step: float = 1e-5) -> NDArray[np.float64]:
    """Return the slope of the divergence by central differences."""
    slope = np.zeros(Y.shape)
    for place in np.ndindex(Y.shape):
        ahead, behind = Y.astype(np.float64), Y.astype(np.float64)
        ahead[place] += step
        behind[place] -= step
        slope[place] = (kl_divergence(P, ahead) - kl_divergence(P, behind)) / (2 * step)
    return slope


# --- separability ---


class PhoneScore(NamedTuple):
    n_samples: int
    n_clusters: int
    precision: float
    recall: float
    tp: int
    fp: int


def owners(phones: Sequence[str], clusters: Sequence[Any]) -> dict[Any, str]:
    found = {}
    for cluster in clusters:
        inside = [p for p, c in zip(phones, clusters, strict=True) if c == cluster]
        found[cluster] = max(sorted(set(inside)), key=inside.count)  # the first of equally frequent ones
    return found


def phone_scores(phones: Sequence[str], clusters: Sequence[Any]) -> dict[str, PhoneScore]:
    owner = owners(phones, clusters)
    scores = {}
    for phone in sorted(set(phones)):
        tp = fp = fn = 0
        for actual, cluster in zip(phones, clusters, strict=True):
            claimed = owner[cluster] == phone
            tp += claimed and actual == phone
            fp += claimed and actual != phone
            fn += not claimed and actual == phone
        precision = tp / (tp + fp) if tp + fp else 0.0
        n_clusters = sum(o == phone for o in owner.values())
        scores[phone] = PhoneScore(tp + fn, n_clusters, precision, tp / (tp + fn), tp, fp)
    return scores


def harmonic(p: float, r: float) -> float:
    return 0.0 if p + r == 0 else 2 / (1 / p + 1 / r)


# --- signal ---


def deltas(frames: Floats, reach: int = 2) -> NDArray[np.float64]:
    n, width = frames.shape
    slopes = np.zeros((n, width))
    for t, c in itertools.product(range(n), range(width)):
        above = sum(
            k * (float(frames[min(t + k, n - 1), c]) - float(frames[max(t - k, 0), c])) for k in range(1, reach + 1)
        )
        slopes[t, c] = above / (2 * sum(k * k for k in range(1, reach + 1)))
    return slopes


def frames_within(start: Fraction, end: Fraction, hop: Fraction, count: int) -> list[int]:
    """Return the frames whose centre lies in [start, end), in exact arithmetic."""
    return [i for i in range(count) if start <= (i + Fraction(1, 2)) * hop < end]


def window(frames: Floats, t: int, context: int) -> NDArray[np.floating]:
    """Stack the frames around t of one utterance; beyond its ends the end frames repeat."""
    return np.stack([frames[min(max(i, 0), len(frames) - 1)] for i in range(t - context, t + context + 1)])


# --- recogniser ---


def convolved(maps: Floats, weight: Floats, bias: Floats) -> NDArray[np.float64]:
    """Convolve maps × time × frequency without padding, and rectify."""
    n_out, _, height, width = weight.shape
    times, bands = maps.shape[1] - height + 1, maps.shape[2] - width + 1
    found = np.zeros((n_out, times, bands))
    for m, t, f in itertools.product(range(n_out), range(times), range(bands)):
        found[m, t, f] = max((maps[:, t : t + height, f : f + width] * weight[m]).sum() + bias[m], 0.0)
    return found


def pooled(maps: Floats, size: int) -> NDArray[np.floating]:
    """Take the largest of each `size` neighbours in frequency; the remainder is dropped."""
    bands = maps.shape[2] // size
    return np.stack([maps[:, :, f * size : (f + 1) * size].max(axis=2) for f in range(bands)], axis=2)


def cnn_layers(weights: dict[str, Floats], image: Floats) -> dict[str, NDArray[np.floating]]:
    """Return every layer of the paper's network for one window, coefficients × time × frequency."""
    found: dict[str, NDArray[np.floating]] = {"raw": image}
    found["conv1"] = convolved(image, weights["conv1.weight"], weights["conv1.bias"])
    found["mp1"] = pooled(found["conv1"], 3)
    found["conv2"] = convolved(found["mp1"], weights["conv2.weight"], weights["conv2.bias"])
    found["mp2"] = pooled(found["conv2"], 2)
    x = found["mp2"].reshape(-1)
    for name in ("D1", "D2", "D3"):
        x = np.maximum(weights[f"{name}.weight"] @ x + weights[f"{name}.bias"], 0.0)
        found[name] = x
    found["output"] = weights["output.weight"] @ x + weights["output.bias"]
    return found


def path_score(likelihood: Floats, initial: Floats, transition: Floats, path: Sequence[int] | Ints) -> float:
    score = float(initial[path[0]]) + float(likelihood[0, path[0]])
    for t in range(1, len(path)):
        score += float(transition[path[t - 1], path[t]]) + float(likelihood[t, path[t]])
    return score


def best_path(likelihood: Floats, initial: Floats, transition: Floats) -> tuple[int, ...]:
    """Try all paths; of equally good ones the one whose last, then last but one, … state is the lowest."""
    paths = itertools.product(range(likelihood.shape[1]), repeat=len(likelihood))
    return min(paths, key=lambda path: (-path_score(likelihood, initial, transition, path), path[::-1]))


def edit_distance(a: tuple[int, ...], b: tuple[int, ...]) -> int:
    if not a or not b:
        return len(a) + len(b)
    if a[0] == b[0]:
        return edit_distance(a[1:], b[1:])
    return 1 + min(edit_distance(a[1:], b), edit_distance(a, b[1:]), edit_distance(a[1:], b[1:]))


def should_stop(losses: Sequence[float], min_decrease: float, patience: int) -> bool:
    """Tell whether none of the last epochs brought the loss far enough below the lowest one before it."""
    if len(losses) <= patience:
        return False
    return not any(
        min(losses[:epoch]) - losses[epoch] > min_decrease for epoch in range(len(losses) - patience, len(losses))
    )


# --- panel ---


def panel_candidates(
    utterances: Sequence[tuple[str, int, Sequence[tuple[str, int, int]]]], frame: str
) -> list[tuple[int, str, list[int]]]:
    """Return (utterance, phone, frames) of every validation segment that has the frame asked for.

    An utterance is (split, first row, segments), a segment (phone, first, last) in frames of the utterance.
    """
    found = []
    for i, (split, offset, segments) in enumerate(utterances):
        for phone, first, last in segments:
            inside = [offset + t for t in range(first, last)]
            if split != "validation" or len(inside) < (3 if frame == "third" else 1):
                continue
            if frame == "third":
                inside = [inside[2]]
            elif frame == "middle":
                inside = [inside[len(inside) // 2]]
            found.append((i, phone, inside))
    return found
