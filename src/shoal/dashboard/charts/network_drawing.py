"""A network drawn with its weights; of a large one the sizes of the weights, layer by layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shoal.dashboard.charts.base import COLOUR_SCALE, palette
from shoal.dashboard.charts.vega import LegendEntry, Spec, layer, tooltip, vega_chart
from shoal.nn.network import Network
from shoal.presentation.formatting import shortened

# Nodes of a layer, at most, that are drawn one by one.
MOST_NODES = 40
# Cells of a picture of weights, in each direction.
_MOST_CELLS = 48
# Weights smaller than this share of their layer's largest are left out of the drawing.
SMALLEST_SHARE = 0.05
_LONGEST_NAME = 22
_ROW_HEIGHT = 22
_WIDEST = 5.0


def is_drawn(network: Network) -> bool:
    """Whether a network is small enough to be drawn node by node."""
    return max(network.layers) <= MOST_NODES


def network_data(
    network: Network,
    weights: NDArray[np.float32],
    inputs: Sequence[str],
    outputs: Sequence[str],
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The nodes and the weights between them.

    Parameters
    ----------
    network, weights
        The shape, and the flat vector (D,).
    inputs, outputs
        Names of the first and the last layer's nodes.

    Returns
    -------
    nodes : DataFrame
        ``layer`` from 0, ``y`` in [0, 1] from the top, ``name`` and ``bias`` (NaN of inputs).
    edges : DataFrame
        ``x``, ``y``, ``x2``, ``y2``, ``source``, ``to``, ``weight``, and ``size``: its share of
        the layer's largest. Small ones are left out; the largest come last, on top.
    """
    names = [list(inputs)]
    for number, width in enumerate(network.layers[1:-1], 1):
        names.append([f"hidden {number}.{place + 1}" for place in range(width)])
    names.append(list(outputs))

    nodes = []
    for number, own in enumerate(names):
        for place, name in enumerate(own):
            y = (place + 0.5) / len(own)
            nodes.append({"layer": number, "y": y, "name": name, "bias": np.nan})
    frame = pd.DataFrame(nodes)

    edges: list[dict[str, Any]] = []
    first = len(names[0])
    for number, (of_weights, of_biases) in enumerate(network.layer_slices()):
        before, after = len(names[number]), len(names[number + 1])
        matrix = weights[of_weights].reshape(after, before).astype(np.float64)
        frame.loc[first : first + after - 1, "bias"] = weights[of_biases].astype(np.float64)
        first += after
        largest = float(np.abs(matrix).max()) or 1.0
        for to, source in np.argwhere(np.abs(matrix) >= SMALLEST_SHARE * largest).tolist():
            weight = float(matrix[to, source])
            edges.append(
                {
                    "x": number,
                    "y": (source + 0.5) / before,
                    "x2": number + 1,
                    "y2": (to + 0.5) / after,
                    "source": names[number][source],
                    "to": names[number + 1][to],
                    "weight": weight,
                    "size": abs(weight) / largest,
                    "sign": "above 0" if weight > 0 else "below 0",
                }
            )
    edges.sort(key=lambda edge: edge["size"])
    return frame, pd.DataFrame(edges)


def network_chart(
    network: Network,
    weights: NDArray[np.float32],
    inputs: Sequence[str],
    outputs: Sequence[str],
    *,
    dark: bool = False,
) -> Spec:
    """A network as circles and lines: the wider a line, the larger its weight.

    Parameters
    ----------
    network, weights, inputs, outputs
        As of `network_data`.
    dark
        Draw for the dark theme.
    """
    colours = palette(dark)
    nodes, edges = network_data(network, weights, inputs, outputs)
    last = len(network.layers) - 1
    # Room for the names of the first and the last layer.
    x_scale = {"domain": [-0.32 * last, 1.25 * last], "nice": False}
    x = {"field": "layer", "type": "quantitative", "axis": None, "scale": x_scale}
    y_scale = {"domain": [0, 1], "reverse": True}
    y = {"field": "y", "type": "quantitative", "axis": None, "scale": y_scale}

    signs = {"above 0": colours.best, "below 0": colours.average}
    edge = {
        "x": {**x, "field": "x"},
        "x2": {"field": "x2"},
        "y": y,
        "y2": {"field": "y2"},
        "color": {
            "field": "sign",
            "scale": {"domain": list(signs), "range": list(signs.values())},
            "legend": None,
        },
        "strokeWidth": {
            "field": "size",
            "type": "quantitative",
            "scale": {"domain": [0, 1], "range": [0.2, _WIDEST]},
            "legend": None,
        },
        "opacity": {
            "field": "size",
            "type": "quantitative",
            "scale": {"domain": [0, 1], "range": [0.12, 0.95]},
            "legend": None,
        },
        "tooltip": tooltip(("source", "From"), ("to", "To"), ("weight", "Weight", ".4~g")),
    }
    node = {"x": x, "y": y, "tooltip": tooltip(("name", "Node"), ("bias", "Bias", ".4~g"))}
    circle = {
        "type": "point",
        "shape": "circle",
        "size": 110,
        "filled": True,
        "opacity": 1,
        "color": colours.surface,
        "stroke": colours.muted,
        "strokeWidth": 1.6,
    }
    layers = []
    if len(edges):
        layers.append(layer({"type": "rule", "strokeCap": "round"}, edge, edges))
    layers.append(layer(circle, node, nodes))
    for number, align, shift in ((0, "right", -10), (last, "left", 10)):
        own = nodes[nodes["layer"] == number]
        labels = own.assign(label=[shortened(name, _LONGEST_NAME) for name in own["name"]])
        text = {"type": "text", "align": align, "dx": shift, "color": colours.text, "fontSize": 12}
        layers.append(layer(text, {"x": x, "y": y, "text": {"field": "label"}}, labels))

    legend = [LegendEntry(f"Weight {name}", colour) for name, colour in signs.items()]
    height = max(220, _ROW_HEIGHT * max(network.layers))
    return vega_chart(colours, height=height, layers=layers, legend=legend, fit=True)


