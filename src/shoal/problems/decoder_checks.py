"""A decoder tried out before a search: on a few positions, for a few networks."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence

from shoal.errors import ShoalError
from shoal.nn.network import Network
from shoal.numerics.philox import Purpose, normals
from shoal.objectives.decoders import Decoder
from shoal.problems.check import ProblemFinding
from shoal.problems.trial import OwnCheck, has_bad, prints, quiet
from shoal.system.printed import Printed

# Particles of a swarm.
_POSITIONS = 48
_KEY = (0, 0)


def check_decoder(
    decoder: Decoder, networks: Sequence[Network], say: Callable[[str], None]
) -> OwnCheck:
    """Try a decoder out.

    Parameters
    ----------
    decoder
        What to try.
    networks
        It is tried on each. The one counts that shows least to complain of: a decoder may be for
        networks with hidden layers, or for those without.
    say
        Is told what is begun: "call", then "look".
    """
    tries = [_check_on(network, decoder, say) for network in networks]
    return min(tries, key=lambda tried: tried.badness)


def _check_on(network: Network, decoder: Decoder, say: Callable[[str], None]) -> OwnCheck:
    findings: list[ProblemFinding] = []
    facts = {}
    printed = Printed()
    say("call")
    try:
        with contextlib.redirect_stdout(printed), quiet():
            decoder.check(network)
            say("look")
            seconds = _seconds_of_call(decoder, network)
        facts = {"seconds": seconds, "networks": _POSITIONS, "weights": network.size}
    except ShoalError as error:
        findings.append(ProblemFinding.of("call", error))
    if printed.text:
        findings.append(prints(f"The decoder {decoder.name}", printed.text))
    if has_bad(findings):
        return OwnCheck(tuple(findings), {})

    works = ProblemFinding(
        "good",
        "call",
        f"The weights of a network for each position, of the widths {network.layers}: the same "
        "twice, alone and among others.",
    )
    text = f"{1e3 * seconds:.3g} ms for {_POSITIONS} networks of {network.size} weights."
    speed = ProblemFinding("good", "speed", text)
    return OwnCheck((works, speed), facts)


def _seconds_of_call(decoder: Decoder, network: Network) -> float:
    positions = normals(_KEY, Purpose.POSITION, _POSITIONS, network.size)
    decode = decoder.bound_to(network)
    # The first call may compile.
    decode(positions)
    begun = time.perf_counter()
    decode(positions)
    return time.perf_counter() - begun
