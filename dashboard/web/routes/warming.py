"""Routes by which volumes are decoded into the cache in advance, by the prefetch worker."""

from __future__ import annotations

from functools import partial as bind
from typing import TYPE_CHECKING

import flask

from dashboard import errors
from dashboard.bricks.coverage import Coverage, parse_axes
from dashboard.catalog.volume import ReadPath
from dashboard.people.person import Scope
from dashboard.prefetch.warm_queue import State, WarmJob, new_id
from dashboard.telemetry.groups import axis_name, volume_name
from dashboard.web import answers, bodies, person
from dashboard.web.node_token import is_from_node
from dashboard.web.operation import Returns, operation, returns
from dashboard.web.quotas import charge_ahead
from dashboard.web.visibility import Visibility

if TYPE_CHECKING:
    from dashboard.runtime.container import Services

# Listing more bricks than this takes unexpectedly long.
MAX_BRICKS = 100_000
AS_IT_IS = "The dataset is stored as it is: slices are read from the file, and there is nothing to decode ahead."


def register(api: flask.Blueprint, services: Services) -> None:
    """Add the routes to `api`."""
    visible = Visibility(services)

    @api.get("/api/v1/warm")
    @operation(returns(answers.WarmJobs))
    def warm_jobs() -> flask.Response:
        """What is queued to be decoded into the cache, and how far that is."""
        may_warm = person.may_change_cache(services.settings)
        jobs = [
            _progress(job, may_cancel=may_warm and _may_cancel(job))
            for job in services.warm_queue.jobs()
            if visible.sees(job.file)
        ]
        return flask.jsonify(jobs=jobs, may_warm=may_warm)

    @api.post("/api/v1/warm")
    @operation(
        returns(answers.WarmProgress, "It is queued, or was before.", status=202),
        body=bodies.WarmRequest,
        errors=(errors.NotFound, errors.Changed, errors.CannotShow),
    )
    def warm() -> tuple[flask.Response, int]:
        """Queues the bricks of a volume, for slices across an axis, to be decoded into the cache."""
        # One of the machines has a volume warmed where the bricks belong (`lamella warm --cluster`).
        from_node = is_from_node(flask.request, services.settings)
        if not from_node:
            _check(services)
        asked = bodies.body(bodies.WarmRequest)
        if not from_node:
            visible.check(asked.file)
        job, covered = _job(services, asked)
        if not job.state.is_final:
            limit = services.caches.brick_evictor.limit
            missing = bind(_missing_bytes, services, covered)
            charge = bind(charge_ahead, services.quotas, missing)
            job = services.warm_queue.add(job, limit, charge)
        return flask.jsonify(_progress(job, may_cancel=_may_cancel(job))), 202

    @api.post("/api/v1/warm/cancel")
    @operation(
        Returns(text="It is cancelled; what was decoded stays in the cache.", status=204),
        body=bodies.CancelRequest,
        errors=(errors.NotFound,),
    )
    def cancel() -> tuple[str, int]:
        """Cancels what the person queued, or removes it from the list when it is done; admins do so for all."""
        _check(services)
        asked = bodies.body(bodies.CancelRequest).id
        may = any(job.id == asked and _may_cancel(job) for job in services.warm_queue.jobs())
        if not may or not services.warm_queue.cancel(asked):
            raise errors.NotFound("Nothing with this id is queued.")
        return "", 204


def _check(services: Services) -> None:
    if not person.may_change_cache(services.settings):
        raise errors.Forbidden(
            "You may not warm volumes: that takes a token or an account with the scope 'warm'."
        )


def _may_cancel(job: WarmJob) -> bool:
    who = person.current()
    return who.name == job.person or who.may(Scope.ADMIN)


def _missing_bytes(services: Services, covered: Coverage) -> int:
    """Decoded bytes of the bricks that are not in the cache."""
    itemsize = covered.volume.dtype.itemsize
    sizes = {brick.key: brick.nbytes(itemsize) for brick in covered}
    cached = services.bricks.existing(list(sizes))
    return sum(nbytes for key, nbytes in sizes.items() if key not in cached)


def _job(services: Services, asked: bodies.WarmRequest) -> tuple[WarmJob, Coverage]:
    volume = services.metadata.volume(asked.file, asked.dataset)
    try:
        axes, at = parse_axes(asked.axis), tuple(asked.at)
        covered = Coverage(volume, axes, asked.start, asked.stop, at)
    except ValueError as error:
        raise errors.BadRequest(str(error)) from None
    count = len(covered)
    if count > MAX_BRICKS:
        raise errors.TooLarge(f"That is more than {MAX_BRICKS:,} bricks; name a range.")
    as_it_is = volume.read_path is ReadPath.CONTIGUOUS
    job = WarmJob(
        id=new_id(),
        file=volume.address.file,
        dataset=volume.address.dataset,
        fingerprint=volume.address.fingerprint.as_list(),
        fixed=list(covered.fixed),
        start=covered.start,
        stop=covered.end,
        at=list(covered.at),
        bricks=0 if as_it_is else count,
        nbytes=0 if as_it_is else covered.nbytes,
        asked_at=services.warm_queue.now(),
        person=person.current().name,
        state=State.DONE if as_it_is else State.QUEUED,
        message=AS_IT_IS if as_it_is else "",
    )
    return job, covered


def _progress(job: WarmJob, *, may_cancel: bool) -> answers.WarmProgress:
    return {
        "id": job.id,
        "file": job.file,
        "dataset": job.dataset,
        "volume": volume_name(job.file, job.dataset),
        "axis": ",".join(map(str, job.fixed)) or axis_name(()),
        "start": job.start,
        "stop": job.stop,
        "state": job.state,
        "bricks": job.bricks,
        "done": job.done,
        "decoded": job.decoded,
        "failed": job.failed,
        "bytes": job.nbytes,
        "message": job.message,
        "asked_at": job.asked_at,
        "may_cancel": may_cancel,
    }
