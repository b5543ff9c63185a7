"""Streams inflated in pairs equal zlib's result, or are reported as corrupt."""

from __future__ import annotations

import platform
import shutil
import zlib
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.codecs import compiled
from dashboard.codecs.filters import GZIP
from dashboard.errors import CannotShow
from tests import files
from tests.examples import examples
from tests.fuzzed_streams import by_zlib
from tests.parts import Parts
from tests.unit.codecs.streams import decoded, decoder_of

WITHOUT = pytest.mark.skipif(not compiled.inflates(), reason="not compiled on this machine")
RNG = np.random.default_rng(1)
# What a block is made of decides the way it is inflated: literals, short copies, long and near ones.
KINDS: dict[str, bytes] = {
    "noise": RNG.integers(0, 256, 90_000, np.uint8).tobytes(),
    "narrow": RNG.integers(0, 4096, 60_000, np.uint16).tobytes(),
    "steps": (np.arange(60_000) // 37).astype("<u2").tobytes(),
    "wave": (20_000 + 9_000 * np.sin(np.arange(60_000) / 200)).astype("<u2").tobytes(),
    "sparse": (RNG.random(90_000) < 0.01).astype(np.uint8).tobytes(),
    "zeros": bytes(90_000),
    "far": RNG.integers(0, 256, 32_768, np.uint8).tobytes() * 3,
    "runs": np.repeat(RNG.integers(0, 9, 9_000, np.uint8), RNG.integers(1, 20, 9_000)).tobytes(),
}


def deflated(data: bytes, level: int, strategy: int, memory: int, bits: int) -> bytes:
    made = zlib.compressobj(level, zlib.DEFLATED, bits, memory, strategy)
    return made.compress(data) + made.flush()


def inflate(streams: list[bytes], sizes: list[int]) -> list[bytes | None]:
    return decoded(decoder_of(GZIP), streams, sizes)


@st.composite
def datas(draw: st.DrawFn) -> bytes:
    """Up to 90 kB of one kind or of two."""
    parts = draw(st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=2))
    length = draw(st.sampled_from([0, 1, 15, 16, 17, 319, 320, 321, 3_000, 40_000, 90_000]))
    start = draw(st.integers(0, 50_000))
    return b"".join(KINDS[part][start:] + KINDS[part][:start] for part in parts)[:length]


deflates = st.builds(
    deflated,
    datas(),
    level=st.sampled_from([0, 1, 4, 9]),
    strategy=st.sampled_from(
        [zlib.Z_DEFAULT_STRATEGY, zlib.Z_HUFFMAN_ONLY, zlib.Z_RLE, zlib.Z_FIXED]
    ),
    memory=st.sampled_from([1, 8, 9]),
    bits=st.sampled_from([9, 15]),
)


def test_it_is_there_wherever_it_can_be() -> None:
    flags = Path("/proc/cpuinfo").read_text()
    able = platform.machine() == "x86_64" and all(
        f in flags.split() for f in ("avx2", "bmi1", "bmi2")
    )
    headers = Path(__import__("sysconfig").get_paths()["include"], "Python.h").exists()
    if shutil.which("cc") and headers:
        assert compiled.inflates() == able


@WITHOUT
@given(streams=st.lists(deflates, min_size=1, max_size=6))
@settings(deadline=None)
def test_sound_streams_come_out_whole(streams: list[bytes]) -> None:
    whole = [zlib.decompress(stream) for stream in streams]
    assert inflate(streams, [len(data) for data in whole]) == whole


@WITHOUT
@given(streams=st.lists(deflates, min_size=2, max_size=3), short=st.integers(-300, 300))
@settings(deadline=None)
def test_one_of_another_length_is_unsound_and_leaves_the_others_alone(
    streams: list[bytes], short: int
) -> None:
    whole: list[bytes | None] = [zlib.decompress(stream) for stream in streams]
    sizes = [len(data or b"") for data in whole]
    other = max(sizes[0] + (short or 1), 0)
    found = inflate(streams, [other, *sizes[1:]])
    assert found[0] == (whole[0] if other == sizes[0] else None)
    assert found[1:] == whole[1:]


