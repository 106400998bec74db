"""Every setting of every stage, with its default; frozen dataclasses, read from and written to TOML.

A setting is named ``stage.name``, on the command line ``--stage.name VALUE``, in a TOML file ``name`` under
``[stage]``. What a setting may be is checked when the object is made, so that a `Settings` is always usable.
"""

from __future__ import annotations

import tomllib
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from phonoscope.checked import Checked, setting
from phonoscope.errors import SettingError, UnknownSettingError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_MOST_LAYERS, _MOST_UNITS = 30, 65_536


@dataclass(frozen=True)
class CorpusSettings(Checked):
    """How a corpus of aligned speech is read."""

    format: Literal["auto", "textgrid", "timit", "ctm", "lab", "sppas", "emu", "lhotse", "table"] = setting(
        "auto", "how the alignments are kept; auto: found by looking"
    )
    audio: str = setting("", "folder of the audio, where it is not beside the alignments")
    outside: bool = setting(
        default=False, text="alignments may name audio that lies neither in the corpus's folder nor in corpus.audio"
    )
    phones: str = setting(
        "auto",
        "the phones that are told apart: french, timit39, timit48, timit61, arpabet, ipa, or own (the labels as they "
        "stand); auto: by the format and the labels",
    )
    folding: str = setting("", "CSV file of columns label and phone: what the labels stand for")
    tier: str = setting("", "name of the tier that holds the phones", means={"": "found by its usual names"})
    speaker: str = setting(
        "",
        "pattern (regular expression with one group) that finds the speaker in a file's path",
        means={"": "its folder"},
    )
    split: Literal["auto", "utterance", "speaker", "folder", "corpus", "lists"] = setting(
        "auto",
        "what is held out for validation: utterances, speakers, what lies in a top folder named validation or dev, "
        "what the corpus itself names so, or lists (auto: lists if given, else the corpus's own parts or folders if "
        "there are, else utterances)",
    )
    train_list: str = setting("", "file of the utterances to train on, an id a line")
    validation_list: str = setting("", "file of the utterances held out for validation, an id a line")
    validation: float = setting(0.1, "share of the speech that is held out for validation", low=0.01, high=0.9)


@dataclass(frozen=True)
class SynthSettings(Checked):
    """The built-in corpus of synthetic French."""

    train_minutes: float = setting(36.0, "minutes of training speech", low=0.5, high=10_000)
    validation_minutes: float = setting(22.0, "minutes of validation speech", low=0.5, high=10_000)
    train_voices: int = setting(60, "voices of the training part", low=1, high=10_000)
    validation_voices: int = setting(20, "voices of the validation part, none of them in training", low=1, high=10_000)
    snr_low: float = setting(5.0, "lowest signal-to-noise ratio, dB", low=-20, high=100)
    snr_high: float = setting(30.0, "highest signal-to-noise ratio, dB", low=-20, high=100)
    reverberated: float = setting(0.3, "share of the utterances that are reverberated", low=0, high=1)
    seed: int = setting(0, "seed of the corpus: it is built once for a seed and kept", low=0, high=2**31 - 1)

    def __post_init__(self) -> None:
        """Raise `SettingError` for what no setting may be, and for a lowest ratio above the highest."""
        super().__post_init__()
        if self.snr_low > self.snr_high:
            msg = f"synth.snr_low = {self.snr_low}: it has to be at most synth.snr_high, {self.snr_high}"
            raise SettingError(msg)


@dataclass(frozen=True)
class SignalSettings(Checked):
    """From audio to frames of features."""

    sample_rate: int = setting(16_000, "audio is resampled to this rate, Hz", low=4_000, high=96_000)
    window_ms: float = setting(20.0, "length of the analysis window, ms", low=5, high=100)
    hop_ms: float = setting(10.0, "distance of two frames, ms", low=1, high=50)
    n_mels: int = setting(40, "mel filters", low=22, high=256)
    context: int = setting(5, "frames on each side of the one to be recognised (5: windows of 11)", low=2, high=50)
    normalise: Literal["none", "utterance", "speaker", "corpus"] = setting(
        "speaker", "over what the mean of each coefficient is taken that is subtracted"
    )

    def __post_init__(self) -> None:
        """Raise `SettingError` for what no setting may be, and for frames that would drift against the phone times."""
        super().__post_init__()
        samples = self.sample_rate * self.hop_ms / 1000
        if not samples.is_integer():
            msg = (
                f"signal.hop_ms = {self.hop_ms}: at {self.sample_rate} Hz that is {samples:g} samples, and it has to "
                f"be a whole number of them; change it or signal.sample_rate"
            )
            raise SettingError(msg)


