"""The network that a swarm trains."""
