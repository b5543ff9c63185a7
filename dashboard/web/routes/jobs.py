"""Routes of jobs: what the prefetch worker does with whole volumes when there is nothing else to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial as bind
from io import BufferedReader
from typing import TYPE_CHECKING

import flask

from dashboard import errors
from dashboard.analysis.volume_histograms import check_countable
from dashboard.analysis.volume_slabs import Slabs
from dashboard.blocking import about_to_block
from dashboard.bricks.coverage import Coverage, parse_axes
from dashboard.catalog.volume import ReadPath, Volume, decoded_bytes
from dashboard.export.export_format import ExportFormat
from dashboard.jobs.job import Exported, Job, State, Statistics, Warm, What, new_id
from dashboard.people.person import Scope
from dashboard.runtime.jobs import export_address, export_file
from dashboard.telemetry.groups import axis_name, volume_name
from dashboard.web import bodies, job_answers, person, query
from dashboard.web.node_token import is_from_node
from dashboard.web.operation import Header, Returns, operation, returns
from dashboard.web.quotas import charge_ahead
from dashboard.web.visibility import Visibility

if TYPE_CHECKING:
    from dashboard.runtime.container import Services

# Listing more bricks than this takes unexpectedly long.
MAX_BRICKS = 100_000
SENT_BYTES = 2**20
AS_IT_IS = "The dataset is stored as it is: slices are read from the file, and there is nothing to decode ahead."
FILE = Returns(
    dict.fromkeys(
        sorted({one.content_type for one in ExportFormat if one is not ExportFormat.CSV})
    ),
    "The file.",
    (Header("Content-Disposition", "A name for the file.", required=True),),
)


def register(api: flask.Blueprint, services: Services) -> None:
    """Add the routes to `api`."""
    visible = Visibility(services)

    @api.get("/api/v1/jobs")
    @operation(returns(job_answers.Jobs))
    def jobs() -> flask.Response:
        """The jobs of this server, and how far they are."""
        may_ask = person.may_change_cache(services.settings)
        listed = [_progress(job) for job in services.jobs.jobs() if visible.sees(job.file)]
        return flask.jsonify(jobs=listed, may_ask=may_ask)

    @api.post("/api/v1/jobs")
    @operation(
        returns(job_answers.JobProgress, "It is queued, or was before.", status=202),
        body=bodies.JobRequest,
        errors=(errors.NotFound, errors.Changed, errors.CannotShow),
    )
    def add_job() -> tuple[flask.Response, int]:
        """Queues a job: a volume is warmed, its values are counted, or a part of it is written to a file."""
        # One of the machines has a volume warmed where the bricks belong (`lamella warm --cluster`).
        from_node = is_from_node(flask.request, services.settings)
        if not from_node:
            _check(services)
        asked = bodies.body(bodies.JobRequest).root
        if not from_node:
            visible.check(asked.file)
        volume = services.metadata.volume(asked.file, asked.dataset)
        job, missing = _made(services, volume, asked)
        if not job.state.is_final:
            limit = services.caches.brick_evictor.limit
            job = services.jobs.add(job, limit, bind(charge_ahead, services.quotas, missing))
        return flask.jsonify(_progress(job)), 202

    @api.get("/api/v1/jobs/<id>")
    @operation(returns(job_answers.JobDetails), parameters=(query.ID,), errors=(errors.NotFound,))
    def job(id: str) -> flask.Response:  # noqa: A002  # the name in the path
        """How far a job is, and its result."""
        found = _seen(services, visible, id)
        response = flask.jsonify({**_progress(found), "result": found.result})
        response.headers["Cache-Control"] = "no-store"
        return response

    @api.get("/api/v1/jobs/<id>/file")
    @operation(FILE, parameters=(query.ID,), errors=(errors.NotFound,))
    def job_file(id: str) -> flask.Response:  # noqa: A002  # the name in the path
        """The file of a job that exports, when it is done."""
        return _file(services, _seen(services, visible, id))

    @api.delete("/api/v1/jobs/<id>")
    @operation(
        Returns(text="It is cancelled; what was decoded stays in the cache.", status=204),
        parameters=(query.ID,),
        errors=(errors.NotFound,),
    )
    def cancel_job(id: str) -> tuple[str, int]:  # noqa: A002  # the name in the path
        """Cancels a job of the person, or removes it from the list when it is done; admins do so for all."""
        _check(services)
        found = services.jobs.get(id)
        if found is None or not _may_cancel(found) or not services.jobs.cancel(id):
            raise _absent()
        return "", 204


def _seen(services: Services, visible: Visibility, id_: str) -> Job:
    """A job by its id; raises `NotFound`, also where the person may not see its file."""
    found = services.jobs.get(id_)
    if found is None or not visible.sees(found.file):
        raise _absent()
    return found


def _file(services: Services, job: Job) -> flask.Response:
    """The file of a job; raises `NotFound`."""
    if not isinstance(job.what, Exported) or job.result is None:
        raise errors.NotFound("The job has no file, or not yet.")
    try:
        opened = export_file(services, job.id).open("rb")
    except FileNotFoundError:
        raise errors.NotFound("The file of the job is gone.") from None
    response = flask.Response(_pieces(opened), content_type=job.what.format.content_type)
    response.call_on_close(opened.close)
    response.content_length = job.result["size"]
    name = job.result["name"]
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["Cache-Control"] = "no-store"
    return response


def _pieces(opened: BufferedReader) -> Iterator[bytes]:
    with opened:
        about_to_block()
        while piece := opened.read(SENT_BYTES):
            yield piece


def _made(
    services: Services,
    volume: Volume,
    asked: bodies.WarmRequest | bodies.StatisticsRequest | bodies.ExportRequest,
) -> tuple[Job, Callable[[], int]]:
    """The job that is asked for, and what counts the bytes that are decoded for it."""
    if isinstance(asked, bodies.WarmRequest):
        return _warm(services, volume, asked)
    if isinstance(asked, bodies.ExportRequest):
        return _export(services, volume, asked)
    return _statistics(services, volume, asked)


def _absent() -> errors.NotFound:
    return errors.NotFound("There is no job with this id.")


def _check(services: Services) -> None:
    if not person.may_change_cache(services.settings):
        raise errors.Forbidden(
            "You may not ask for jobs: that takes a token or an account with the scope 'warm'."
        )


def _may_cancel(job: Job) -> bool:
    who = person.current()
    return who.name == job.person or who.may(Scope.ADMIN)


def _warm(
    services: Services, volume: Volume, asked: bodies.WarmRequest
) -> tuple[Job, Callable[[], int]]:
    """The job, and what counts the decoded bytes of bricks that are not in the cache."""
    try:
        covered = Coverage(volume, parse_axes(asked.axis), asked.start, asked.stop, tuple(asked.at))
    except ValueError as error:
        raise errors.BadRequest(str(error)) from None
    count = len(covered)
    if count > MAX_BRICKS:
        raise errors.TooLarge(f"That is more than {MAX_BRICKS:,} bricks; name a range.")
    what = Warm(fixed=covered.fixed, start=covered.start, stop=covered.end, at=covered.at)
    if volume.read_path is ReadPath.CONTIGUOUS:
        job = _job(services, volume, what, 0, 0)
        as_it_is = {"state": State.DONE, "message": AS_IT_IS}
        return job.model_copy(update=as_it_is), lambda: 0
    job = _job(services, volume, what, count, covered.nbytes)
    return job, bind(_missing_bytes, services, covered)


def _missing_bytes(services: Services, covered: Coverage) -> int:
    itemsize = covered.volume.dtype.itemsize
    sizes = {brick.key: brick.nbytes(itemsize) for brick in covered}
    cached = services.bricks.existing(list(sizes))
    return sum(nbytes for key, nbytes in sizes.items() if key not in cached)


def _statistics(
    services: Services, volume: Volume, asked: bodies.StatisticsRequest
) -> tuple[Job, Callable[[], int]]:
    """The job, and what counts the bytes that it decodes; none of a dataset that is stored as it is."""
    check_countable(volume)
    what = Statistics(part=asked.part, decode=asked.decode, bins=asked.bins)
    nbytes = decoded_bytes(volume)
    decoded = 0 if volume.read_path is ReadPath.CONTIGUOUS else nbytes
    return _job(services, volume, what, len(Slabs(volume)), nbytes), lambda: decoded


def _export(
    services: Services, volume: Volume, asked: bodies.ExportRequest
) -> tuple[Job, Callable[[], int]]:
    """The job, and what counts the decoded bytes of bricks that are not in the cache."""
    what = Exported(
        selection=asked.selection,
        format=ExportFormat(asked.format),
        axis=asked.axis,
        decode=asked.decode,
    )
    # Whether there is a folder for it.
    export_file(services, "")
    address = export_address(services, volume, what)
    nbytes = address.box.cells * address.dtype.itemsize
    job = _job(services, volume, what, address.pieces, nbytes)
    return job, bind(services.exporter.missing_bytes, address)


def _job(services: Services, volume: Volume, what: What, of: int, nbytes: int) -> Job:
    return Job(
        id=new_id(),
        file=volume.address.file,
        dataset=volume.address.dataset,
        fingerprint=tuple(volume.address.fingerprint.as_list()),
        what=what,
        of=of,
        nbytes=nbytes,
        asked_at=services.jobs.now(),
        person=person.current().name,
    )


def _progress(job: Job) -> job_answers.JobProgress:
    what = job.what
    return {
        "id": job.id,
        "kind": what.kind,
        "file": job.file,
        "dataset": job.dataset,
        "volume": volume_name(job.file, job.dataset),
        "what": _asked(what),
        "state": job.state,
        "done": job.done,
        "of": job.of,
        "decoded": job.decoded,
        "failed": job.failed,
        "bytes": job.nbytes,
        "message": job.message,
        "asked_at": job.asked_at,
        "seconds": job.seconds,
        "may_cancel": _may_cancel(job),
    }


def _asked(
    what: What,
) -> job_answers.Warmed | job_answers.Counted | job_answers.ExportedPart:
    if isinstance(what, Warm):
        axis = ",".join(map(str, what.fixed)) or axis_name(())
        return {"axis": axis, "start": what.start, "stop": what.stop}
    if isinstance(what, Statistics):
        return {"part": what.part, "decode": what.decode, "bins": what.bins}
    return {
        "selection": what.selection,
        "format": what.format,
        "axis": what.axis,
        "decode": what.decode,
    }
