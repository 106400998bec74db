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
_PIECE = 1 << 16  # samples: the copies of a long recording's stay small


class Filterbank:
    """Log-mel filterbank energies of one utterance, whose audio may come in pieces of any size.

    As Kaldi computes them (Povey window, pre-emphasis 0.97, 20 Hz to Nyquist). The pieces do not show in the result.

    Parameters
    ----------
    settings
        Gives rate, window, hop and number of filters.

    Raises
    ------
    SettingError
        So many filters do not fit into the spectrum of so short a window.
    """

    def __init__(self, settings: SignalSettings) -> None:
        import kaldi_native_fbank as knf  # noqa: PLC0415 - only workers that compute features pay for it

        options = knf.FbankOptions()
        options.frame_opts.samp_freq = settings.sample_rate
        options.frame_opts.frame_length_ms = settings.window_ms
        options.frame_opts.frame_shift_ms = settings.hop_ms
        options.frame_opts.snip_edges = False
        options.frame_opts.dither = 0.0  # random: the same audio has to give the same features
        options.mel_opts.num_bins = settings.n_mels
        try:
            self._computer = knf.OnlineFbank(options)
        except ValueError as error:
            shape = f"signal.n_mels = {settings.n_mels}, signal.window_ms = {settings.window_ms}"
            msg = f"{shape}: these filters can not be made at {settings.sample_rate} Hz: {error}"
            raise SettingError(msg) from None
        self._settings = settings
        self._taken = 0
        self._parts: list[NDArray[np.float32]] = []

    def accept(self, samples: NDArray[np.float32]) -> None:
        """Take the next samples, mono in [-1, 1] at the settings' rate, shape (n,)."""
        for start in range(0, len(samples), _PIECE):
            scaled = np.asarray(samples[start : start + _PIECE], np.float32) * np.float32(_SCALE)
            # it wants a sequence of numbers; a memoryview's items are made three times as fast as an array's
            self._computer.accept_waveform(self._settings.sample_rate, scaled.data)
            self._take()

    def finish(self) -> NDArray[np.float32]:
        """Say that there is no more audio, and return all energies, shape (frames, n_mels); see `filterbank`."""
        self._computer.input_finished()
        self._take()
        frames = np.concatenate(self._parts) if self._parts else np.empty(0, np.float32)
        self._parts = []
        return np.maximum(frames.reshape(-1, self._settings.n_mels), np.float32(_FLOOR))

    def _take(self) -> None:
        """Copy the frames that are ready, and let go of them there."""
        ready = self._computer.num_frames_ready
        if ready > self._taken:
            self._parts.append(np.concatenate([self._computer.get_frame(i) for i in range(self._taken, ready)]))
            self._computer.pop(ready - self._taken)
            self._taken = ready


def filterbank(samples: NDArray[np.float32], settings: SignalSettings) -> NDArray[np.float32]:
    """Compute log-mel filterbank energies as `Filterbank` does.

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
    bank = Filterbank(settings)
    bank.accept(samples)
    return bank.finish()


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
    return with_deltas(filterbank(samples, settings))


def with_deltas(static: NDArray[np.float32]) -> NDArray[np.float32]:
    """Put deltas and delta-deltas beside static coefficients: (frames, n_mels) to (frames, n_mels, 3)."""
    first = deltas(static)
    return np.stack([static, first, deltas(first)], axis=-1)
