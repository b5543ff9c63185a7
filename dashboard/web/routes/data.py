"""Routes about files and what is in them: files, datasets, slices, values, residency."""

from __future__ import annotations

import dataclasses
from contextlib import suppress
from functools import partial as bind
from typing import TYPE_CHECKING

import flask
import numpy as np

from dashboard import errors
from dashboard.addressing import selection
from dashboard.addressing.outcomes import Stage
from dashboard.addressing.requester import Requester
from dashboard.catalog.storage_facts import StorageFacts, storage_facts
from dashboard.frames.encode import Format, compress
from dashboard.frames.fill import fill_header
from dashboard.frames.quantize import Window
from dashboard.frames.renderer import RenderedSlice, SliceAddress
from dashboard.frames.unpacking import Packing
from dashboard.frames.voxel_value import enum_name, exact_text
from dashboard.meaning.telling import coordinates_at, name_of_value
from dashboard.meter import meter
from dashboard.runtime.activity import demand_of
from dashboard.web import answers, headers, query
from dashboard.web.cache_status import cache_status
from dashboard.web.operation import JSON, Returns, operation, returns
from dashboard.web.person import current
from dashboard.web.quotas import charged
from dashboard.web.server_timing import DEMAND, PROVENANCE
from dashboard.web.visibility import Visibility
from dashboard.web.volumes import FILE_ERRORS, again_if_changed, packing_of, versioned, volume_of

if TYPE_CHECKING:
    from dashboard.catalog.volume import Volume
    from dashboard.meaning.model import Meaning
    from dashboard.runtime.container import Services

SLICE = Returns(
    dict.fromkeys(sorted({one.content_type for one in Format})),
    "The slice, in the requested format.",
    (*headers.SLICE, *headers.SERVED, *headers.VOLUME),
)
NOT_MODIFIED = Returns(
    text="The slice is the one that the client has; it counts as the demand that it is.",
    headers=(*headers.SERVED, *headers.VOLUME),
    status=304,
)


def register(api: flask.Blueprint, services: Services) -> None:
    """Add the routes to `api`."""
    visible = Visibility(services)

    @api.get("/api/v1/files")
    @operation(returns(answers.Files))
    def files() -> flask.Response:
        """All files below the data roots, in natural order (`scan_2` before `scan_10`)."""
        entries, complete = visible.files()
        listed = [
            {"file": entry.file, "size": entry.size, "modified": entry.modified}
            for entry in entries
        ]
        return flask.jsonify(files=listed, complete=complete)

    @api.get("/api/v1/datasets")
    @operation(
        returns(answers.Datasets, headers=(headers.VOLUME_VERSION,)),
        parameters=(query.FILE, query.ONE_DATASET),
        errors=FILE_ERRORS,
    )
    def datasets() -> flask.Response:
        """The datasets of a file; with `dataset`, that one alone, by any of its names."""
        file, dataset = visible.file(), query.ONE_DATASET.given()
        metadata = services.metadata
        with versioned(services, file):
            if dataset is None:
                body, flask.g.volume_version = metadata.listed_json(file)
                return flask.Response(body, content_type=JSON)
            found = metadata.one(file, dataset)
        flask.g.volume_version = found.version
        return flask.jsonify(found.public())

    @api.get("/api/v1/node")
    @operation(
        returns(answers.DescribedNode, headers=(headers.VOLUME_VERSION,)),
        parameters=(query.FILE, query.PATH),
        errors=FILE_ERRORS,
    )
    def node() -> flask.Response:
        """An object of a file: its attributes; how a dataset is stored, what a slice costs, what it means."""
        return _node(services, visible)

    @api.get("/api/v1/slice")
    @operation(
        SLICE,
        NOT_MODIFIED,
        parameters=query.SLICE,
        request_headers=(headers.IF_NONE_MATCH,),
        errors=FILE_ERRORS,
    )
    def slice_() -> flask.Response:
        """One slice as bytes, raw, quantized to 8 bits, NPY or PNG."""
        return _slice(services, visible)

    @api.get("/api/v1/value")
    @operation(
        returns(answers.Value, headers=headers.VOLUME),
        parameters=(*query.VOLUME, query.INDEX, query.DECODE),
        errors=FILE_ERRORS,
    )
    def value() -> flask.Response:
        """The exact value of one voxel as text."""
        return _value(services, visible)

    @api.get("/api/v1/residency")
    @operation(
        returns(answers.ResidencyRanges, headers=headers.VOLUME),
        parameters=(*query.VOLUME, query.SELECTION, query.AXIS),
        errors=FILE_ERRORS,
    )
    def residency() -> flask.Response:
        """Which slices across an axis are cached, were decoded ahead, or are planned."""
        volume = volume_of(services, visible)
        chosen = query.chosen_slice(volume)
        return flask.jsonify(services.residency.ranges(volume, chosen, query.axis(chosen)))

    @api.get("/api/v1/cost")
    @operation(
        returns(answers.Cost, headers=headers.VOLUME),
        parameters=(*query.VOLUME, query.SELECTION),
        errors=FILE_ERRORS,
    )
    def cost() -> flask.Response:
        """What still has to be decoded for a slice, about how long that takes, and why it is so much."""
        volume = volume_of(services, visible)
        found = services.costs.of(volume, query.chosen_slice(volume))
        response = flask.jsonify(dataclasses.asdict(found))
        response.headers["Cache-Control"] = "no-store"
        return response

    @api.after_request
    def version(response: flask.Response) -> flask.Response:
        if "volume_version" in flask.g:
            response.headers["X-Volume-Version"] = flask.g.volume_version
        if "volume_shape" in flask.g:
            response.headers["X-Volume-Shape"] = ",".join(map(str, flask.g.volume_shape))
        return response


