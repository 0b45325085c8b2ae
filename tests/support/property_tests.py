"""How property tests draw their examples: the same ones in every run, or new ones from a seed.

`make test` and CI use the profile "steady": a test that passed once passes again.
`make test-long` uses the profile "explore": each run draws new examples. Its seed stands in the
head of pytest's output; the same seed draws the same examples again.

No profile looks at the clock: on a busy machine an example may take as long as it likes. Nor do
examples depend on what else was imported: see `_draw_no_constants_of_ours`.
"""

from __future__ import annotations

import os
import secrets

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import providers

STEADY, EXPLORE = "steady", "explore"
SEED_VARIABLE = "SHOAL_TEST_SEED"

# A test that names its own health checks to suppress replaces these.
_BY_THE_CLOCK = [HealthCheck.too_slow]
WITH_FIXTURES = [*_BY_THE_CLOCK, HealthCheck.function_scoped_fixture]  # shared by all examples


def register_profiles() -> None:
    """Make both profiles known. Before any test module is imported: its decorators read them."""
    _draw_no_constants_of_ours()

    common = settings(database=None, deadline=None, suppress_health_check=_BY_THE_CLOCK)
    settings.register_profile(STEADY, common, derandomize=True)
    settings.register_profile(EXPLORE, common, derandomize=False, print_blob=True)
    settings.load_profile(STEADY)


def _draw_no_constants_of_ours() -> None:
    """Keep examples the same, whatever tests ran before in the same process.

    Hypothesis draws now and then a constant from the source of modules that are imported by then.
    Which ones are differs with the order of tests, and so with pytest-xdist. It has no setting for
    that; `test_property_tests.py` fails should a newer Hypothesis go another way.
    """
    none = providers.Constants()
    providers._get_local_constants = lambda: none


def choose_profile(config: pytest.Config) -> None:
    """Fill in what was not asked for. Before Hypothesis and pytest-xdist read their options.

    A seed, from ``--hypothesis-seed`` or the environment, asks for "explore": "steady" has none.
    """
    options = config.option
    seed = options.hypothesis_seed or os.environ.get(SEED_VARIABLE) or None

    if options.hypothesis_profile is None:
        options.hypothesis_profile = STEADY if seed is None else EXPLORE
    if options.hypothesis_profile == EXPLORE and seed is None:
        seed = str(secrets.randbits(32))

    options.hypothesis_seed = seed


def header(config: pytest.Config) -> str:
    """The line about property tests in the head of pytest's output."""
    profile, seed = config.option.hypothesis_profile, config.option.hypothesis_seed
    if seed is None:
        return f"property tests: {profile}, the same examples in every run"
    return f"property tests: {profile}, seed {seed}; repeat them with --hypothesis-seed={seed}"


def seed_of(config: pytest.Config) -> int:
    """A number that tests may derive seeds from: that of the run, 0 when it is steady."""
    return int(config.option.hypothesis_seed or 0)