@WITHOUT
@given(
    stream=deflates,
    beside=deflates,
    changes=st.lists(st.tuples(st.floats(0, 1), st.integers(1, 255)), min_size=1, max_size=4),
    kept=st.sampled_from([1.0, 1.0, 1.0, 0.999, 0.5, 0.0]),
)
@settings(deadline=None, max_examples=examples(150))
def test_of_damaged_streams_it_says_what_zlib_says(
    stream: bytes, beside: bytes, changes: list[tuple[float, int]], kept: float
) -> None:
    size = len(zlib.decompress(stream))
    broken = bytearray(stream)
    for share, flip in changes:
        broken[int(share * (len(broken) - 1))] ^= flip
    cut = bytes(broken[: int(len(broken) * kept)])
    whole = zlib.decompress(beside)
    assert inflate([cut, beside], [size, len(whole)]) == [by_zlib(cut, size), whole]


@WITHOUT
def test_bytes_behind_a_stream_are_left_alone() -> None:
    data = KINDS["wave"]
    assert inflate([zlib.compress(data) + b"more", b""], [len(data), 0]) == [data, None]


@WITHOUT
def test_what_cannot_be_written_to_is_refused() -> None:
    stream = np.frombuffer(zlib.compress(b"abc"), np.uint8)
    place = np.zeros(3, np.uint8)
    decoder = decoder_of(GZIP)
    scratch = np.empty(decoder.scratch_bytes(0, 3), np.uint8)
    with pytest.raises(ValueError, match="as many buffers as outputs"):
        decoder.decode([stream, stream], None, [place], scratch)
    with pytest.raises(ValueError, match="scratch memory is too small"):
        decoder.decode(0, (np.zeros(1, np.int64), np.ones(1, np.int64)), [place], scratch[:9])
    place.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        decoder.decode([stream], None, [place], scratch)


HOW = {
    "gzip": {"compression": "gzip"},
    "shuffled": {"compression": "gzip", "shuffle": True},
    "checked": {"compression": "gzip", "shuffle": True, "fletcher32": True},
    "stored": {},
    "shuffled alone": {"shuffle": True, "fletcher32": True},
    "lzf": {"compression": "lzf", "shuffle": True},
}


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("text", ["5,:,:", ":,6,:", ":,:,7"])
def test_slices_are_the_same_either_way(
    here: Parts, data: Path, way: str, how: str, text: str
) -> None:
    values = files.made_up("<u2", (9, 30, 40))
    files.write(data / "a.h5", x=(values, {"chunks": (4, 7, 9), **HOW[how]}))
    at = tuple(slice(None) if part == ":" else int(part) for part in text.split(","))
    assert here.frame("data/a.h5", "/x", text).frame.body == values[at].tobytes()


@pytest.mark.parametrize("how", ["gzip", "shuffled"])
def test_a_damaged_chunk_spoils_its_own_slices_alone(
    here: Parts, data: Path, way: str, how: str
) -> None:
    values = files.made_up("<u2", (4, 30, 40))
    path = files.write(data / "a.h5", x=(values, {"chunks": (4, 10, 10), **HOW[how]}))
    with h5py.File(path) as file:
        chunk: Any = file["x"].id.get_chunk_info_by_coord((0, 10, 20))
    with path.open("r+b") as stream:
        stream.seek(chunk.byte_offset + chunk.size // 2)
        stream.write(b"\xff" * 8)
    with pytest.raises(
        CannotShow, match=r"The chunk at \[0, 10, 20\] of '/x' in 'data/a.h5' is damaged"
    ):
        here.frame("data/a.h5", "/x", "1,:,:")
    answer = here.frame("data/a.h5", "/x", "1,0:10,:")
    assert answer.frame.body == values[1, :10].tobytes()