def _slice(services: Services, visible: Visibility) -> flask.Response:
    def rendered() -> tuple[SliceAddress, Requester, RenderedSlice | None]:
        # First, so that responses to malformed parameters have the volume's version as well.
        volume = volume_of(services, visible)
        requester = charged(query.requester(), services.quotas)
        address = query.slice_address(volume, packing_of(services, volume))
        services.renderer.check_cells(address)
        # Weakly, since a proxy that compresses weakens the tag (RFC 9110, section 13.1.2).
        if flask.request.if_none_match.contains_weak(address.key):
            return address, requester, None
        return address, requester, services.renderer.render(address, requester)

    address, requester, answer = again_if_changed(rendered)
    if answer is None:
        found = services.renderer.cached(address, requester)
        response = flask.Response(status=304)
        from_frames = True
    else:
        found, from_frames = answer.provenance, answer.frame_cache_hit
        response = _response(address, answer)
        _describe(response, address, answer)
        # The page draws values itself, in the window of the volume.
        if address.format is Format.RAW and query.WINDOW.given() == "volume":
            with suppress(errors.LamellaError):
                window = services.renderer.volume_window(address)
                response.headers.add("X-Slice-Window", _window_text(window))
    # Weak where it names several codings of the same bytes.
    weak = "W/" if "Content-Encoding" in response.headers else ""
    response.headers.add("ETag", f'{weak}"{address.key}"')
    # The browser caches the bytes but revalidates each time, so that every demand is counted.
    response.headers.add("Cache-Control", "private, no-cache")
    response.headers.add("Cache-Status", cache_status(found, from_frames))
    if requester.is_viewer_demand and requester.viewer is not None:
        flask.request.environ[PROVENANCE] = found
        flask.request.environ[DEMAND] = demand_of(
            address.volume, address.selection, requester.viewer, address.format
        )
        # Once the answer has gone out: planning takes a millisecond of the interpreter's lock.
        response.call_on_close(
            bind(
                services.activity.viewed,
                requester.viewer,
                address.volume,
                address.selection,
                current().name,
                beside=bool(query.BESIDE.value()),
            )
        )
    return response


