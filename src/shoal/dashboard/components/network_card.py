"""The card *The network*: one of a champion's networks, drawn with its weights."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from shoal.dashboard.charts.network_drawing import (
    MOST_NODES,
    SMALLEST_SHARE,
    is_drawn,
    network_chart,
    weights_chart,
    weights_data,
)
from shoal.dashboard.components.deferred_charts import chart
from shoal.dashboard.routing import parameter
from shoal.nn.network import Network
from shoal.presentation.formatting import percent
from shoal.tuning.champion import Champion

# Layers whose weights are shown as a picture.
_MOST_PICTURES = 6


def network_card(
    champion: Champion, network: Network, inputs: Sequence[str], outputs: Sequence[str], dark: bool
) -> None:
    """A network with its weights where it is small, else pictures of its weights.

    Parameters
    ----------
    champion
        The networks.
    network
        Their shape.
    inputs, outputs
        Names of the first and the last layer's nodes.
    dark
        Draw for the dark theme.
    """
    with st.container(border=True, key="network"):
        st.header("The network", anchor=False)
        number = _chosen_network(champion)
        weights = champion.weights[number]
        shape = " - ".join(map(str, network.layers))
        st.caption(
            f"{shape} nodes, {network.size:,} weights and biases, activation {network.activation}."
        )
        if weights.shape != (network.size,):
            st.caption("Its weights are of another shape than its layers, and are not drawn.")
            return
        if is_drawn(network):
            st.caption(
                "Inputs stand on the left, predictions on the right, and a line is a weight. A "
                "single weight does not say what an input is worth: what one path adds, another "
                "may take away."
            )
            figure = network_chart(network, weights, inputs, outputs, dark=dark)
            chart(figure, f"network-{number}", f"A network of {shape} nodes with its weights")
            st.caption(
                "The wider a line, the larger its weight within its layer. Weights below "
                f"{SMALLEST_SHARE:.0%} of the layer's largest are left out."
            )
            return
        _draw_pictures(network, champion, number, dark)


def _draw_pictures(network: Network, champion: Champion, number: int, dark: bool) -> None:
    widest = max(network.layers)
    st.caption(
        f"It has {widest:,} nodes in a layer, and more than {MOST_NODES} cannot be told apart in a "
        "drawing. So these are the sizes of its weights, layer by layer: the brighter a cell, the "
        "larger the weight."
    )
    weights = champion.weights[number]
    layers = range(min(_MOST_PICTURES, len(network.layers) - 1))
    columns = st.columns(min(2, len(layers)), gap="small")
    averaged = False
    for place in layers:
        _, block = weights_data(network, weights, place)
        averaged = averaged or block > 1
        with columns[place % len(columns)]:
            figure = weights_chart(network, weights, place, dark=dark)
            alt = f"The sizes of the weights of layer {place + 1}"
            chart(figure, f"weights-{number}-{place}", alt)
    if averaged:
        st.caption("A cell of a large layer is the mean of several weights.")


def _chosen_network(champion: Champion) -> int:
    """The place of the network that the address names, with the means to choose another."""
    count = len(champion.weights)
    if count == 1:
        return 0

    named = parameter("network")
    first = 0
    if named is not None and named.isdecimal() and 1 <= int(named) <= count:
        first = int(named) - 1

    def choose() -> None:
        st.query_params["network"] = str(st.session_state["network-chosen"] + 1)

    chosen = st.selectbox(
        "Network",
        range(count),
        first,
        format_func=lambda place: (
            f"Network {place + 1} of {count}, weight {percent(100 * champion.shares[place])}"
        ),
        key="network-chosen",
        on_change=choose,
    )
    return int(chosen)