@dataclass(frozen=True)
class RecogniserSettings(Checked):
    """The phone recogniser and its training."""

    kind: Literal["cnn", "dnn", "untrained"] = setting(
        "cnn",
        "the network; cnn: the paper's; dnn: fully connected layers, as in Nagamine et al. 2015; untrained: the "
        "paper's with its start weights, never trained, the control",
    )
    hidden: str = setting("1024,1024,1024,1024,1024", "units of each hidden layer of the dnn, from the input on")
    activation: Literal["relu", "sigmoid"] = setting("relu", "hidden units of the dnn")
    outputs: Literal["softmax", "sigmoid"] = setting(
        "softmax", "output units; sigmoid is the paper's, normalised to sum to one before the cross-entropy"
    )
    dropout: float = setting(0.5, "dropout on the dense layers", low=0, high=0.95)
    learning_rate: float = setting(0.01, "step of the gradient descent", low=1e-6, high=10)
    momentum: float = setting(0.9, "Nesterov momentum", low=0, high=0.9999)
    batch_size: int = setting(256, "windows a step", low=1, high=65_536)
    max_epochs: int = setting(100, "epochs at the most, should the stopping rule not stop before", low=1, high=10_000)
    min_decrease: float = setting(1e-3, "by how much the validation loss has to fall to count as falling", low=0)
    patience: int = setting(3, "stop when the loss did not fall in this many epochs in a row", low=1, high=1_000)
    precision: Literal["auto", "float32", "bfloat16"] = setting(
        "auto", "arithmetic of the training; auto: bfloat16 where the processor has instructions for it"
    )
    lm_scale: float = setting(1.0, "weight of the phone bigram in decoding", low=0, high=100)

    def __post_init__(self) -> None:
        """Raise `SettingError` for what no setting may be, and for hidden layers that are no list of numbers."""
        super().__post_init__()
        parts = [part.strip() for part in self.hidden.split(",")]
        fits = [part.isascii() and part.isdecimal() and 1 <= int(part) <= _MOST_UNITS for part in parts]
        if not all(fits) or len(parts) > _MOST_LAYERS:
            msg = (
                f"recogniser.hidden = {self.hidden!r}: it has to be 1 to {_MOST_LAYERS} whole numbers from 1 to "
                f"{_MOST_UNITS} with commas between them, such as 1024,1024"
            )
            raise SettingError(msg)

    @property
    def hidden_sizes(self) -> tuple[int, ...]:
        """Units of each hidden layer of the dnn."""
        return tuple(int(part) for part in self.hidden.split(","))


@dataclass(frozen=True)
class ProbingSettings(Checked):
    """The panel of samples that is pushed through the network."""

    n_per_phone: int = setting(100, "samples of each phone", low=2, high=1_000_000)
    frame: Literal["third", "middle", "mean"] = setting(
        "third", "which frame of a segment is the sample; mean: the activations' mean over the segment"
    )
    correct_only: bool = setting(default=True, text="only samples that the model classifies correctly")
    minimum: int = setting(20, "a phone with fewer samples is left out", low=2, high=1_000_000)


@dataclass(frozen=True)
class ProbeSettings(Checked):
    """Models that phonoscope did not train: `phonoscope probe`."""

    layers: str = setting(
        "",
        "layers to probe, names or patterns with * separated by commas, or all",
        means={"": "those of the model's adapter, or all innermost ones"},
    )
    pool: Literal["none", "mean"] = setting(
        "none", "mean: of a frame with several axes only the first (the maps) is kept, the others are averaged"
    )
    frame_rate: float = setting(
        0.0, "frames a second of stored activations, or of a network without an adapter", low=0, high=1_000_000
    )
    offset: float = setting(
        -1.0,
        "seconds at which their frame 0 is centred",
        low=-1,
        high=100,
        means={-1: "half a frame, 0.5 / frame_rate"},
    )
    sample_rate: int = setting(0, "audio that a network without an adapter wants, Hz", low=0, high=1_000_000)


@dataclass(frozen=True)
class ReductionSettings(Checked):
    """PCA and t-SNE."""

    pca_variance: float = setting(0.9, "share of the variance that PCA keeps", low=0.01, high=1.0)
    tsne_dimensions: int = setting(2, "dimensions of the t-SNE embedding", low=2, high=3)
    perplexity: float = setting(30.0, "perplexity of t-SNE", low=1.0, high=10_000)
    tsne_iterations: int = setting(500, "steps of the t-SNE descent", low=250, high=100_000)


