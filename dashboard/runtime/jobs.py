"""Begins the work of jobs over an engine: in the prefetch worker, and where Dask computes slabs."""

from __future__ import annotations

from functools import partial as bind

from dashboard.analysis.interpretation import Interpretation
from dashboard.bricks.loader import YIELD_POLL_S
from dashboard.catalog.volume import Volume
from dashboard.catalog.volume_file import VolumeFile
from dashboard.errors import Changed
from dashboard.frames.complex_part import ComplexPart
from dashboard.frames.quantize import Norm
from dashboard.frames.unpacking import packing_of
from dashboard.jobs.counting import Counting
from dashboard.jobs.job import Job, Warm
from dashboard.jobs.warming import Warming
from dashboard.jobs.work import Work
from dashboard.runtime.engine import Engine


def begin(engine: Engine, job: Job) -> Work:
    """The work of a job; raises `Changed` for another state of its file, and the errors of reading it."""
    volume = engine.metadata.volume(job.file, job.dataset)
    if tuple(volume.address.fingerprint.as_list()) != job.fingerprint:
        raise Changed("The file has changed since this was asked for.")
    what = job.what
    if isinstance(what, Warm):
        make_window = bind(_make_window, engine)
        return Warming(volume, what, engine.loader, engine.plans, make_window)
    packing = packing_of(volume, engine.metadata, engine.nodes) if what.decode else None
    return Counting(
        Interpretation(volume, what.part, packing),
        what.bins,
        engine.metadata,
        engine.volume_histograms,
        engine.analyzer,
        engine.readers,
        engine.contiguous,
        bind(_let_through, engine),
    )


def _let_through(engine: Engine) -> None:
    """Return when no demand is pending on this machine."""
    while not engine.loader.no_demand_pending():
        engine.loader.sleep(YIELD_POLL_S)


def _make_window(engine: Engine, volume: Volume) -> None:
    """Have the default contrast window cached, which is part of the time to the first slice."""
    with VolumeFile(engine.metadata, volume) as file:
        engine.windows.window(file, ComplexPart.ABS, Norm.LINEAR)
