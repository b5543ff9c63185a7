"""`lamella warm`: decodes a dataset into the cache in advance."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

import click
from pydantic import ByteSize
from rich.console import Console
from rich.filesize import decimal
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from dashboard.addressing.addresses import BrickAddress
from dashboard.addressing.outcomes import Outcome
from dashboard.addressing.requester import WARMUP
from dashboard.bricks import direct_write
from dashboard.bricks.coverage import Coverage, fixed_by_axis
from dashboard.bricks.loader import CacheFull, LoadedBrick
from dashboard.bricks.pending_file import file_bytes
from dashboard.catalog.metadata import MetadataService
from dashboard.catalog.volume import ReadPath, Volume
from dashboard.catalog.volume_file import VolumeFile
from dashboard.cli.served_name import resolve_served_name, with_root_hint
from dashboard.errors import CannotShow, LamellaError, SetupError
from dashboard.frames.complex_part import ComplexPart
from dashboard.frames.quantize import Norm
from dashboard.runtime.served_roots import named_roots
from dashboard.settings import Settings
from dashboard.storage.bytes_cache import open_cache
from dashboard.storage.eviction import IN_USE_S
from dashboard.storage.private_directory import ensure_private_directory

if TYPE_CHECKING:
    from dashboard.runtime.container import Services

# One brick is decoded by all threads while the other's file is finished and the next one's is created.
IN_FLIGHT = 2
# Listing more bricks than this takes unexpectedly long; a range helps.
MAX_BRICKS = 100_000
TOUCH_INTERVAL_S = 0.5


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
    """Decode what slices across `axis` from `start` to `stop` need; raises `LamellaError`.

    `roots` are those of the server that is to find the bricks.
    """
    from dashboard.runtime.cache_limits import brick_limit  # noqa: PLC0415
    from dashboard.runtime.container import build_services  # noqa: PLC0415

    paths, name = resolve_served_name(file, roots, named_roots(settings))
    home = ensure_private_directory(settings.cache_dir)
    disk = open_cache(home / "bricks")
    try:
        limit = brick_limit(settings, home, disk.totals()[0])
    finally:
        disk.close()
    # Determined once, so that what fits is known before the first brick and does not change.
    fixed = {"data": paths, "roots": (), "config": None, "brick_cache_bytes": ByteSize(limit)}
    services = build_services(settings.model_copy(update=fixed), role="cli")
    services.start()
    try:
        volume = services.metadata.volume(name, chosen(services.metadata, name, dataset))
        if volume.read_path is ReadPath.CONTIGUOUS:
            click.echo(
                f"{volume.address.dataset} of {name} is stored as it is: its slices are taken straight"
                " out of the file, and there is nothing to decode ahead."
            )
            return
        bricks = bricks_across(volume, axis, start, stop)
        WarmJob(services, volume, bricks, limit).run()
    finally:
        services.close()


def chosen(metadata: MetadataService, file: str, dataset: str | None) -> str:
    """The dataset's name: the one given, or the only one that can be browsed; raises `SetupError`."""
    if dataset is not None:
        return dataset
    records = metadata.datasets(file)
    names = [str(record["dataset"]) for record in records if record["browsable"]]
    if not names:
        # A single reason, of one dataset or common to all, explains the refusal.
        reasons = {str(record["reason"]) for record in records}
        why = f" {with_root_hint(reasons.pop())}" if len(reasons) == 1 else ""
        raise SetupError(f"{file} has no dataset that can be browsed.{why}")
    if len(names) > 1:
        shown = ", ".join(names[:20]) + (" …" if len(names) > 20 else "")
        raise SetupError(f"{file} has several datasets; choose one with --dataset: {shown}.")
    return names[0]


def bricks_across(
    volume: Volume, axis: int, start: int | None, stop: int | None
) -> list[BrickAddress]:
    """The bricks of the slices `start` … `stop` across `axis`, shown along the last two other dimensions.

    Of further dimensions, all positions. Raises `SetupError`.
    """
    rank = len(volume.shape)
    axes = rank if rank > 2 else 1
    if not 0 <= axis < axes:
        raise SetupError(
            f"--axis is from 0 to {axes - 1}." if axes > 1 else "--axis of a single plane is 0."
        )
    try:
        covered = Coverage(volume, fixed_by_axis(rank, axis), start or 0, stop)
    except ValueError:
        length = volume.shape[axis] if axes > 1 else 1
        raise SetupError(f"--start lies before --stop, both from 0 to {length}.") from None
    if len(covered) > MAX_BRICKS:
        raise SetupError(
            f"That is more than {MAX_BRICKS:,} bricks; name a range with --start and --stop."
        )
    return list(covered)


