"""`lamella warm --cluster`: has a dataset decoded on several machines, each brick where it belongs.

Each layer of bricks is a job for the load balancer, which sends it to the machine that its slab belongs to; there
it is one of the queue, after everything else. Some jobs are in the queue at a time, and what is cached is
passed over, so that the same command resumes. Nothing is decoded here.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from http import HTTPStatus
from itertools import product
from typing import Any, Final
from urllib.parse import quote

import click
import urllib3
from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from dashboard.bricks.coverage import Coverage, fixed_by_axis
from dashboard.catalog.volume import ReadPath, Volume
from dashboard.cli.served_name import resolve_served_name
from dashboard.cli.warm import bricks_across, chosen
from dashboard.cluster_settings import NODE_TOKEN_HEADER
from dashboard.errors import SetupError
from dashboard.jobs.job import Job, State
from dashboard.jobs.queue import MAX_JOBS, JobQueue
from dashboard.prefetch.exchange import slab_of_brick
from dashboard.runtime.served_roots import named_roots
from dashboard.settings import Settings
from dashboard.telemetry.groups import axis_name

# Jobs in the queue of each machine, on average: enough that none is without, and others have a place.
OF_MACHINE: Final = MAX_JOBS // 4
POLL_S: Final = 0.25
# A load balancer, or a store, that cannot be used for so long ends the command.
AWAY_S: Final = 30.0
# A job whose machine is gone for so long is given to another one.
GONE_S: Final = 6.0
# A job that vanishes so often was cancelled, and not lost with the store.
MOST_TRIES: Final = 3
LIMIT_S: Final = 10.0


@dataclass(slots=True)
class Layer:
    """Bricks with the same position along the dimensions that slices fix: they belong to one machine."""

    body: dict[str, Any]
    slab: str
    bricks: int
    tries: int = 0


def layers(volume: Volume, axis: int, start: int | None, stop: int | None) -> Iterator[Layer]:
    """The layers of the slices from `start` to `stop` across `axis`; of further dimensions, all positions."""
    covered = Coverage(volume, fixed_by_axis(len(volume.shape), axis), start or 0, stop)
    sides = volume.grid.brick_shape(*covered.plane)
    for first, *at in product(*covered.positions) if covered.fixed else [(0,)]:
        end = min(first + sides[covered.fixed[0]], covered.length) if covered.fixed else 1
        one = Coverage(volume, covered.fixed, first, end, tuple(at))
        body = {
            "kind": "warm",
            "file": volume.address.file,
            "dataset": volume.address.dataset,
            "axis": ",".join(map(str, covered.fixed)) or axis_name(()),
            "start": first,
            "stop": end,
            "at": at,
        }
        yield Layer(body, slab_of_brick(volume, next(iter(one))), len(one))


def run(
    file: str,
    settings: Settings,
    *,
    dataset: str | None,
    axis: int,
    start: int | None,
    stop: int | None,
    roots: Sequence[str] = (),
) -> None:
    """Have decoded what slices across `axis` from `start` to `stop` need; raises `LamellaError`."""
    from dashboard.runtime.container import build_services  # noqa: PLC0415
    from dashboard.runtime.membership import open_nodes  # noqa: PLC0415

    if settings.cluster is None or settings.balancer is None or settings.node_token is None:
        raise SetupError(
            "warm --cluster needs the settings of the machines: LAMELLA_CLUSTER, LAMELLA_BALANCER and"
            " LAMELLA_NODE_TOKEN."
        )
    paths, name = resolve_served_name(file, roots, named_roots(settings))
    fixed = {"data": paths, "roots": (), "config": None}
    with closing(build_services(settings.model_copy(update=fixed), role="cli")) as services:
        volume = services.metadata.volume(name, chosen(services.metadata, name, dataset))
        if volume.read_path is ReadPath.CONTIGUOUS:
            click.echo(
                f"{volume.address.dataset} of {name} is stored as it is: nothing is decoded."
            )
            return
        bricks = bricks_across(volume, axis, start, stop)
        nbytes = sum(one.nbytes(volume.dtype.itemsize) for one in bricks)
        limit = services.stats.gauges().get("bricks.limit")
        if limit is not None and nbytes > limit:
            raise SetupError(
                f"The brick caches of all machines hold {decimal(int(limit))}, and that takes {decimal(nbytes)};"
                " raise LAMELLA_BRICK_CACHE_BYTES, or choose a range with --start and --stop."
            )
        nodes = open_nodes(settings)
        sender = Sender(settings.balancer, settings.node_token.get_secret_value())
        warming = ClusterWarming(
            services.jobs,
            sender,
            lambda: frozenset(card.name for card in nodes.cards()),
            layers(volume, axis, start, stop),
        )
        began = time.monotonic()
        try:
            with _bar(len(bricks)) as progress:
                warming.run(progress)
        finally:
            warming.cancel()
    shares = ", ".join(f"{node} {count}" for node, count in sorted(warming.done.items()))
    click.echo(
        f"{sum(warming.done.values())} of {len(bricks)} bricks of {name}, {volume.address.dataset} are in the"
        f" caches of the machines ({shares}); {warming.decoded} decoded now, in {time.monotonic() - began:.2f} s."
    )
    if warming.failed:
        raise SetupError(f"{warming.failed} of them cannot be decoded: {warming.message}")


class Sender:
    """Gives layers to the load balancer."""

    def __init__(self, address: str, token: str) -> None:
        self._url = f"{address.rstrip('/')}/api/v1/jobs"
        self._headers = {NODE_TOKEN_HEADER: token}
        self._pool = urllib3.PoolManager(timeout=urllib3.Timeout(LIMIT_S), retries=False)

    def __call__(self, layer: Layer) -> str | None:
        """The id of the job; None where it is to be tried again. Raises `SetupError` for what is refused."""
        try:
            response = self._pool.request(
                "POST",
                f"{self._url}?slab={quote(layer.slab)}",
                json=layer.body,
                headers=self._headers,
            )
        except urllib3.exceptions.HTTPError:
            return None
        if response.status == HTTPStatus.ACCEPTED:
            return str(response.json()["id"])
        again = (HTTPStatus.TOO_MANY_REQUESTS, *range(500, 600))
        if response.status in again:
            return None
        try:
            reason = response.json()["error"]["message"]
        except (ValueError, KeyError, TypeError):
            reason = f"the load balancer answers with status {response.status}."
        raise SetupError(f"A machine takes no job: {reason}")


class ClusterWarming:
    """Keeps jobs in the queue until all layers are done; `machines()` names those that are there.

    `done` counts bricks in the cache, by machine; `failed` those that cannot be decoded, as `message` says.
    """

    def __init__(
        self,
        queue: JobQueue,
        send: Callable[[Layer], str | None],
        machines: Callable[[], frozenset[str]],
        ahead: Iterator[Layer],
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._queue = queue
        self._send = send
        self._machines = machines
        self._ahead = ahead
        self._clock = clock
        self._sleep = sleep
        self._again: deque[Layer] = deque()
        self._jobs: dict[str, Layer] = {}
        # When the machine of a job was seen last.
        self._seen_at: dict[str, float] = {}
        self._moved_at = clock()
        self.done: Counter[str] = Counter()
        self.decoded = self.failed = 0
        self.message = ""

    def run(self, progress: Callable[[int], None] = lambda _: None) -> None:
        """Return when all is done; `progress` gets the number of bricks. Raises `SetupError`."""
        while True:
            machines = self._machines()
            self._fill(OF_MACHINE * max(1, len(machines)))
            if not self._jobs and not self._again:
                return
            self._sleep(POLL_S)
            listed = {job.id: job for job in self._queue.jobs()}
            running = sum(self._follow(id_, listed.get(id_), machines) for id_ in list(self._jobs))
            progress(sum(self.done.values()) + self.failed + running)
            if self._clock() - self._moved_at > AWAY_S:
                raise SetupError(
                    "Nothing was warmed for a while: the load balancer, the store or the machines cannot be used."
                    " The same command resumes."
                )

    def cancel(self) -> None:
        """Remove the jobs that are not done."""
        for id_ in self._jobs:
            self._queue.cancel(id_)
        self._jobs.clear()

    def _fill(self, most: int) -> None:
        while len(self._jobs) < most:
            layer = self._again.popleft() if self._again else next(self._ahead, None)
            if layer is None:
                return
            id_ = self._send(layer)
            if id_ is None:
                self._again.append(layer)
                return
            self._jobs[id_] = layer
            self._seen_at[id_] = self._clock()

    def _follow(self, id_: str, job: Job | None, machines: frozenset[str]) -> int:
        """Look after a job; returns how many of its bricks are done, while it is not."""
        now, layer = self._clock(), self._jobs[id_]
        if job is None:
            # Cancelled, or the store was emptied, or does not answer.
            if now - self._seen_at[id_] > POLL_S * 4:
                self._try_again(id_, layer)
            return 0
        if job.state.is_final:
            del self._jobs[id_]
            self._queue.cancel(id_)
            self._moved_at = now
            self.done[job.node] += job.done
            self.decoded += job.decoded
            self.failed += layer.bricks - job.done
            if job.state is State.FAILED or job.failed:
                self.message = job.message
            return 0
        if job.node in machines:
            # Where people look at slices, it may wait for as long as they do.
            self._seen_at[id_] = self._moved_at = now
        elif now - self._seen_at[id_] > GONE_S:
            self._queue.cancel(id_)
            self._try_again(id_, layer)
        return job.done

    def _try_again(self, id_: str, layer: Layer) -> None:
        del self._jobs[id_]
        layer.tries += 1
        if layer.tries > MOST_TRIES:
            raise SetupError("What was to be warmed was cancelled. The same command resumes.")
        self._again.append(layer)


class _bar:  # noqa: N801  # a context manager
    """The progress on the terminal: called with the number of bricks that are done."""

    def __init__(self, count: int) -> None:
        columns = (
            TextColumn("Warming"),
            BarColumn(),
            TextColumn("{task.completed:.0f}/{task.total:.0f} bricks"),
            TimeElapsedColumn(),
        )
        self._progress = Progress(*columns, console=Console(stderr=True))
        self._task = self._progress.add_task("", total=count)

    def __enter__(self) -> Callable[[int], None]:
        self._progress.start()
        return lambda done: self._progress.update(self._task, completed=done)

    def __exit__(self, *_: object) -> None:
        self._progress.stop()
