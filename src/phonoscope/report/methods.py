"""The methods paragraph: what was done, with every figure that a reader needs to do it again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from phonoscope.clustering.lloyd import ALL_SETTLE, UNSETTLED
from phonoscope.clustering.measuring import most_compared
from phonoscope.evaluation.bootstrap import FEWEST_SPEAKERS, draws_speakers
from phonoscope.report.model_words import probed_words
from phonoscope.report.words import CRITERIA, REDUCTIONS

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl

    from phonoscope.settings import Settings

_NORMALISED = {
    "none": "not normalised",
    "utterance": "with each utterance's mean subtracted",
    "speaker": "with each speaker's mean subtracted",
    "corpus": "with the corpus's mean subtracted",
}
_FRAMES = {
    "third": "the third frame of a segment",
    "middle": "the middle frame of a segment",
    "mean": "the mean over the frames of a segment",
}
_HELD_OUT = {
    "auto": "what lists, the corpus or a folder's name say, or else {share} of the speech, by utterances",
    "utterance": "{share} of the speech, by utterances",
    "speaker": "{share} of the speech, by speakers",
    "folder": "the folder that is named so",
    "corpus": "what the corpus itself names so",
    "lists": "what the lists say",
}
_PRECISIONS = {
    "auto": "bfloat16 where the processor has it, else float32",
    "float32": "float32",
    "bfloat16": "bfloat16",
}
_BLOCKS = {"affinity": "the affinity matrix", "normalised": "the normalised affinity matrix"}
_SIGMAS = {
    "mouysset": "the width of Mouysset et al. (2008), sigma = Dmax / N^(1/p) / 2",
    "median": "the median distance as its width",
    "local": "a width for each sample, the distance to its seventh neighbour (Zelnik-Manor and Perona 2004)",
}


def methods(
    settings: Settings,
    about: Mapping[str, Any],
    corpus: str,
    *,
    panel: pl.DataFrame,
    training: pl.DataFrame,
    ks: list[int],
    times: Mapping[str, Mapping[str, float]] | None = None,
) -> str:
    """Write the paragraph.

    Parameters
    ----------
    settings
        Of the run.
    about
        The ``[run]`` table of its `config.toml`.
    corpus
        What was spoken: minutes, speakers, utterances.
    panel
        The panel's samples.
    training
        The learning curve; no row where nothing was trained.
    ks
        Numbers of clusters of the grid.
    times
        Each layer's hop and offset, of a model that was probed.
    """
    p = settings.probing
    n_phones, n = panel["phone"].n_unique(), panel.height
    correct = "classified correctly by the network" if settings.only_correct else "whether classified correctly or not"
    libraries = ", ".join(f"{name} {version}" for name, version in sorted(about.get("libraries", {}).items()))
    panel_words = (
        f"The panel has {n} validation samples of {n_phones} phones, at most {p.n_per_phone} and at least {p.minimum} "
        f"of each: {_FRAMES[p.frame]}, {correct}."
    )
    versions = (
        f"Random seed {settings.seed}; phonoscope {about.get('phonoscope')}, {libraries}; Python "
        f"{about.get('python')}; {about.get('jobs')} thread{'' if about.get('jobs') == 1 else 's'}."
    )
    return " ".join(
        [
            f"The corpus has {corpus}.",
            _synthesis(settings) if about.get("corpus") == "built-in" else _reading(settings),
            *_model(settings, about, training, times or {}),
            panel_words,
            _clustering(settings, n, ks),
            error_bars(settings, panel),
            _classes(settings),
            _units(settings),
            _structure(settings),
            versions,
        ]
    )


def _synthesis(settings: Settings) -> str:
    s = settings.synth
    return (
        f"It is French synthesised by espeak-ng, {s.train_minutes:g} minutes by {s.train_voices} voices for training "
        f"and {s.validation_minutes:g} minutes by {s.validation_voices} other voices for validation, with noise at "
        f"{s.snr_low:g} to {s.snr_high:g} dB signal-to-noise ratio and {_percent(s.reverberated)} of the utterances "
        f"reverberated (seed {s.seed})."
    )


def _reading(settings: Settings) -> str:
    c = settings.corpus
    said = [
        f"Alignments were read as {c.format}." if c.format != "auto" else "",
        f"Audio was taken from {c.audio!r}." if c.audio else "",
        "Alignments were allowed to name audio outside of the corpus's folder." if c.outside else "",
        f"Phones were read from the tier {c.tier!r}." if c.tier else "",
        f"The phone set was {c.phones!r}." if c.phones != "auto" else "",
        f"Labels were folded by the table {c.folding!r}." if c.folding else "",
        f"Speakers were told by {c.speaker!r} in the path." if c.speaker else "",
        f"Held out for validation: {_HELD_OUT[c.split].format(share=_percent(c.validation))}.",
        f"The utterances for training were those listed in {c.train_list!r}." if c.train_list else "",
        f"Those for validation were listed in {c.validation_list!r}." if c.validation_list else "",
    ]
    return " ".join(filter(None, said))


def _percent(share: float) -> str:
    return f"{100 * share:.6g} %"


def _signal(settings: Settings) -> str:
    s = settings.signal
    return (
        f"Audio was resampled to {s.sample_rate} Hz; {s.n_mels} log-mel filterbank energies ({s.window_ms:g}-ms "
        f"windows every {s.hop_ms:g} ms) with first and second differences, {_NORMALISED[s.normalise]}, were taken in "
        f"windows of {2 * s.context + 1} frames."
    )


def _model(
    settings: Settings, about: Mapping[str, Any], training: pl.DataFrame, times: Mapping[str, Mapping[str, float]]
) -> list[str]:
    if "model" not in about:
        return [_signal(settings), _recogniser(settings, training)]
    # a recogniser of phonoscope's own has no times, as it reads the same features
    return ([] if times else [_signal(settings)]) + [probed_words(settings, about, times)]


def _recogniser(settings: Settings, training: pl.DataFrame) -> str:
    r = settings.recogniser
    if r.kind == "untrained":
        return (
            f"The network is {_network(settings)}. It was not trained: its weights are those that it starts from, and "
            f"what its layers tell apart comes of the input and of the network's build alone."
        )
    return (
        f"The recogniser is {_network(settings)} and trained by "
        f"gradient descent with Nesterov momentum (learning rate {r.learning_rate:g}, momentum {r.momentum:g}, batches "
        f"of {r.batch_size}, {_PRECISIONS[r.precision]}) for {training.height} epochs, stopping when the validation "
        f"loss did not fall by {r.min_decrease:g} in {r.patience} epochs or after {r.max_epochs}; validation frame "
        f"accuracy "
        f"{training['frame_accuracy'][-1]:.3f}, phone error rate {training['phone_error_rate'][-1]:.3f} (Viterbi "
        f"decoding with a phone bigram, weight {r.lm_scale:g})."
    )


def _network(settings: Settings) -> str:
    """Describe the network up to how its weights start."""
    r = settings.recogniser
    dropout = "" if r.kind == "untrained" else f" with dropout {r.dropout:g}"
    if r.kind == "dnn":
        sizes = r.hidden_sizes
        units = f"{sizes[0]:,}" if len(set(sizes)) == 1 else ", ".join(f"{size:,}" for size in sizes)
        layers = "one fully connected layer" if len(sizes) == 1 else f"{len(sizes)} fully connected layers"
        unit, glorot = (
            ("rectified", "Glorot's method")
            if r.activation == "relu"
            else ("sigmoid", "Glorot's method, four times as wide as for linear units")
        )
        return (
            f"a fully connected network as in Nagamine, Seltzer and Mesgarani (2015): {layers} of {units} "
            f"{unit} units{dropout}, and {r.outputs} outputs, initialised by {glorot}"
        )
    return (
        f"the convolutional network of Pellegrini and Mouysset (2016): two convolution layers (32 "
        f"and 64 filters of 3 × 5) with max-pooling over frequency (3 and 2), three dense layers of 1,024 rectified "
        f"units{dropout}, and {r.outputs} outputs, initialised by Glorot's method"
    )


def _clustering(settings: Settings, n: int, ks: list[int]) -> str:
    c, reduction = settings.clustering, settings.reduction
    perplexity = min(reduction.perplexity, (n - 1) / 3)  # as `reduce_by_tsne` lowers it
    restarts = "one run" if c.kmedians_restarts == 1 else f"the best of {c.kmedians_restarts} runs"
    start = (
        "the centres of a run on a tenth of the samples" if c.kmedians_init == "pilot" else "samples drawn at random"
    )
    divisor = "2 sigma^2" if c.kernel == "2sigma2" else "sigma^2"
    return (
        f"Each layer's activations were clustered into k = {', '.join(map(str, ks))} clusters as they are, after PCA "
        f"({_percent(reduction.pca_variance)} of the variance), and after t-SNE of these components "
        f"({reduction.tsne_dimensions} dimensions, perplexity {perplexity:g}, "
        f"{reduction.tsne_iterations} iterations), by k-medians with Manhattan distances ({restarts}, started from "
        f"{start}, at most {c.max_iterations} iterations{_settled(n)}) and by spectral clustering after Ng, Jordan and "
        f"Weiss (2001) with the affinity exp(-d^2 / {divisor}) and {_SIGMAS[c.sigma]}, {_affinities(settings)}. A "
        f"cluster belongs to its most frequent phone; precision and recall are means over phones, and F is their "
        f"harmonic mean."
    )


def _settled(n: int) -> str:
    """Say when a run of k-medians ends, where that is not when every sample stays in its cluster."""
    if n <= ALL_SETTLE:
        return ""
    return f", until no more than one sample in {1 / UNSETTLED:,.0f} changed its cluster"


def _affinities(settings: Settings) -> str:
    """Say between which samples affinities were computed."""
    c = settings.clustering
    within = f"as long as they take no more than {c.memory:g} GB"
    nystrom = f"Nyström's method with {c.landmarks:,} landmarks"
    return {
        "auto": f"between all samples {within}, in larger panels by {nystrom} or between neighbours",
        "exact": "between all samples",
        "nystrom": f"by {nystrom}",
        "neighbours": "between neighbours",
    }[c.spectral]


def drawn(panel: pl.DataFrame) -> str:
    """Say what a panel's replicates are new draws of."""
    if draws_speakers(panel["phone"].to_list(), panel["speaker"].to_list()):
        return "other speakers and samples"
    return "other samples of the same speakers"