@dataclass(frozen=True)
class ClusteringSettings(Checked):
    """k-medians and spectral clustering."""

    k: int = setting(0, "number of clusters", low=0, high=1_000_000, means={0: "as many as phones in the panel"})
    kmedians_init: Literal["pilot", "random"] = setting(
        "pilot", "start of k-medians; pilot: the centres of a run on a tenth of the samples"
    )
    kmedians_restarts: int = setting(1, "k-medians runs, of which the best is kept", low=1, high=10_000)
    max_iterations: int = setting(100, "k-medians iterations at the most", low=1, high=100_000)
    sigma: Literal["mouysset", "median", "local"] = setting(
        "mouysset",
        "width of the affinity; mouysset: the paper's, (largest distance / N^(1/p)) / 2; median: the median distance; "
        "local: to each sample's 7th neighbour",
    )
    kernel: Literal["2sigma2", "sigma2"] = setting(
        "2sigma2", "what the squared distance is divided by in the affinity: 2 σ² or σ²"
    )
    spectral: Literal["auto", "exact", "nystrom", "neighbours"] = setting(
        "auto",
        "affinities that spectral clustering uses; exact: all; nystrom: those to some landmarks; neighbours: those to "
        "the nearest samples; auto: exact within clustering.memory, else nystrom",
    )
    memory: float = setting(
        4.0,
        "memory that what compares all samples may take, GB: exact affinities and exact t-SNE, also of several layers "
        "at a time, and the products, folds and linear maps that measures are taken from",
        low=0.01,
        high=100_000,
    )
    landmarks: int = setting(1_000, "landmarks, drawn at random from the panel", low=50, high=50_000)


@dataclass(frozen=True)
class SelectionSettings(Checked):
    """Choosing the number of phonemic classes."""

    kmedians_criterion: Literal["ratio", "first_minimum", "silhouette", "davies_bouldin", "stability"] = setting(
        "silhouette", "what chooses the number of k-medians clusters; ratio: the paper's"
    )
    spectral_criterion: Literal["ratio", "first_minimum", "silhouette", "davies_bouldin", "stability", "eigengap"] = (
        setting("stability", "what chooses the number of spectral clusters; ratio: the paper's")
    )
    k: int = setting(0, "number of classes", low=0, high=1_000_000, means={0: "what the criterion chooses"})
    reduction: Literal["none", "pca", "tsne"] = setting("pca", "in which reduction of a layer the classes are sought")
    ratio_of: Literal["sums", "means"] = setting(
        "sums", "what k-medians' ratio compares within and between clusters: sums or means of distances"
    )
    blocks: Literal["affinity", "normalised"] = setting(
        "affinity", "which matrix's blocks the spectral ratio compares: A, or D^-1/2 A D^-1/2"
    )
    stability_splits: int = setting(
        2, "random halvings of the panel for the stability criterion", low=0, high=1_000, means={0: "leave it out"}
    )
    sample: int = setting(
        5_000,
        "in larger panels, samples drawn at random that are compared with each other: for silhouette, stability, "
        "spectral ratio and Davies-Bouldin index",
        low=100,
        high=20_000,
    )
    permutations: int = setting(
        9_999, "permutations of the features that a class's name is tested by", low=99, high=10_000_000
    )

    def __post_init__(self) -> None:
        """Raise `SettingError` for what no setting may be, and for a criterion that is not measured."""
        super().__post_init__()
        for name in ("kmedians_criterion", "spectral_criterion"):
            if getattr(self, name) == "stability" and not self.stability_splits and not self.k:
                msg = (
                    f"selection.{name} = 'stability': with selection.stability_splits = 0 it is not measured; "
                    f"set that to 1 or more, or choose another criterion"
                )
                raise SettingError(msg)


@dataclass(frozen=True)
class EvaluationSettings(Checked):
    """Error bars: seeds, bootstrap and chance."""

    seeds: int = setting(3, "clusterings of each cell, from as many seeds: the run's own and the next", low=1, high=100)
    replicates: int = setting(200, "bootstrap replicates of the panel a seed", low=20, high=100_000)
    confidence: float = setting(0.95, "share of the replicates that an interval spans", low=0.5, high=0.999)
    shuffles: int = setting(20, "shuffles of the phones that the level of chance is a mean of", low=1, high=10_000)


@dataclass(frozen=True)
class UnitSettings(Checked):
    """What single units are selective for."""

    alpha: float = setting(0.01, "level of the rank-sum test of two phones", low=1e-9, high=0.2)
    threshold: float = setting(
        0.8, "share of the other phones that a unit has to single a phone out from to be selective", low=0.01, high=1
    )
    samples: int = setting(200, "samples of each phone that are compared, at the most", low=2, high=1_000_000)
    clusters: int = setting(8, "groups of units by selectivity, in each layer", low=2, high=100)