def weights_data(
    network: Network, weights: NDArray[np.float32], number: int
) -> tuple[pd.DataFrame, int]:
    """Sizes of the weights of one layer as cells of a picture.

    Parameters
    ----------
    network, weights
        The shape, and the flat vector (D,).
    number
        The layer, from 0.

    Returns
    -------
    cells : DataFrame
        ``source``, ``source_end``, ``to``, ``to_end``: nodes from 1, the ends are beyond the last;
        ``size``: the mean size of the weights between them.
    block : int
        How many nodes a cell is wide and high, at most; 1: a cell is a weight.
    """
    of_weights, _ = network.layer_slices()[number]
    before, after = network.layers[number], network.layers[number + 1]
    sizes = np.abs(weights[of_weights].reshape(after, before).astype(np.float64))
    # Rounded up, so that there are never too many cells.
    across = -(-before // _MOST_CELLS)
    down = -(-after // _MOST_CELLS)
    starts_x = np.arange(0, before, across)
    starts_y = np.arange(0, after, down)
    sums = np.add.reduceat(np.add.reduceat(sizes, starts_y, axis=0), starts_x, axis=1)
    ends_x = np.minimum(starts_x + across, before)
    ends_y = np.minimum(starts_y + down, after)
    counts = np.outer(ends_y - starts_y, ends_x - starts_x)
    to, source = np.indices(sums.shape)
    cells = pd.DataFrame(
        {
            "source": starts_x[source].ravel() + 1,
            "source_end": ends_x[source].ravel() + 1,
            "to": starts_y[to].ravel() + 1,
            "to_end": ends_y[to].ravel() + 1,
            "size": (sums / counts).ravel(),
        }
    )
    return cells, max(across, down)


def weights_chart(
    network: Network, weights: NDArray[np.float32], number: int, *, dark: bool = False
) -> Spec:
    """The sizes of the weights of one layer, a cell each: bright ones are large."""
    colours = palette(dark)
    cells, _ = weights_data(network, weights, number)
    axis = {"grid": False, "tickMinStep": 1, "format": ",d"}
    # Scales with ends of their own: without rows Vega would warn of them.
    across = {"nice": False, "domain": [1, network.layers[number] + 1]}
    down = {"nice": False, "domain": [1, network.layers[number + 1] + 1], "reverse": True}
    largest = float(cells["size"].max()) or 1.0
    encoding = {
        "x": {
            "field": "source",
            "type": "quantitative",
            "scale": across,
            "axis": {**axis, "title": _nodes_title(network, number)},
        },
        "x2": {"field": "source_end"},
        "y": {
            "field": "to",
            "type": "quantitative",
            "scale": down,
            "axis": {**axis, "title": _nodes_title(network, number + 1)},
        },
        "y2": {"field": "to_end"},
        "color": {
            "field": "size",
            "type": "quantitative",
            "scale": {"scheme": COLOUR_SCALE.lower(), "domain": [0, largest]},
            "legend": {"orient": "right", "gradientThickness": 12, "titleLimit": 0},
        },
        "tooltip": tooltip(
            ("source", "From node", ",d"), ("to", "To node", ",d"), ("size", "Size", ".3~g")
        ),
    }
    return vega_chart(
        colours,
        height=260,
        layers=[layer({"type": "rect"}, encoding, cells)],
        fit=True,
    )


def _nodes_title(network: Network, place: int) -> str:
    """What the nodes of a layer are, place 0 the inputs: genes count the hidden layers from 1."""
    if place == 0:
        return "Inputs"
    if place == len(network.layers) - 1:
        return "Outputs"
    return f"Nodes of layer {place}"
