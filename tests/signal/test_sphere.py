from __future__ import annotations

import random
import subprocess
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from corpus.mutating import mutated
from phonoscope.errors import AudioError
from phonoscope.signal.audio import AudioInfo, audio_info, load_audio

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

RATE = 16_000
RAMP = np.linspace(-30_000, 30_000, 3_000).astype(np.int16)


def sphere(data: bytes, *lines: str, length: int = 1024, head: str = "NIST_1A\n{length:7d}\n") -> bytes:
    """A SPHERE file; `lines` stand between the header's first two lines and its end."""
    text = head.format(length=length) + "".join(f"{line}\n" for line in (*lines, "end_head"))
    return text.encode().ljust(length) + data


def lines_of(count: int, *, rate: int = RATE, channels: int = 1, n_bytes: int = 2, order: str = "01") -> list[str]:
    """The header of a file of TIMIT (documentation of TIMIT, "File types"), with other numbers."""
    return [
        "database_id -s5 TIMIT",
        "database_version -s3 1.0",
        "utterance_id -s8 cjf0_sa1",
        f"channel_count -i {channels}",
        f"sample_count -i {count}",
        f"sample_rate -i {rate}",
        "sample_min -i -1999",
        "sample_max -i 2000",
        f"sample_n_bytes -i {n_bytes}",
        f"sample_byte_format -s{len(order)} {order}",
        "sample_sig_bits -i 16",
    ]


def put(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("name", ["SA1.WAV", "sa1.sph", "with no suffix"])
@pytest.mark.parametrize(("order", "kind"), [("01", "<i2"), ("10", ">i2")])
def test_both_orders_of_bytes_whatever_the_suffix(tmp_path: Path, name: str, order: str, kind: str) -> None:
    path = put(tmp_path / name, sphere(RAMP.astype(kind).tobytes(), *lines_of(3_000, order=order)))
    assert audio_info(path) == AudioInfo(RATE, 1, 3_000)
    np.testing.assert_array_equal(load_audio(path, RATE), RAMP.astype(np.float32) / 32_768)


def test_longer_headers_texts_of_several_lines_and_comments(tmp_path: Path) -> None:
    odd = [";a comment", "", "prompt -s12 one\nend_head\n", "ratio -r 0.5", "sample_coding -s3 pcm"]
    path = put(tmp_path / "x.sph", sphere(RAMP.tobytes(), *odd, *lines_of(3_000), length=2_048))
    np.testing.assert_array_equal(load_audio(path, RATE), RAMP.astype(np.float32) / 32_768)


def test_what_follows_the_last_sample_is_no_speech(tmp_path: Path) -> None:
    path = put(tmp_path / "x.sph", sphere(RAMP.tobytes() + b"trailer!" * 9, *lines_of(3_000)))
    assert audio_info(path).frames == 3_000
    assert len(load_audio(path, RATE)) == 3_000


def test_without_a_count_all_that_follows_is_samples(tmp_path: Path) -> None:
    lines = [line for line in lines_of(0) if not line.startswith(("sample_count", "channel_count"))]
    path = put(tmp_path / "x.sph", sphere(RAMP.tobytes() + b"x", *lines))
    assert audio_info(path) == AudioInfo(RATE, 1, 3_000)


def test_channels_alternate_and_count_one_by_one(tmp_path: Path) -> None:
    both = np.stack([RAMP, RAMP // 2], axis=1)
    path = put(tmp_path / "x.sph", sphere(both.tobytes(), *lines_of(3_000, channels=2)))
    assert audio_info(path) == AudioInfo(RATE, 2, 3_000)
    np.testing.assert_allclose(load_audio(path, RATE), both.mean(axis=1) / 32_768, atol=1e-6)


@pytest.mark.parametrize(("n_bytes", "orders"), [(3, ("012", "210")), (4, ("0123", "3210"))])
def test_wide_samples(tmp_path: Path, n_bytes: int, orders: tuple[str, str]) -> None:
    wide = (RAMP.astype(np.int32) << 16).astype("<i4").view(np.uint8).reshape(-1, 4)[:, 4 - n_bytes :]
    for order, data in zip(orders, (wide, wide[:, ::-1]), strict=True):
        path = put(tmp_path / "x.sph", sphere(data.tobytes(), *lines_of(3_000, n_bytes=n_bytes, order=order)))
        np.testing.assert_array_equal(load_audio(path, RATE), RAMP.astype(np.float32) / 32_768)


@pytest.mark.parametrize("coding", ["ulaw", "mu-law", "alaw"])
def test_the_codings_of_telephones(tmp_path: Path, coding: str) -> None:
    codes = np.arange(256, dtype=np.uint8)
    lines = [*lines_of(256, n_bytes=1, order="1", rate=8_000), f"sample_coding -s{len(coding)} {coding}"]
    loaded = load_audio(put(tmp_path / "x.sph", sphere(codes.tobytes(), *lines)), 8_000)
    np.testing.assert_allclose(loaded * 32_768, [expanded(int(code), coding) for code in codes], atol=1e-3)


def expanded(code: int, coding: str) -> int:
    """One sample after ITU-T G.711, in 16 bits."""
    if coding == "alaw":
        code ^= 0x55
        exponent, mantissa = code >> 4 & 7, code & 15
        size = (mantissa << 4) + 8 if exponent == 0 else (mantissa << 4) + 0x108 << exponent - 1
        return size if code & 0x80 else -size
    code ^= 0xFF
    size = ((code & 15) << 3) + 0x84 << (code >> 4 & 7)
    return 0x84 - size if code & 0x80 else size - 0x84


def refused(path: Path, problem: str) -> None:
    for call in (audio_info, lambda path: load_audio(path, RATE)):
        with pytest.raises(AudioError, match=problem) as caught:
            call(path)
        assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"sample_rate -i 16000": ""}, "the SPHERE header has no 'sample_rate'"),
        ({"sample_rate -i 16000": "sample_rate -i 0"}, "'sample_rate' in the SPHERE header can not be '0'"),
        ({"sample_rate -i 16000": "sample_rate -i fast"}, "'sample_rate' in line 8 of the SPHERE header is no whole"),
        ({"sample_rate -i 16000": "sample_rate 16000"}, "line 8 of the SPHERE header is not of the form 'name -type"),
        ({"channel_count -i 1": "channel_count -i 9999999"}, "'channel_count' in the SPHERE header can not be"),
        ({"sample_count -i 3000": "sample_count -i -1"}, "'sample_count' in the SPHERE header can not be '-1'"),
        ({"sample_count -i 3000": "sample_count -i 3001"}, "cut short: 6,000 bytes of samples of 6,002"),
        ({"sample_count -i 3000": "sample_count -i 0"}, "the file holds no samples"),
        ({"sample_n_bytes -i 2": "sample_n_bytes -i 5"}, "'sample_n_bytes' in the SPHERE header can not be '5'"),
        ({"sample_n_bytes -i 2": ""}, "the SPHERE header has no 'sample_n_bytes'"),
        ({"sample_byte_format -s2 01": "sample_byte_format -s2 11"}, "'sample_byte_format' .* can not be '11'"),
        ({"sample_max -i 2000": "sample_rate -i 8000"}, "'sample_rate' stands twice"),
        ({"end_head": "end"}, "line 14 of the SPHERE header is not|no line 'end_head'"),
        ({"NIST_1A\n   1024": "NIST_1A\n   10x4"}, "the second line of the SPHERE header is not its length"),
        ({"NIST_1A\n   1024": "NIST_1A\n9999999"}, "the second line of the SPHERE header is not its length"),
        ({"NIST_1A\n   1024": "NIST_1A\n  99999"}, "cut short within its SPHERE header: 7024 bytes of 99,999"),
        ({"NIST_1A\n   1024\n": "NIST_1A\r\n   1024\r\n"}, "line ends of the SPHERE header were changed"),
        (
            {"sample_sig_bits -i 16": "sample_coding -s26 pcm,embedded-shorten-v2.00"},
            r"compressed \(shorten-v2.00\), which is not read; sph2pipe makes a WAV",
        ),
        ({"sample_sig_bits -i 16": "sample_coding -s5 g.722"}, "samples of 2 bytes in the coding 'g.722' are not read"),
        (
            {"channel_count -i 1": "channel_count -i 2\nchannels_interleaved -s5 FALSE"},
            "the channels follow one another",
        ),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, changed: dict[str, str], problem: str) -> None:
    content = sphere(b"", *lines_of(3_000))
    for old, new in changed.items():
        assert old.encode() in content
        content = content.replace(old.encode(), new.encode())
    refused(put(tmp_path / "x.sph", content.ljust(1024)[:1024] + RAMP.tobytes()), problem)