@dataclass(frozen=True)
class StructureSettings(Checked):
    """What is linear in a layer, what is speaker, and what more samples would change."""

    similarity: Literal["cosine", "euclidean"] = setting(
        "cosine", "what is nearest to b - a + c: by the angle from the centre of the phones, or by the distance"
    )
    permutations: int = setting(
        999, "permutations of the phones that the analogies are tested by", low=99, high=1_000_000
    )
    bootstraps: int = setting(200, "draws of the bootstrap that gives intervals", low=20, high=100_000)
    folds: int = setting(5, "parts of the cross-validation of linear maps", low=2, high=100)
    samples: int = setting(
        5_000, "samples that linear maps are learned from, at the most; as many of each phone", low=100, high=50_000
    )
    speakers: int = setting(
        200, "speakers, those with the most samples, that the variance is parted between", low=2, high=2_000
    )
    smallest: int = setting(10, "samples of each phone in the smallest part of the panel that is clustered", low=2)
    largest: int = setting(
        10_000, "samples in the largest part of the panel that is clustered", low=10, high=10_000_000
    )
    draws: int = setting(3, "parts of each size that are clustered", low=0, high=1_000, means={0: "none"})


@dataclass(frozen=True)
class Settings(Checked):
    """All settings of a run, one group a stage."""

    seed: int = setting(0, "seed of every random draw but the built-in corpus's", low=0, high=2**31 - 1)
    corpus: CorpusSettings = field(default_factory=CorpusSettings)
    synth: SynthSettings = field(default_factory=SynthSettings)
    signal: SignalSettings = field(default_factory=SignalSettings)
    recogniser: RecogniserSettings = field(default_factory=RecogniserSettings)
    probing: ProbingSettings = field(default_factory=ProbingSettings)
    probe: ProbeSettings = field(default_factory=ProbeSettings)
    reduction: ReductionSettings = field(default_factory=ReductionSettings)
    clustering: ClusteringSettings = field(default_factory=ClusteringSettings)
    selection: SelectionSettings = field(default_factory=SelectionSettings)
    evaluation: EvaluationSettings = field(default_factory=EvaluationSettings)
    units: UnitSettings = field(default_factory=UnitSettings)
    structure: StructureSettings = field(default_factory=StructureSettings)

    def changed(self, changes: Mapping[str, Any], where: str = "") -> Settings:
        """Return these settings with some changed, given as ``{"stage.name": value}`` or nested as in TOML.

        Raises
        ------
        UnknownSettingError
            A name is not a setting's; the message gives the nearest one that is.
        SettingError
            A value is not what the setting may be.
        """
        known = {name for name, _ in self.flat()}
        groups: dict[str, dict[str, Any]] = {}
        top: dict[str, Any] = {}
        for name, value in _flattened(changes):
            if name not in known:
                raise UnknownSettingError(name, known, where)
            stage, _, key = name.rpartition(".")
            (groups.setdefault(stage, {}) if stage else top)[key] = value
        try:
            stages = {stage: replace(getattr(self, stage), **values) for stage, values in groups.items()}
            return replace(self, **top, **stages)
        except SettingError as error:
            raise (SettingError(f"{where}: {error}") if where else error) from None

    @property
    def only_correct(self) -> bool:
        """Whether the panel holds only what the recogniser gets right; what an untrained one gives is no judgement."""
        return self.probing.correct_only and self.recogniser.kind != "untrained"

    def flat(self) -> list[tuple[str, Any]]:
        """List every setting as ``("stage.name", value)``."""
        return list(_flattened(asdict(self)))


PRESETS: dict[str, dict[str, Any]] = {
    # a few minutes on two cores: the stopping rule would double the time for a hundredth of accuracy
    "demo": {"recogniser.max_epochs": 7},
    # about as many windows as the paper's, 1M and 100K, and as many voices as BREF has speakers
    "paper": {
        "synth.train_minutes": 200.0,
        "synth.validation_minutes": 20.0,
        "synth.train_voices": 108,
        "synth.validation_voices": 12,
    },
}


def _flattened(nested: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Turn ``{"stage": {"name": value}}`` into ``("stage.name", value)`` pairs; flat names stay as they are."""
    pairs: list[tuple[str, Any]] = []
    for name, value in nested.items():
        if isinstance(value, dict):
            pairs += [(f"{name}.{key}", inner) for key, inner in value.items()]
        else:
            pairs.append((name, value))
    return pairs


def read_settings(path: Path, base: Settings) -> Settings:
    """Change `base` by what a TOML file says.

    Raises
    ------
    SettingError
        The file can not be read, is not TOML, or holds what no setting may be.
    """
    try:
        with path.open("rb") as file:
            content = tomllib.load(file)
    except OSError as error:
        msg = f"{path}: {error.strerror}; name a TOML file of settings"
        raise SettingError(msg) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        msg = f"{path}: this is not TOML: {error}"
        raise SettingError(msg) from None
    content.pop("run", None)  # a finished run's config.toml serves as it stands: [run] holds versions, not settings
    return base.changed(content, where=str(path))