def _response(address: SliceAddress, answer: RenderedSlice) -> flask.Response:
    """A response with the frame's body, compressed if that was asked for and is accepted."""
    frame, format_ = answer.frame, address.format
    body, shuffled, is_packed = frame.body, 1, False
    asked = query.COMPRESS.value() and format_ is not Format.PNG
    if asked and flask.request.accept_encodings["gzip"] > 0:
        with meter(Stage.ENCODE):
            packed = compress(frame, format_)
        if packed is not None:
            (body, shuffled), is_packed = packed, True
    response = flask.Response(body, content_type=format_.content_type)
    if asked:
        response.headers.add("Vary", "Accept-Encoding")
    if is_packed:
        response.headers.add("Content-Encoding", "gzip")
    if shuffled > 1:
        response.headers.add("X-Slice-Shuffled", str(shuffled))
    return response


def _node(services: Services, visible: Visibility) -> flask.Response:
    """An object of a file, with what a dataset's storage is like."""
    file = visible.file()
    with versioned(services, file):
        found = services.nodes.node(file, query.PATH.value())
        storage = None
        if found.record.kind == "dataset":
            storage = _storage(services, file, found.path)
    flask.g.volume_version = services.metadata.version(file)
    return flask.jsonify(
        path=found.path,
        kind=found.record.kind,
        type=found.record.type,
        shape=found.record.shape,
        attributes=[vars(one) for one in found.record.attributes],
        storage=storage,
        meaning=found.record.meaning,
    )


def _storage(services: Services, file: str, dataset: str) -> StorageFacts | None:
    """How a dataset is stored; None where it is gone by now."""
    for described in services.metadata.one(file, dataset).datasets:
        volume = None
        if described["browsable"]:
            with suppress(errors.CannotShow, errors.TooLarge):
                volume = services.metadata.volume(file, dataset)
        return storage_facts(described, volume, services.loader.estimate_decode_s)
    return None


def _value(services: Services, visible: Visibility) -> flask.Response:
    """The value of one voxel, unpacked if asked for, with its coordinates."""

    def read() -> tuple[Volume, tuple[int, ...], np.generic, Packing | None]:
        volume = volume_of(services, visible)
        packing = packing_of(services, volume)
        index = selection.parse_index(query.INDEX.value(), volume.shape)
        return volume, index, services.voxels.read(volume, index), packing

    volume, index, stored, packing = again_if_changed(read)
    meaning: Meaning | None = None
    with suppress(errors.LamellaError):  # The value is returned whatever else can be read.
        meaning = services.nodes.meaning(volume)
    found = stored if packing is None else packing.unpack(np.array([stored]))[0]
    mask = None if packing is None else packing.mask
    is_masked = mask is not None and bool(services.voxels.read(mask, index[-2:]))
    if is_masked:
        found = found.dtype.type("nan")
    is_decoded = query.DECODE.value()
    is_stored_as_meant = meaning is not None and Packing.of(meaning["value"], volume) is None
    name = "masked" if is_masked else enum_name(volume, stored)
    if meaning is not None and name is None and (is_decoded or is_stored_as_meant):
        name = name_of_value(meaning, found)
    response = flask.jsonify(
        index=index,
        text=exact_text(found),
        name=name,
        unit=(meaning["value"]["unit"] or None)
        if meaning is not None and (is_decoded or is_stored_as_meant)
        else None,
        coordinates=[] if meaning is None else coordinates_at(meaning, index),
    )
    response.headers["Cache-Control"] = "no-store"
    return response


def _window_text(window: Window) -> str:
    return f"{window[0]!r},{window[1]!r}"


def _describe(response: flask.Response, address: SliceAddress, answer: RenderedSlice) -> None:
    frame = answer.frame
    response.headers.add("X-Slice-Shape", ",".join(map(str, frame.shape)))
    response.headers.add("X-Slice-Dtype", frame.dtype)
    if frame.window is not None:
        response.headers.add("X-Slice-Window", _window_text(frame.window))
    if address.volume.enum is not None and address.has_stored_values:
        response.headers.add("X-Slice-Enum", "1")
    # Missing values that are unpacked are NaN.
    is_unpacked = address.packing is not None and address.packing.dtype is not None
    if address.format is Format.RAW and not is_unpacked and address.has_stored_values:
        fill = fill_header(address.volume, np.dtype(frame.dtype))
        if fill is not None:
            response.headers.add("X-Slice-Fill", fill)