def noise(channels: int) -> NDArray[np.int16]:
    return np.random.default_rng(0).integers(-20_000, 20_000, (2_000, channels)).astype(np.int16)


@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize(
    "form",
    [
        ("-b16", "-L"),
        ("-b16", "-B"),
        ("-b8",),
        ("-b24", "-L"),
        ("-b24", "-B"),
        ("-b32", "-L"),
        ("-b32", "-B"),
        ("-emu-law",),
    ],
    ids=" ".join,
)
def test_what_sox_writes_is_what_sox_reads(tmp_path: Path, form: tuple[str, ...], channels: int, sox: str) -> None:
    soundfile.write(tmp_path / "in.wav", noise(channels), RATE)
    for arguments in ([tmp_path / "in.wav", *form, tmp_path / "x.sph"], ["x.sph", "-b32", "-efloat", "out.wav"]):
        subprocess.run([sox, "-D", *arguments], check=True, cwd=tmp_path)  # noqa: S603 (found by its name)
    assert audio_info(tmp_path / "x.sph") == AudioInfo(RATE, channels, 2_000)
    wanted, _ = soundfile.read(tmp_path / "out.wav", dtype="float32", always_2d=True)
    np.testing.assert_allclose(load_audio(tmp_path / "x.sph", RATE), wanted.mean(axis=1), atol=1e-6)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=300)
@given(st.integers(0, 2**32))
def test_mutated_files_are_read_or_refused(tmp_path: Path, seed: int) -> None:
    whole = sphere(b"", *lines_of(200)).rstrip(b" ")
    content = mutated(whole, random.Random(seed)).ljust(1024) + RAMP[:200].tobytes()  # noqa: S311
    path = put(tmp_path / "x.wav", content)
    for call in (audio_info, lambda path: load_audio(path, RATE)):
        try:
            call(path)
        except AudioError as error:
            assert str(error).startswith(f"{path}: ")  # noqa: PT017 (no error is right too)