def error_bars(settings: Settings, panel: pl.DataFrame) -> str:
    """Say where intervals, levels of chance and tests come from."""
    e = settings.evaluation
    seeds = "one seed" if e.seeds == 1 else f"{e.seeds} seeds, of which means are given"
    how = (
        f"speakers were drawn with replacement, and of each phone as many of their samples as the panel has "
        f"({FEWEST_SPEAKERS} speakers of each phone at least)"
        if draws_speakers(panel["phone"].to_list(), panel["speaker"].to_list())
        else "of each phone as many samples as the panel has were drawn with replacement"
    )
    return (
        f"Clusterings were run from {seeds}. Intervals ({_percent(e.confidence)}) are percentiles of "
        f"{e.replicates} bootstrap replicates of the panel a seed, moved to a mean at the seed's value: {how}, the "
        f"same for all layers, and the clusters kept. The level of chance is the mean over {e.shuffles} shuffles of "
        f"the phones. Differences between layers were tested on the same replicates (paired, two-sided), corrected for "
        f"the number of pairs by the step-down maxima of Westfall and Young (1993)."
    )


def _classes(settings: Settings) -> str:
    s = settings.selection
    if s.k:
        how = f"k = {s.k} classes were asked for"
    else:
        medians, spectral = CRITERIA[s.kmedians_criterion], CRITERIA[s.spectral_criterion]
        how = (
            f"the number of classes was chosen from 2 to the number of phones by {spectral} (spectral clustering) and "
        )
        how += f"{medians} (k-medians)"
    compared = most_compared(s.sample, settings.clustering.memory)
    splits = f", and stability over {s.stability_splits} halvings of the panel" if s.stability_splits else ""
    return (
        f"For the phonemic classes {how}, on the activations {_after(s.reduction)}. Measured were the ratio of "
        f"distances within clusters to those between (k-medians, {s.ratio_of}) or of the norms of the blocks between "
        f"clusters to those within (spectral clustering, {_BLOCKS[s.blocks]}), its first minimum, the silhouette, the "
        f"Davies-Bouldin index, the eigengap (spectral clustering){splits}; samples were compared with each other in "
        f"panels of up to {compared:,}, in larger ones so many drawn at random. Each class was named by the "
        "conjunction of phonological features whose phones fit it best (F of the phones' shares), tested by permuting "
        f"the features among the phones ({s.permutations:,} permutations, corrected by Holm's method for the number of "
        "classes)."
    )


