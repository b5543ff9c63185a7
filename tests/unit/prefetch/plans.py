"""What viewers report to a plan store, and what is in it then."""

from __future__ import annotations

from typing import Any

from dashboard.prefetch.plan_store import PlanStore
from dashboard.prefetch.planner import Geometry
from dashboard.prefetch.viewer_plan import ViewerPlan

GEOMETRY = Geometry((2160,), (68,), 1000)


def view(board: PlanStore, index: int, viewer: str = "ann", **other: Any) -> bool:
    asked: dict[str, Any] = {
        "viewer": viewer,
        "file": "scan.h5",
        "dataset": "/volume",
        "fingerprint": [1, 2, 3, 4],
        "selection": f"{index},0:1360:1,0:1360:1",
        "plane": (1, 2),
        "position": (index,),
        "geometry": GEOMETRY,
        "decode_s": 0.5,
        **other,
    }
    return board.record_position(**asked)


def viewers(board: PlanStore) -> list[str]:
    return [plan.viewer for plan in board.plans()]


def only(board: PlanStore) -> ViewerPlan:
    (plan,) = board.plans()
    return plan
