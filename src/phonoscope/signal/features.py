"""Log-mel filterbank frames with deltas and delta-deltas."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from phonoscope.errors import SettingError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from phonoscope.settings import SignalSettings

# Samples are scaled to 16-bit integers as Kaldi expects them; there the rounding noise of 16-bit audio alone gives log
# energies of 3 to 5, so a floor of 0 touches digital silence only, whose energy would otherwise be log(1e-7).
_SCALE = 32_768.0
_FLOOR = 0.0


def filterbank(samples: NDArray[np.float32], settings: SignalSettings) -> NDArray[np.float32]:
    """Compute log-mel filterbank energies as Kaldi does (Povey window, pre-emphasis 0.97, 20 Hz to Nyquist).

    Parameters
    ----------
    samples
        Mono audio in [-1, 1] at ``settings.sample_rate``, shape (n,).
    settings
        Gives rate, window, hop and number of filters.

    Raises
    ------
    SettingError
        So many filters do not fit into the spectrum of so short a window.

    Returns
    -------
    Natural logarithms of energies, shape (frames, n_mels). Frame i is centred at ``(i + 0.5) * hop``; the signal is
    mirrored at its ends, so there is one frame a hop, rounded to the nearest.
    """
    import kaldi_native_fbank as knf  # noqa: PLC0415 - only workers that compute features pay for it

    options = knf.FbankOptions()
    options.frame_opts.samp_freq = settings.sample_rate
    options.frame_opts.frame_length_ms = settings.window_ms
    options.frame_opts.frame_shift_ms = settings.hop_ms
    options.frame_opts.snip_edges = False
    options.frame_opts.dither = 0.0  # random: the same audio has to give the same features
    options.mel_opts.num_bins = settings.n_mels
    try:
        computer = knf.OnlineFbank(options)
    except ValueError as error:
        shape = f"signal.n_mels = {settings.n_mels}, signal.window_ms = {settings.window_ms}"
        msg = f"{shape}: these filters can not be made at {settings.sample_rate} Hz: {error}"
        raise SettingError(msg) from None
    computer.accept_waveform(settings.sample_rate, np.asarray(samples, np.float32) * np.float32(_SCALE))
    computer.input_finished()
    frames = np.empty((computer.num_frames_ready, settings.n_mels), np.float32)
    for i in range(len(frames)):
        frames[i] = computer.get_frame(i)
    return np.maximum(frames, np.float32(_FLOOR))


def deltas(frames: NDArray[np.float32], reach: int = 2) -> NDArray[np.float32]:
    """Slope of each coefficient over time, by regression over ``2 * reach + 1`` frames (Young et al., HTK Book).

    ``d[t] = sum_n n * (c[t+n] - c[t-n]) / (2 * sum_n n²)``, n = 1 … reach; beyond the ends the end frames repeat.

    Parameters
    ----------
    frames
        Shape (frames, coefficients).
    reach
        Frames on each side.

    Returns
    -------
    Slopes per frame, same shape.
    """
    if len(frames) == 0:
        return frames.copy()
    n = len(frames)
    padded = np.pad(frames, ((reach, reach), (0, 0)), mode="edge")
    slopes = np.zeros_like(frames)
    for step in range(1, reach + 1):
        slopes += step * (padded[reach + step : reach + step + n] - padded[reach - step : reach - step + n])
    return slopes / np.float32(2 * sum(step * step for step in range(1, reach + 1)))


def features(samples: NDArray[np.float32], settings: SignalSettings) -> NDArray[np.float32]:
    """Compute the static, delta and delta-delta coefficients of one utterance.

    Returns
    -------
    Shape (frames, n_mels, 3): the three belong together like the colours of a pixel, which is the order in memory
    that convolutions are fastest on.
    """
    static = filterbank(samples, settings)
    first = deltas(static)
    return np.stack([static, first, deltas(first)], axis=-1)