def _units(settings: Settings) -> str:
    u = settings.units
    return (
        f"The phoneme selectivity index of a unit is the number of phones from which it singles a phone out by a "
        f"one-sided rank-sum test (p < {u.alpha:g}, at most {u.samples:,} samples of each phone); a unit is selective "
        f"from {_percent(u.threshold)} of the phones on; units were joined by Ward's linkage of their indices into "
        f"{u.clusters} groups."
    )


def _structure(settings: Settings) -> str:
    s = settings.structure
    near = "the smallest angle from the centre of the phones" if s.similarity == "cosine" else "the smallest distance"
    sizes = (
        f"; F by panel size is that of {s.draws} parts of the panel of each size, from {s.smallest:,} samples of each "
        f"phone to {s.largest:,} in all"
        if s.draws
        else ""
    )
    return (
        f"Analogies of phones were solved with their mean activations ({near}) and tested by {s.permutations:,} "
        f"permutations of the phones; intervals there are of {s.bootstraps:,} draws of the bootstrap. Linear maps were "
        f"discriminant analyses with a shrunken covariance, of at most {s.samples:,} samples, in {s.folds} folds. The "
        f"variance was parted between phones and at most {s.speakers:,} speakers{sizes}."
    )


def _after(reduction: str) -> str:
    return "as they are" if reduction == "none" else f"after {REDUCTIONS[reduction]}"
