"""Random numbers: Philox's published answers, the layout that engines share, distributions, our own
functions.
"""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit, uint32
from scipy import stats

import shoal.numerics.philox
from shoal.numerics.philox import (
    Purpose,
    derive_key,
    draws,
    normal_draws,
    normals,
    philox,
    uniforms,
)
from shoal.numerics.portable_math import cos_sin_turns, exp, log
from shoal.pso.engines import kernels
from support import golden
from support.scalar_philox import ONES, scalar_philox, scalar_uniform

WORD = st.integers(0, 2**32 - 1)
PULLS = (Purpose.COGNITIVE, Purpose.SOCIAL, Purpose.GLOBAL)
KEYS = st.tuples(WORD, WORD)
KNOWN = [  # Random123, kat_vectors: counter, key, result
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((ONES,) * 4, (ONES,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


@njit
def compiled_philox(c0, c1, c2, c3, k0, k1):
    return kernels.philox_words(
        uint32(c0), uint32(c1), uint32(c2), uint32(c3), uint32(k0), uint32(k1)
    )


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN)
def test_published_answers(counter, key, answer) -> None:
    assert scalar_philox(counter, key) == answer
    assert tuple(int(w) for w in philox(counter, key)) == answer
    assert tuple(int(w) for w in compiled_philox(*counter, *key)) == answer


@settings(deadline=None, max_examples=100)
@given(st.tuples(WORD, WORD, WORD, WORD), KEYS)
def test_numpy_compiled_and_scalar_agree(counter, key) -> None:
    expected = scalar_philox(counter, key)
    assert tuple(int(w) for w in philox(counter, key)) == expected
    assert tuple(int(w) for w in compiled_philox(*counter, *key)) == expected


def test_counter_words_broadcast() -> None:
    words = philox((np.arange(3), np.arange(2)[:, None], 5, 6), (7, 8))
    for p, b in product(range(2), range(3)):
        assert tuple(int(w[p, b]) for w in words) == scalar_philox((b, p, 5, 6), (7, 8))


@settings(deadline=None, max_examples=40)
@given(KEYS, st.sampled_from(Purpose), st.integers(0, 2**31), st.integers(1, 5), st.integers(1, 30))
def test_layout_of_uniforms(key, purpose, iteration, particles, dimensions) -> None:
    values = uniforms(key, purpose, iteration, particles, dimensions)
    assert values.dtype == np.float32
    assert values.shape == (particles, dimensions)
    for p, d in product(range(particles), range(dimensions)):
        assert float(values[p, d]) == scalar_uniform(key, purpose, iteration, p, d, dimensions)


@settings(deadline=None, max_examples=25)
@given(
    KEYS, st.sampled_from(PULLS), st.integers(0, 2**31), st.integers(0, 200), st.integers(1, 200)
)
def test_compiled_uniforms_are_the_reference_s(
    key, purpose, iteration, particle, dimensions
) -> None:
    """From 0 and at rest, a pull of weight 1 towards 1 makes the velocity the random number
    itself.
    """
    stride = kernels.padded(dimensions)
    old, new = (
        tuple(np.zeros((particle + 1) * stride, np.float32) for _ in range(2)) for _ in range(2)
    )
    weights = dict(
        zip(("c1", "c2", "c3"), (np.float32(purpose is pull) for pull in PULLS), strict=True)
    )
    still = {
        "w": 0.0,
        "w_end": 1.0,
        "vmax": 1.0,
        "vmax_end": 1.0,
        "horizon": 1,
        "decay": 0.0,
        "strategy": 0,
    }
    limits = {"jump": np.float32(1), "xmax": np.float32(9), "key0": key[0], "key1": key[1]}
    rule = kernels.Rule(**still, **weights, **limits, to_position=False, number=0, abandon=False)
    bests = np.ones((particle + 1) * stride, np.float32)
    none, counts = np.empty(0), np.empty(0, np.int64)
    unused = {
        "best_losses": none,
        "losses": none,
        "shifts": none,
        "sums": none,
        "winners": counts,
        "order": counts,
    }
    unused |= {
        "informants": np.empty((0, 0), np.int32),
        "distances": none.reshape(0, 0),
        "decayed": bests,
        "networks": bests,
        "network_stride": stride,
    }
    swarm = kernels.Swarm(bests=bests, dimensions=dimensions, stride=stride, **unused)
    kernels.move(particle, old, new, swarm, 0, 0, iteration, np.float32(0), np.float32(1), rule)
    expected = uniforms(key, purpose, iteration, particle + 1, dimensions)[particle]

    for found in new:
        assert found[particle * stride :][:dimensions].tobytes() == expected.tobytes()
        assert not found[: particle * stride].any()


def test_uniforms_are_uniform_on_the_half_open_interval() -> None:
    values = uniforms((1, 2), Purpose.SOCIAL, 0, 100, 4000).ravel()
    assert 0.0 <= values.min() < 1e-4
    assert 0.9999 < values.max() < 1.0
    assert stats.kstest(values, "uniform").pvalue > 1e-3
    assert stats.chisquare(np.bincount((values * 256).astype(int), minlength=256)).pvalue > 1e-3


@pytest.mark.parametrize("word", [0, 1, 0x7FFFFFFF, 0x80000000, ONES - 1, ONES])
def test_extreme_words_stay_in_range(word, monkeypatch: pytest.MonkeyPatch) -> None:
    def constant(counter, key):
        shape = np.broadcast(*counter).shape
        return tuple(np.full(shape, word, dtype=np.uint32) for _ in range(4))

    monkeypatch.setattr(shoal.numerics.philox, "philox", constant)
    for values in (uniforms((0, 0), 1, 0, 2, 5), draws((0, 0), 1, 0, 0, 5)):
        assert (values >= 0).all()
        assert (values < 1).all()
    for values in (normals((0, 0), 1, 2, 5), normal_draws((0, 0), 1, 0, 0, 5)):
        assert np.isfinite(values).all()
        assert np.abs(values).max() < 7


@pytest.mark.parametrize("dimensions", [1, 2, 3, 4, 5, 97])
def test_layout_of_normals(dimensions) -> None:
    """Words 0 and 1 of a block make the dimensions of the first and second quarter, words 2 and 3
    the rest.
    """
    values, blocks = normals((5, 6), Purpose.POSITION, 3, dimensions), -(-dimensions // 4)
    for p, d in product(range(3), range(dimensions)):
        quarter, block = divmod(d, blocks)
        words = scalar_philox((block, p, 0, Purpose.POSITION), (5, 6))
        u, v = words[2 * (quarter // 2)], words[2 * (quarter // 2) + 1]
        wave = (math.cos, math.sin)[quarter % 2]
        expected = math.sqrt(-2 * math.log((u + 0.5) / 2**32)) * wave(2 * math.pi * v / 2**32)
        assert values[p, d] == pytest.approx(expected, rel=1e-6, abs=1e-7)


@pytest.mark.parametrize("source", ["normals", "normal_draws"])
def test_normals_are_standard_normal(source) -> None:
    if source == "normals":
        values = normals((3, 4), Purpose.POSITION, 100, 2000).astype(np.float64)
    else:
        values = np.stack(
            [normal_draws((3, 4), Purpose.MUTATION_STEP, 1, n, 2000) for n in range(100)]
        )

    n = values.size
    assert abs(values.mean()) < 4 / math.sqrt(n)
    assert abs(values.var() - 1) < 4 * math.sqrt(2 / n)
    assert abs(stats.skew(values.ravel())) < 4 * math.sqrt(6 / n)
    assert abs(stats.kurtosis(values.ravel())) < 4 * math.sqrt(24 / n)
    assert stats.kstest(values.ravel(), "norm").pvalue > 1e-3

    quarters = values.reshape(100, 4, 500).transpose(1, 0, 2).reshape(4, -1)
    correlations = np.corrcoef(quarters)[np.triu_indices(4, 1)]
    assert np.abs(correlations).max() < 4 / math.sqrt(n / 4)


def test_a_particle_s_numbers_do_not_depend_on_how_many_there_are() -> None:
    for make in (
        lambda p: uniforms((1, 2), Purpose.GLOBAL, 9, p, 13),
        lambda p: normals((1, 2), Purpose.VELOCITY, p, 13),
    ):
        assert make(3).tobytes() == make(50)[:3].tobytes()


def test_numbers_for_different_ends_are_unrelated() -> None:
    """Any change of key, purpose, iteration or particle gives other numbers, with no
    correlation.
    """
    base = uniforms((1, 2), Purpose.COGNITIVE, 3, 2, 4000)
    others = [
        uniforms((1, 3), Purpose.COGNITIVE, 3, 1, 4000)[0],
        uniforms((2, 2), Purpose.COGNITIVE, 3, 1, 4000)[0],
        uniforms((1, 2), Purpose.SOCIAL, 3, 1, 4000)[0],
        uniforms((1, 2), Purpose.GLOBAL, 3, 1, 4000)[0],
        uniforms((1, 2), Purpose.COGNITIVE, 4, 1, 4000)[0],
        base[1],
    ]
    for other in others:
        assert abs(np.corrcoef(base[0], other)[0, 1]) < 4 / math.sqrt(4000)


def test_purposes_are_distinct() -> None:
    assert len({int(p) for p in Purpose.__members__.values()}) == len(Purpose.__members__)


def test_keys_of_streams_and_seeds_are_distinct() -> None:
    seeds = [*range(60), 2**31, 2**32, 2**32 + 1, 2**40, 2**63 - 1, 2**63, 2**64 - 1]
    streams = [*range(60), 0xFFFFFFFF]
    keys = {derive_key(seed, stream) for seed, stream in product(seeds, streams)}
    assert len(keys) == len(seeds) * len(streams)
    assert all(0 <= word <= ONES for key in keys for word in key)
    assert derive_key(5, 6) == scalar_philox((5, 0, 6, 1), (0, 0))[:2]
    assert derive_key(5 + (9 << 32), 6) == scalar_philox((5, 9, 6, 1), (0, 0))[:2]


@pytest.mark.parametrize("count", [1, 3, 4, 5, 17])
def test_draws_are_words_in_order(count) -> None:
    words = [
        w for b in range(-(-count // 4)) for w in scalar_philox((b, 7, 8, Purpose.MUTATION), (1, 2))
    ]
    assert draws((1, 2), Purpose.MUTATION, 8, 7, count).tolist() == [
        w / 2**32 for w in words[:count]
    ]


def test_draws_do_not_depend_on_who_else_is_drawn_for() -> None:
    for individual in (0, 63, 64, 1000):
        words = scalar_philox((0, individual, 8, Purpose.MUTATION), (1, 2))
        assert draws((1, 2), Purpose.MUTATION, 8, individual, 4).tolist() == [
            w / 2**32 for w in words
        ]


def test_draws_cannot_be_overwritten() -> None:  # they are kept for whoever asks next
    for make in (draws, normal_draws):
        with pytest.raises(ValueError, match="read-only"):
            make((1, 2), Purpose.MUTATION, 8, 7, 3)[0] = 0.0


def ulps(actual: np.ndarray, expected: np.ndarray) -> float:
    """The largest error in units of float64's last place at the expected value, which has more
    digits than that.
    """
    rounded = expected.astype(np.float64)
    return float(np.max(np.abs(actual - expected) / np.spacing(np.abs(rounded))))


def test_log_is_within_three_ulps() -> None:
    random = np.random.default_rng(0)
    x = np.concatenate(
        [
            10.0 ** random.uniform(-307, 308, 100_000),
            random.uniform(0, 4, 100_000),
            1 + random.normal(0, 1e-6, 10_000),
            [
                5e-324,
                2.2e-308,
                math.sqrt(0.5),
                np.nextafter(math.sqrt(0.5), 0),
                np.nextafter(1, 0),
                np.nextafter(1, 2),
            ],
            [2.0, 2.0**-33, 2.0**1000, 1.7976931348623157e308],
        ]
    )
    assert ulps(log(x), np.log(x.astype(np.longdouble))) < 3
    assert log(np.array([1.0]))[0] == 0.0


def test_exp_is_within_three_ulps() -> None:
    random = np.random.default_rng(1)
    x = np.concatenate(
        [
            random.uniform(-708, 709, 100_000),
            random.normal(0, 1, 100_000),
            random.normal(0, 1e-9, 1000),
            [-708.0, 709.0],
        ]
    )
    assert ulps(exp(x), np.exp(x.astype(np.longdouble))) < 3
    assert exp(np.array([0.0, -0.0])).tolist() == [1.0, 1.0]


def test_exp_at_its_edges() -> None:
    low = exp(np.array([-746.0, -1e4, -1e300, -np.inf]))
    assert low.tolist() == [0.0] * 4
    high = exp(np.array([709.0, 710.0, 1e300, np.inf]))
    assert len(set(high.tolist())) == 1
    assert np.isfinite(high).all()
    assert (np.diff(exp(np.linspace(-745, -700, 2000))) >= 0).all()


def test_cosine_and_sine_of_turns() -> None:
    eighths = np.arange(8) / 8
    u = np.concatenate(
        [
            np.random.default_rng(2).random(200_000),
            eighths,
            np.nextafter(eighths[1:], 0),
            np.nextafter(eighths, 1),
            [2.0**-32, 1 - 2.0**-53],
        ]
    )
    cosine, sine = cos_sin_turns(u)
    angle = 2 * np.longdouble("3.14159265358979323846264338327950288") * u.astype(np.longdouble)

    assert float(np.abs(cosine - np.cos(angle)).max()) < 3e-16
    assert float(np.abs(sine - np.sin(angle)).max()) < 3e-16
    assert float(np.abs(cosine * cosine + sine * sine - 1).max()) < 1e-15

    quarters = cos_sin_turns(np.array([0, 0.25, 0.5, 0.75]))
    assert [abs(v) for v in np.array(quarters).ravel()] == [1, 0, 1, 0, 0, 1, 0, 1]
    assert (quarters[0][0], quarters[0][2], quarters[1][1], quarters[1][3]) == (1, -1, 1, -1)


@pytest.mark.parametrize("name", ["philox", "elementary"])
def test_golden(name) -> None:
    golden.check(name)
