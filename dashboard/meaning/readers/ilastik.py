"""ilastik and VIGRA: `axistags` as JSON, `drange`.

https://ukoethe.github.io/vigra/doc-release/vigranumpy/#axistags
"""

from __future__ import annotations

import json
from typing import Any

from dashboard.meaning.attributes import numbers
from dashboard.meaning.draft import Draft, ruler
from dashboard.meaning.model import Node

NAME = "ilastik"


def read(node: Node, draft: Draft) -> bool:
    """Names of the axes, their resolution, and the range of the values."""
    value = node.attrs.get("axistags")
    ends = numbers(node, "drange")
    if len(ends) == 2 and ends[0] < ends[1] < float("inf"):
        draft.suggested["window"] = [float(end) for end in ends]
    if not isinstance(value, str):
        return len(ends) == 2
    try:
        axes = json.loads(value)["axes"]
    except (ValueError, TypeError, KeyError, RecursionError):
        draft.note("The attribute axistags is no JSON of axes.")
        return True
    if not isinstance(axes, list) or len(axes) != len(draft.shape):
        draft.note("The attribute axistags has another number of axes.")
        return True
    for dimension, axis in enumerate(axes):
        _describe(draft, dimension, axis if isinstance(axis, dict) else {})
    return True


def _describe(draft: Draft, dimension: int, axis: dict[str, Any]) -> None:
    key, step = axis.get("key"), axis.get("resolution")
    name = key if isinstance(key, str) else ""
    draft.describe_axis(
        dimension, name, "", ruler(0, step) if isinstance(step, int | float) and step > 0 else None
    )
