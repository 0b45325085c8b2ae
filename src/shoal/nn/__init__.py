"""The network that a swarm trains.

May import inference, where the arithmetic of a forward pass stands.

Start with `network.Network`.
"""
