"""The figures that a page begins with: texts stay texts."""

from __future__ import annotations

import pytest

pytest.importorskip("streamlit", reason="the extra shoal[dashboard] is not installed")

from shoal.dashboard.components.metric_tiles import metric_tiles_html, progress_bar_html


def test_each_has_its_name_its_figure_and_what_is_said_of_it() -> None:
    first, second = metric_tiles_html([("Best", "90.12 %", "± 0.4"), ("Elapsed", "3", "")]).split(
        "</div><div>"
    )
    assert "<dt>Best</dt><dd><b>90.12 %</b></dd><dd>± 0.4</dd>" in first
    assert second.startswith("<dt>Elapsed</dt><dd><b>3</b></dd></div>")


def test_nothing_that_stands_in_them_is_markup() -> None:
    html = metric_tiles_html([("<i>a</i>", "<img src=x onerror=alert(1)>", "<script>")])
    assert "<img" not in html
    assert "<script" not in html
    assert "<i>" not in html


def test_a_bar_says_how_far_it_is_to_eyes_and_to_readers() -> None:
    html = progress_bar_html(0.054, "5 % <b>", "<i>●</i> alive")
    assert 'role="progressbar" aria-valuenow="5.4" aria-label="5 % &lt;b&gt;"' in html
    assert "width: 5.4%" in html and "<p>5 % &lt;b&gt;</p>" in html
    assert html.endswith("<p><i>●</i> alive</p></div>")
