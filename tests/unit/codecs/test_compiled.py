"""LZF decoded at once and part by part, and unshuffled chunks, equal what liblzf and NumPy make of them."""

from __future__ import annotations

import importlib.util
import shutil
import sys
import sysconfig
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.codecs import compiled
from dashboard.codecs.filters import LZF
from dashboard.codecs.verdict import Verdict
from tests.examples import examples
from tests.fuzzed_streams import by_liblzf, lzf_stream
from tests.unit.codecs.streams import decode_on, decoder_of
from tests.unit.codecs.streams import decoded as streams_decoded
from tests.unit.codecs.test_paired_inflate import KINDS

WITHOUT = pytest.mark.skipif(not compiled.available(), reason="not compiled on this machine")


def decoded(streams: list[bytes], sizes: list[int]) -> list[bytes | None]:
    return streams_decoded(decoder_of(LZF), streams, sizes)


@st.composite
def datas(draw: st.DrawFn) -> bytes:
    """Up to 40 kB of one kind or of two, and patterns of every short period."""
    start, period = draw(st.integers(0, 50_000)), draw(st.integers(1, 40))
    kinds = KINDS | {"periodic": bytes(range(period)) * 4_000}
    parts = draw(st.lists(st.sampled_from(sorted(kinds)), min_size=1, max_size=2))
    length = draw(st.sampled_from([1, 2, 15, 31, 32, 33, 264, 279, 280, 281, 3_000, 40_000]))
    return b"".join(kinds[part][start % 8_000 :] for part in parts)[:length]


def test_it_is_there_wherever_it_can_be() -> None:
    if shutil.which("cc") and Path(sysconfig.get_paths()["include"], "Python.h").exists():
        assert compiled.available()


@WITHOUT
@settings(max_examples=examples(60))
@given(st.lists(datas(), max_size=5))
def test_streams_decode_as_by_liblzf(originals: list[bytes]) -> None:
    streams = [lzf_stream(original) for original in originals]
    assert decoded(streams, [len(original) for original in originals]) == originals


@WITHOUT
@settings(max_examples=examples(60))
@given(datas(), st.lists(st.integers(0, 45_000), max_size=4), st.integers(1, 5_000))
def test_parts_put_together_are_the_whole(original: bytes, depths: list[int], most: int) -> None:
    data = np.frombuffer(lzf_stream(original), np.uint8)
    decoder = decoder_of(LZF)
    stream, out = decoder.stream(len(data)), np.full(len(original), 0xAA, np.uint8)
    for until in (*sorted(depths), len(original)):
        verdict = Verdict.NEED_INPUT
        while verdict is Verdict.NEED_INPUT:
            # A token has at most 33 bytes.
            part = data[stream.fed : stream.fed + 33 + most]
            (verdict,) = decode_on(decoder, [stream], [part], [out], until)
        assert verdict is Verdict.OK
        depth = min(until, len(original))
        assert out[:depth].tobytes() == original[:depth]
        # No more than one token beyond what is needed.
        assert (out[depth + 264 :] == 0xAA).all()
    assert stream.fed == len(data)


@WITHOUT
@settings(max_examples=examples(200))
@given(datas(), st.data())
def test_damage_is_judged_as_by_liblzf(original: bytes, data: st.DataObject) -> None:
    damaged = bytearray(lzf_stream(original))
    # The stream of no bytes is empty: nothing of it can be changed.
    for _ in range(data.draw(st.integers(1, 3)) if damaged else 0):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    del damaged[data.draw(st.sampled_from([0, 1, 5, len(damaged)])) or len(damaged) :]
    size = len(original) + data.draw(st.sampled_from([0, 0, 1, -1]))
    stream = bytes(damaged)
    assert decoded([stream], [size]) == [by_liblzf(stream, size)]


@WITHOUT
@pytest.mark.parametrize(
    "stream", [b"", b"\x20\x00", b"\x00", b"\xe0\x00", b"\x00a\x20\x05", b"\x1f" * 5]
)
def test_streams_that_lead_outside_are_corrupt(stream: bytes) -> None:
    assert decoded([stream], [40]) == [None]


@WITHOUT
@pytest.mark.parametrize("width", [1, 2, 3, 4, 7, 8, 16])
@pytest.mark.parametrize("count", [0, 1, 15, 16, 17, 100, 1_000])
def test_elements_are_put_together_again(width: int, count: int) -> None:
    left = b"left"[: width - 1]
    elements = np.random.default_rng(1).integers(0, 256, (count, width), np.uint8)
    shuffled = np.frombuffer(elements.T.tobytes() + left, np.uint8)
    out = np.full(len(shuffled), 0xAA, np.uint8)
    compiled.unshuffle(shuffled, out, width)
    assert out.tobytes() == elements.tobytes() + left


@WITHOUT
def test_arrays_that_do_not_fit_are_not_unshuffled() -> None:
    nine = np.zeros(9, np.uint8)
    for out, width in ((nine[:8], 2), (nine.copy(), 0)):
        with pytest.raises(ValueError, match="output"):
            compiled.unshuffle(nine, out, width)


def test_a_module_without_all_functions_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """As an updated checkout has it, before it is installed again."""
    monkeypatch.setitem(sys.modules, f"{compiled.__name__}._native", ModuleType("_native"))
    monkeypatch.setattr(compiled, "_native", ModuleType("_native"), raising=False)
    spec = importlib.util.spec_from_file_location("again", compiled.__file__)
    assert spec is not None
    assert spec.loader is not None
    again = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(again)
    assert not again.available()
