# ruff: noqa: INP001 - a script's part, not a package
"""Log-mel energies with deltas and delta-deltas: phonoscope's, and what a user would write or install instead."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from phonoscope.settings import SignalSettings
from phonoscope.signal.features import features

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Samples = NDArray[np.float32]

RATE, FILTERS = 16_000, 40
WINDOW, HOP, FFT = 320, 160, 512
LOOP, ARRAYS = "kaldi_native_fbank's example, deltas by SciPy", "whole arrays in NumPy, deltas by SciPy"


def sides() -> dict[str, Callable[[Samples], NDArray[np.floating]]]:
    """Return each way that runs here: samples in [-1, 1] in, energies (frames, filters, and deltas) out."""
    settings = SignalSettings()
    found: dict[str, Callable[[Samples], NDArray[np.floating]]] = {
        "phonoscope": lambda samples: features(samples, settings).transpose(0, 2, 1).reshape(-1, 3 * FILTERS),
        LOOP: _plain_loop,
        ARRAYS: _Numpy(),
    }
    for name, make in (("python_speech_features", _speech_features), ("librosa", _librosa)):
        if find_spec(name):
            found[name] = make(import_module(name))
    return found


def _with_deltas(static: NDArray[np.floating]) -> NDArray[np.floating]:
    from scipy.ndimage import correlate1d  # noqa: PLC0415

    weights = np.arange(-2, 3) / 10
    first = correlate1d(static, weights, axis=0, mode="nearest")
    return np.concatenate([static, first, correlate1d(first, weights, axis=0, mode="nearest")], axis=1)


def _plain_loop(samples: Samples) -> NDArray[np.floating]:
    """Compute them as kaldi_native_fbank's own example does."""
    import kaldi_native_fbank as knf  # noqa: PLC0415

    options = knf.FbankOptions()
    options.frame_opts.samp_freq = RATE
    options.frame_opts.frame_length_ms = 1000 * WINDOW / RATE
    options.frame_opts.frame_shift_ms = 1000 * HOP / RATE
    options.frame_opts.snip_edges = False
    options.frame_opts.dither = 0
    options.mel_opts.num_bins = FILTERS
    fbank = knf.OnlineFbank(options)
    fbank.accept_waveform(RATE, (samples * 32_768).tolist())
    fbank.input_finished()
    frames = np.array([fbank.get_frame(i) for i in range(fbank.num_frames_ready)])
    return _with_deltas(np.maximum(frames, np.float32(0)))


class _Numpy:
    """Kaldi's definition in whole arrays."""

    def __init__(self) -> None:
        t = np.arange(WINDOW)
        self.window = ((0.5 - 0.5 * np.cos(2 * np.pi * t / (WINDOW - 1))) ** 0.85).astype(np.float32)

        def mel(hz: NDArray[np.floating] | float) -> Any:  # noqa: ANN401
            return 1127 * np.log1p(np.asarray(hz) / 700)

        edges = np.linspace(mel(20), mel(RATE / 2), FILTERS + 2)
        bins = mel(np.arange(FFT // 2 + 1) * RATE / FFT)[:, None]
        up = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
        down = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
        self.filters = np.maximum(np.minimum(up, down), 0).astype(np.float32)

    def __call__(self, samples: Samples) -> NDArray[np.floating]:
        """Return energies and deltas."""
        n = (len(samples) + HOP // 2) // HOP
        mirrored = np.pad(samples * np.float32(32_768), (HOP // 2, WINDOW), mode="symmetric")
        frames = np.lib.stride_tricks.sliding_window_view(mirrored, WINDOW)[::HOP][:n]
        frames = frames - frames.mean(axis=1, keepdims=True)
        frames[:, 1:] -= np.float32(0.97) * frames[:, :-1]
        frames[:, 0] *= np.float32(0.03)
        spectrum = np.fft.rfft(frames * self.window, FFT)
        power = spectrum.real**2 + spectrum.imag**2
        return _with_deltas(np.log(np.maximum(power @ self.filters, np.float32(1))))


def _speech_features(package: Any) -> Callable[[Samples], NDArray[np.floating]]:  # noqa: ANN401
    def work(samples: Samples) -> NDArray[np.floating]:
        static = package.logfbank(samples, RATE, WINDOW / RATE, HOP / RATE, FILTERS, FFT)
        first = package.delta(static, 2)
        return np.concatenate([static, first, package.delta(first, 2)], axis=1)

    return work


def _librosa(package: Any) -> Callable[[Samples], NDArray[np.floating]]:  # noqa: ANN401
    def work(samples: Samples) -> NDArray[np.floating]:
        energies = package.feature.melspectrogram(
            y=samples, sr=RATE, n_fft=FFT, hop_length=HOP, win_length=WINDOW, n_mels=FILTERS
        )
        static = np.log(energies + 1e-10)
        slopes = [package.feature.delta(static, width=5, order=order, mode="nearest") for order in (1, 2)]
        return np.concatenate([static, *slopes]).T

    return work
