"""Decoders: what they make of positions, to the bit, and what is refused."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import shoal
from shoal.errors import DecoderError
from shoal.nn.network import Network
from shoal.numerics.philox import Purpose, normals
from shoal.objectives.built_in_decoders import DECODERS, find_decoder, get_decoder

LINEAR = Network((3, 2))
SMALL = Network((2, 2, 1))
WIDE = Network((9, 2))
# What each decoder makes of positions of its own network.
SHAPES = {"sign": SMALL, "ternary": SMALL, "int8": SMALL, "scorecard": WIDE}
# Of 40 positions: the first digits of the SHA-256 of the decoded weights' bytes.
GOLDEN = {
    "sign": "14965d2aea4753d0",
    "ternary": "a7d60bb505c65bd4",
    "int8": "3c5d5ca65ea259e4",
    "scorecard": "18c4164d0ff4bad4",
}


def drawn(network: Network, count: int = 40) -> NDArray[np.float32]:
    return normals((3, 4), Purpose.POSITION, count, network.size)


def decoded(name: str, network: Network, position: list[float], **options: Any) -> list[float]:
    decode = get_decoder(name).with_options(**options).bound_to(network)
    return decode(np.array([position], np.float32))[0].tolist()


# ---- What they make of positions -----------------------------------------------------------------


def test_weights_become_signs_of_their_layers_mean_size() -> None:
    position = [1, -2, 0, 5, 0.5, -0.5, 3, -1, 9]
    assert decoded("sign", SMALL, position) == [2, -2, 2, 2, 0.5, -0.5, 2, -2, 9]
    assert decoded("sign", SMALL, position, scale="one") == [1, -1, 1, 1, 0.5, -0.5, 1, -1, 9]


def test_small_weights_become_0() -> None:
    # The mean sizes are 2 and 2; 0.7 of them is 1.4.
    position = [1, -2, 0, 5, 0.5, -0.5, 3, -1, 9]
    assert decoded("ternary", SMALL, position) == [0, -3.5, 0, 3.5, 0.5, -0.5, 3, 0, 9]
    assert decoded("ternary", SMALL, position, scale="one", threshold=0.3) == [
        *[1, -1, 0, 1, 0.5, -0.5],
        *[1, -1, 9],
    ]


def test_all_weights_of_a_layer_have_254_steps() -> None:
    position = [127, -63.4, 0.4, 0.6, -0.5, 1.5, 0, 0, 0]
    assert decoded("int8", SMALL, position) == [127, -63, 0, 1, 0, 2, 0, 0, 0]


def test_a_card_has_the_largest_differences_as_whole_points() -> None:
    #          no: 3 weights, yes: 3 weights, 2 biases
    position = [0.1, 0.0, 0.0, 0.5, -0.19, 0.01, 0.0, 0.05]
    # The differences are 0.4, -0.19 and 0.01 in steps of 0.08; the bias is 0.625 of a step.
    assert decoded("scorecard", LINEAR, position, k=2) == [0, 0, 0, 5, -2, 0, 0, 0.5]
    # The points needed stay among those that a card can reach.
    position[-1] = -90
    assert decoded("scorecard", LINEAR, position, k=1) == [0, 0, 0, 5, 0, 0, 0, -5.5]
    position[-1] = 90
    assert decoded("scorecard", LINEAR, position, k=1) == [0, 0, 0, 5, 0, 0, 0, 0.5]


@given(
    position=st.lists(
        st.floats(-100, 100, width=32).map(lambda value: round(value, 3)), min_size=20, max_size=20
    ),
    k=st.integers(1, 12),
    points=st.integers(1, 9),
)
def test_a_card_decides_as_its_points_say(position: list[float], k: int, points: int) -> None:
    card = decoded("scorecard", WIDE, position, k=k, points=points)

    given_points = np.array(card[9:18])
    assert np.count_nonzero(given_points) <= k
    assert (given_points == np.rint(given_points)).all() and abs(given_points).max() <= points
    assert card[:9] == [0] * 9 and card[18] == 0
    # "Yes" takes a whole number of points: between two sums there is no doubt.
    assert (card[19] - 0.5).is_integer()


@pytest.mark.parametrize("name", DECODERS)
def test_a_decoded_network_decodes_to_itself(name: str) -> None:
    decode = get_decoder(name).bound_to(SHAPES[name])
    once = decode(drawn(SHAPES[name]))
    assert decode(once).tobytes() == once.tobytes()
    nothing = np.zeros((2, SHAPES[name].size), np.float32)
    assert decode(decode(nothing)).tobytes() == decode(nothing).tobytes()


@given(data=st.data(), name=st.sampled_from(sorted(DECODERS)))
def test_of_any_finite_positions_it_decodes_to_itself(data: st.DataObject, name: str) -> None:
    network = SHAPES[name]
    numbers = st.floats(-1e4, 1e4, width=32, allow_subnormal=False)
    position = data.draw(st.lists(numbers, min_size=network.size, max_size=network.size))
    decode = get_decoder(name).bound_to(network)

    once = decode(np.array([position], np.float32))

    assert np.isfinite(once).all()
    assert decode(once).tobytes() == once.tobytes()


@pytest.mark.parametrize("name", DECODERS)
def test_a_position_decodes_alike_alone_and_among_others(name: str) -> None:
    positions = drawn(SHAPES[name])
    decode = get_decoder(name).bound_to(SHAPES[name])
    together = decode(positions)
    alone = np.concatenate([decode(one[None]) for one in positions])
    assert together.tobytes() == alone.tobytes()


@pytest.mark.parametrize("name", DECODERS)
def test_decoded_weights_are_those_that_were_recorded(name: str) -> None:
    decode = get_decoder(name).bound_to(SHAPES[name])
    content = decode(drawn(SHAPES[name])).tobytes()
    assert hashlib.sha256(content).hexdigest()[:16] == GOLDEN[name]


@pytest.mark.parametrize("name", DECODERS)
def test_positions_stay_as_they_are(name: str) -> None:
    positions = drawn(SHAPES[name])
    before = positions.copy()
    get_decoder(name).bound_to(SHAPES[name])(positions)
    assert (positions == before).all()
    assert positions.flags.writeable


# ---- Decoders of users ---------------------------------------------------------------------------


def test_a_function_becomes_a_decoder() -> None:
    @shoal.decoder
    def sparse(positions: Any, *, least: float = 0.5) -> Any:
        return np.where(np.abs(positions) < least, 0, positions)

    @shoal.decoder(name="shrunk")
    def by_layers(positions: Any, network: Any, share: float = 0.5) -> Any:
        assert network is SMALL
        return positions * share

    decode = sparse.with_options(least=2).bound_to(SMALL)
    assert decode(np.arange(9, dtype=np.float32)[None] - 4)[0].tolist() == [
        *[-4, -3, -2, 0, 0],
        *[0, 2, 3, 4],
    ]
    assert (sparse.name, by_layers.name, by_layers.takes_network) == ("sparse", "shrunk", True)
    assert by_layers.bound_to(SMALL)(drawn(SMALL)).dtype == np.float32


def test_a_decoder_is_a_function_of_positions() -> None:
    with pytest.raises(DecoderError, match="The option strength of needs_more"):

        @shoal.decoder
        def needs_more(positions: Any, strength: Any) -> Any:
            return positions

    with pytest.raises(DecoderError, match="3 is no function"):
        shoal.decoder(3)  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda positions: positions[:, :-1], r"float32 of shape \(4, 8\) for .* \(4, 9\)"),
        (lambda positions: positions.tolist(), "returned a list"),
        (lambda positions: positions.astype(complex), "complex128"),
        (lambda positions: positions.fill(0), "changes the positions"),
        (lambda positions: positions * np.nan, "not finite for each of 4 positions"),
        (lambda positions: positions - positions.mean(axis=0), "other weights among others"),
        (lambda positions: positions + np.random.default_rng().random(), "called again"),
    ],
)
def test_what_is_no_decoder_is_refused(function: Any, words: str) -> None:
    made = shoal.decoder(function, name="odd")
    with pytest.raises(DecoderError, match=words) as raised:
        made.check(SMALL)
    assert raised.value.expected and raised.value.exit_code == 2


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("sign", {"scale": "neuron"}, "scale='neuron' of the decoder sign"),
        ("ternary", {"scale": "row"}, "scale='row' of the decoder ternary"),
        ("ternary", {"threshold": 1.0}, "threshold=1.0"),
        ("ternary", {"threshold": -0.1}, "threshold=-0.1"),
        ("scorecard", {"k": 0}, "k=0"),
        ("scorecard", {"points": -1}, "points=-1"),
    ],
)
def test_options_out_of_range_are_refused(name: str, options: dict[str, Any], words: str) -> None:
    with pytest.raises(DecoderError, match=words):
        get_decoder(name).with_options(**options).check(SHAPES[name])


def test_a_card_has_no_hidden_layer_and_two_classes() -> None:
    for network in (SMALL, Network((3, 3)), Network((3, 1))):
        with pytest.raises(DecoderError, match="The decoder scorecard for a network") as raised:
            get_decoder("scorecard").check(network)
    assert "max_depth=0" in raised.value.remedy


def test_an_unknown_name_is_refused_with_a_hint() -> None:
    assert find_decoder("int4") is None
    with pytest.raises(DecoderError, match="There is no decoder 'int4'") as raised:
        get_decoder("int4")
    assert raised.value.expected.startswith("int8, or one of sign")
