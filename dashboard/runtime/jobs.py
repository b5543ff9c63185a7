"""Begins the work of jobs over an engine: in the prefetch worker, and where Dask computes slabs."""

from __future__ import annotations

from contextlib import suppress
from functools import partial as bind
from pathlib import Path

from dashboard.addressing.box import parse_box
from dashboard.analysis.interpretation import Interpretation
from dashboard.bricks.loader import YIELD_POLL_S
from dashboard.catalog.volume import Volume
from dashboard.catalog.volume_file import VolumeFile
from dashboard.errors import BadRequest, Changed
from dashboard.export.export import ExportAddress, axes_of
from dashboard.frames.complex_part import ComplexPart
from dashboard.frames.quantize import Norm
from dashboard.frames.unpacking import packing_of
from dashboard.jobs.counting import Counting
from dashboard.jobs.exporting import Exporting, file_name, files_of_jobs
from dashboard.jobs.job import Exported, Job, Warm
from dashboard.jobs.queue import JobQueue
from dashboard.jobs.warming import Warming
from dashboard.jobs.work import Work
from dashboard.runtime.engine import Engine
from dashboard.storage.disk_space import DiskSpace
from dashboard.storage.private_directory import make_private
from dashboard.storage.rows import RowsUnavailable


def begin(engine: Engine, job: Job) -> Work:
    """The work of a job; raises `Changed` for another state of its file, and the errors of reading it."""
    volume = engine.metadata.volume(job.file, job.dataset)
    if tuple(volume.address.fingerprint.as_list()) != job.fingerprint:
        raise Changed("The file has changed since this was asked for.")
    what = job.what
    if isinstance(what, Warm):
        make_window = bind(_make_window, engine)
        return Warming(volume, what, engine.loader, engine.plans, make_window)
    if isinstance(what, Exported):
        address = export_address(engine, volume, what)
        path = export_file(engine, job.id)
        make_private(path.parent)
        space = DiskSpace(path.parent, int(engine.settings.free_floor_bytes))
        return Exporting(engine.exporter, address, path, space)
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


def export_address(engine: Engine, volume: Volume, what: Exported) -> ExportAddress:
    """What is exported; raises `BadRequest` and `TooLarge`."""
    packing = packing_of(volume, engine.metadata, engine.nodes) if what.decode else None
    box = parse_box(what.selection, volume.shape, what.axis)
    axes = axes_of(volume, engine.nodes)
    address = ExportAddress(volume, box, what.format, axes, packing)
    engine.exporter.check(address)
    return address


def export_file(engine: Engine, job: str) -> Path:
    """The file of a job that exports, when it is done; raises `BadRequest` where there is no folder for it."""
    return _export_folder(engine) / file_name(job)


def _export_folder(engine: Engine) -> Path:
    folder = engine.settings.export_dir
    if folder is None and engine.shared.node:
        raise BadRequest(
            "On several machines, jobs that export need a folder that all of them see (LAMELLA_EXPORT_DIR)."
        )
    return folder or engine.caches.home / "exports"


def remove_exports(engine: Engine, queue: JobQueue) -> None:
    """Remove the files of jobs that are gone."""
    with suppress(BadRequest, RowsUnavailable):
        # Before the jobs: the file of one that is asked for meanwhile is not among them.
        found = list(files_of_jobs(_export_folder(engine)))
        known = queue.ids()
        for job, path in found:
            if job not in known:
                path.unlink(missing_ok=True)


def _let_through(engine: Engine) -> None:
    """Return when no demand is pending on this machine."""
    while not engine.loader.no_demand_pending():
        engine.loader.sleep(YIELD_POLL_S)


def _make_window(engine: Engine, volume: Volume) -> None:
    """Have the default contrast window cached, which is part of the time to the first slice."""
    with VolumeFile(engine.metadata, volume) as file:
        engine.windows.window(file, ComplexPart.ABS, Norm.LINEAR)
