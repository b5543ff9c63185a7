"""Different frames have different keys, and equal frames the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from dashboard.addressing.selection import parse
from dashboard.frames.complex_part import ComplexPart
from dashboard.frames.encode import Format
from dashboard.frames.pooling import PoolMode
from dashboard.frames.quantize import Norm
from dashboard.frames.renderer import SliceAddress
from tests import files
from tests.parts import Parts


def test_the_keys_of_different_frames_differ(here: Parts, values: Any, data: Path) -> None:
    files.write(data / "c.h5", x=files.made_up("c8", (3, 4, 5)))
    volume = here.library.volume("data/a.h5", "gzip")
    other = here.library.volume("data/a.h5", "lzf")
    complex_ = here.library.volume("data/c.h5", "x")
    base = SliceAddress(volume, parse("1,:,:", volume.shape), Format.U8)
    different = [
        base,
        replace(base, volume=other),
        replace(base, selection=parse("2,:,:", volume.shape)),
        replace(base, selection=parse(":,1,:", volume.shape)),
        replace(base, selection=parse("1,1:,:", volume.shape)),
        replace(base, format=Format.PNG),
        replace(base, format=Format.RAW),
        replace(base, format=Format.NPY),
        replace(base, window="slice"),
        replace(base, window=(0.0, 1.0)),
        replace(base, window=(0.0, 2.0)),
        replace(base, norm=Norm.LOG),
        replace(base, norm=Norm.SYMLOG),
        replace(base, pool=PoolMode.MEAN),
        *(
            SliceAddress(complex_, parse("1,:,:", (3, 4, 5)), Format.U8, part=part)
            for part in ComplexPart
        ),
    ]
    assert len({address.key for address in different}) == len(different)
    same = [
        (base, replace(base, selection=parse("-8,0:20:1,:31", volume.shape))),
        (base, replace(base, part=ComplexPart.PHASE)),
        *(
            (
                replace(base, format=form),
                replace(base, format=form, window=(1.0, 2.0), norm=Norm.LOG),
            )
            for form in (Format.RAW, Format.NPY)
        ),
    ]
    for one, another in same:
        assert one.key == another.key


def test_a_new_state_of_the_file_is_a_new_key(here: Parts, values: Any, data: Path) -> None:
    old = here.library.volume("data/a.h5", "gzip")
    chosen = parse("1,:,:", old.shape)
    files.write(data / "a.h5", gzip=values)
    new = here.library.volume("data/a.h5", "gzip")
    assert SliceAddress(old, chosen).key != SliceAddress(new, chosen).key
