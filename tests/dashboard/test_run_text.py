"""How the pages say what they say."""

from __future__ import annotations

import re

import pytest

pytest.importorskip("streamlit", reason="the extra shoal[dashboard] is not installed")

from hypothesis import given
from hypothesis import strategies as st

from shoal.presentation.formatting import moment

TIMES = st.integers(0, 4_000_000_000).map(float)
PICTURE = re.compile(
    r":[\w+-]+:"
)  # a browser that sees this in Markdown loads the names of all emoji


@given(TIMES, TIMES, st.sampled_from(["Europe/Berlin", "Asia/Kathmandu", None, "nowhere"]))
def test_a_time_in_markdown_is_no_picture(time: float, now: float, zone: str | None) -> None:
    assert not PICTURE.search(moment(time, zone, now))
    assert PICTURE.search(moment(time, zone, now, seconds=True))


def test_a_time_is_in_the_viewers_zone_and_says_its_date_when_that_is_not_todays() -> None:
    noon = 1_790_000_000.0  # 2026-09-21, 14:13:20 UTC
    assert moment(noon, "Europe/Berlin", noon) == "16:13"
    assert moment(noon, "Europe/Berlin", noon, seconds=True) == "16:13:20"
    assert moment(noon, "Europe/Berlin", noon + 86_400) == "2026-09-21 16:13"
