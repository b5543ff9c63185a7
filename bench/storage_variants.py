"""Volumes with other storage layouts."""

from __future__ import annotations

from bench.context import Context, describe
from bench.model import Section
from bench.slices import as_shown, compared
from bench.volumes import KINDS, made


def others(context: Context) -> list[Section]:
    """One section for each variant."""
    found = []
    for kind in KINDS:
        volume = describe(made(context.folder, kind, context.quick), context.folder)
        shape = "×".join(map(str, volume.shown.shape))
        across = (0,) if kind.frames else (0, len(volume.shown.shape) - 1)
        section = Section(
            kind.name,
            f"{kind.what[:1].upper()}{kind.what[1:]}",
            f"{shape}. Cold slices across axis {' and '.join(map(str, across))}, and up to 64 slices in a row"
            " across the first, as above.",
        )
        compared(context, volume, section, across, kind.targets)
        if kind.frames:
            as_shown(context, volume, section)
        found.append(section)
    return found