@dataclass
class WarmJob:
    """Decodes the bricks of a volume into the cache, whose limit is `limit` bytes."""

    services: Services
    volume: Volume
    bricks: list[BrickAddress]
    limit: int
    warm: list[BrickAddress] = field(default_factory=list)
    decoded: int = 0
    damaged: int = 0
    unreadable: list[LamellaError] = field(default_factory=list)

    def run(self) -> None:
        """Decode missing bricks and report the result; raises `SetupError` where not all fit."""
        fitting = self._fitting()
        if not fitting:
            raise SetupError(
                f"The brick cache holds {decimal(self.limit)} and one brick takes"
                f" {decimal(self._size(self.bricks[0]))}; raise LAMELLA_BRICK_CACHE_BYTES."
            )
        present = self.services.bricks.existing([brick.key for brick in fitting])
        self.warm = [brick for brick in fitting if brick.key in present]
        missing = [brick for brick in fitting if brick.key not in present]
        sizes = [brick.nbytes(self.volume.dtype.itemsize) for brick in missing]
        if missing and direct_write.should_bypass_page_cache(sum(sizes), max(sizes)):
            self.services.loader.enable_direct_writes(max(sizes))
        began = time.monotonic()
        try:
            with self._bar(len(fitting)) as (bar, task):
                self._decode(missing, bar, task)
        except KeyboardInterrupt:
            click.echo(f"Ended. {self._state()}; the same command resumes.", err=True)
            raise
        except CacheFull:
            raise SetupError(
                f"{self._state()}, and the cache is full: "
                + (
                    self.services.health.degraded()
                    or "bricks that are being viewed are not evicted."
                )
            ) from None
        # The default contrast window is part of the time to the first slice.
        with VolumeFile(self.services.metadata, self.volume) as file:
            self.services.windows.window(file, ComplexPart.ABS, Norm.LINEAR)
        self._report(len(fitting), time.monotonic() - began)

    def _report(self, fitting: int, took: float) -> None:
        click.echo(f"{self._state()}; {self.decoded} decoded now, in {took:.2f} s.")
        if self.damaged:
            click.echo(
                f"{self.damaged} damaged chunks: slices that touch one are refused.", err=True
            )
        if self.unreadable:
            raise SetupError(
                f"{len(self.unreadable)} of them cannot be decoded: {self.unreadable[0].message}"
            )
        if fitting < len(self.bricks):
            raise SetupError(
                f"The brick cache holds {decimal(self.limit)}, and all {len(self.bricks)} bricks take"
                f" {decimal(sum(map(self._size, self.bricks)))}; raise LAMELLA_BRICK_CACHE_BYTES, or"
                " choose a range with --start and --stop."
            )

    def _state(self) -> str:
        address = self.volume.address
        size = decimal(sum(map(self._size, self.warm)))
        return (
            f"{len(self.warm)} of {len(self.bricks)} bricks of {address.file}, {address.dataset}"
            f" are in the cache ({size})"
        )

    def _size(self, brick: BrickAddress) -> int:
        return file_bytes(brick, self.volume.dtype.itemsize)

    def _fitting(self) -> list[BrickAddress]:
        """The first bricks that fit the cache together; further ones would evict these."""
        left = self.limit
        for number, brick in enumerate(self.bricks):
            left -= self._size(brick)
            if left < 0:
                return self.bricks[:number]
        return self.bricks

    def _decode(self, missing: list[BrickAddress], bar: Progress, task: TaskID) -> None:
        ahead = iter(missing)
        pool = ThreadPoolExecutor(IN_FLIGHT, thread_name_prefix="warm")
        in_flight: dict[Future[LoadedBrick], BrickAddress] = {}
        touched_at = 0.0
        try:
            while True:
                for brick in islice(ahead, IN_FLIGHT - len(in_flight)):
                    work = pool.submit(self._get, brick)
                    in_flight[work] = brick
                if not in_flight:
                    return
                done, _ = wait(in_flight, timeout=TOUCH_INTERVAL_S, return_when=FIRST_COMPLETED)
                if time.monotonic() - touched_at >= TOUCH_INTERVAL_S:
                    touched_at = time.monotonic()
                    self._touch_warmed()
                for work in done:
                    self._finished(in_flight.pop(work), work)
                    bar.update(
                        task, completed=sum(map(self._size, self.warm)), bricks=len(self.warm)
                    )
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
            for work, brick in in_flight.items():
                if not work.cancelled() and work.exception() is None:
                    self._finished(brick, work)

    def _get(self, brick: BrickAddress) -> LoadedBrick:
        try:
            return self.services.loader.load(self.volume, brick, WARMUP)
        except CacheFull:
            if self.services.health.degraded():
                raise
        # Entries used a moment ago may be evicted soon unless they are touched again.
        time.sleep(IN_USE_S)
        return self.services.loader.load(self.volume, brick, WARMUP)

    def _finished(self, brick: BrickAddress, work: Future[LoadedBrick]) -> None:
        try:
            loaded = work.result()
        except CannotShow as error:
            self.unreadable.append(error)  # Other bricks may be readable.
            return
        self.warm.append(brick)
        self.decoded += loaded.outcome is Outcome.MISS
        self.damaged += len(loaded.brick.damaged_chunks)

    def _touch_warmed(self) -> None:
        """Touch the warmed bricks, so that LRU eviction takes other entries first."""
        for brick in self.warm:
            self.services.bricks.access_log.touch(brick.key)

    @contextmanager
    def _bar(self, count: int) -> Iterator[tuple[Progress, TaskID]]:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[bricks]}/{task.fields[count]} bricks"),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
        )
        total = sum(map(self._size, self.bricks[:count]))
        have = sum(map(self._size, self.warm))
        with Progress(*columns, console=Console(stderr=True)) as bar:
            yield (
                bar,
                bar.add_task(
                    "Decoding", total=total, completed=have, bricks=len(self.warm), count=count
                ),
            )
