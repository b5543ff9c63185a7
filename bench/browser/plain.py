"""The Dash app that Lamella is compared with: a slider, a callback, `go.Heatmap`, and slices cached in the server.

python -m bench.browser.plain FILE DATASET PORT
"""

from __future__ import annotations

import sys
from functools import lru_cache
from typing import Any

import h5py
import numpy as np
import plotly.graph_objects as go
from dash import Dash, Input, Output, dcc, html
from numpy.typing import NDArray


def app(path: str, name: str) -> Dash:
    """The app; it caches 200 slices."""
    dataset = h5py.File(path, "r")[name]

    @lru_cache(maxsize=200)
    def plane(index: int) -> NDArray[Any]:
        values: NDArray[Any] = np.asarray(dataset[index])
        return values

    page = Dash(__name__)
    end = dataset.shape[0] - 1
    page.layout = html.Div(
        [
            dcc.Slider(id="slider", min=0, max=end, step=1, value=0, updatemode="drag"),
            dcc.Graph(id="graph", style={"height": "85vh"}),
        ]
    )

    @page.callback(Output("graph", "figure"), Input("slider", "value"))  # type: ignore[untyped-decorator]
    def show(index: int) -> go.Figure:
        figure = go.Figure(go.Heatmap(z=plane(index), colorscale="gray"))
        figure.update_yaxes(autorange="reversed")
        # Identifies the drawn slice to the observer in the page.
        figure.update_layout(meta=index)
        return figure

    return page


if __name__ == "__main__":
    app(sys.argv[1], sys.argv[2]).run(host="127.0.0.1", port=int(sys.argv[3]), debug=False)
