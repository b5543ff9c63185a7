"""The volume that a request names, its version in the response, and one repetition where its file changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TypeVar

import flask

from dashboard import errors
from dashboard.frames import unpacking
from dashboard.web import query
from dashboard.web.visibility import Visibility

if TYPE_CHECKING:
    from dashboard.catalog.volume import Volume
    from dashboard.runtime.container import Services

R = TypeVar("R")

# What may be wrong with a file or a dataset that a request names.
FILE_ERRORS = (errors.NotFound, errors.Changed, errors.CannotShow)


def again_if_changed(read: Callable[[], R]) -> R:
    """The result of `read`, repeated once if the file changed meanwhile: its new version is as good a response.

    This is the only place where that is done; what is called from here lets `Changed` pass.
    """
    try:
        return read()
    except errors.Changed:
        return read()


def volume_of(services: Services, visible: Visibility) -> Volume:
    """The requested volume; its version, or the file's, is sent with the response, also with an error.

    Its shape is sent too, since a growing volume keeps its version.
    """
    file = visible.file()
    with versioned(services, file):
        volume = services.metadata.volume(file, query.DATASET.value())
    flask.g.volume_version = volume.version
    flask.g.volume_shape = volume.shape
    return volume


def packing_of(services: Services, volume: Volume) -> unpacking.Packing | None:
    """How the values of a volume are unpacked, where that is asked for."""
    if not query.DECODE.value():
        return None
    return unpacking.packing_of(volume, services.metadata, services.nodes)


@contextmanager
def versioned(services: Services, file: str) -> Iterator[None]:
    """Send the file's version with an error that the block raises, unless the file is unknown."""
    try:
        yield
    except errors.LamellaError:
        with suppress(errors.LamellaError):
            flask.g.volume_version = services.metadata.version(file)
        raise
