"""The tables of the pages: what stands in their HTML."""

from __future__ import annotations

from html.parser import HTMLParser

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("streamlit", reason="the extra shoal[dashboard] is not installed")

from shoal.dashboard.components.html_table import Column, table_html


class Reader(HTMLParser):
    """The texts of the cells by row, and the tags with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_data(self, data: str) -> None:
        self.rows[-1][-1] += data


def test_numbers_have_their_form_and_what_is_missing_a_dash() -> None:
    frame = pd.DataFrame(
        {"Run": [1, 20], "Mean": [81.234, None], "Good": [True, False], "Name": ["a", None]}
    )
    read = Reader(table_html(frame, {"Mean": Column(".1f", "of its repeats"), "Run": ","}))
    assert read.rows == [
        ["Run", "Mean", "Good", "Name"],
        ["1", "81.2", "yes", "a"],
        ["20", "–", "no", "–"],
    ]

    heads = [attributes for tag, attributes in read.tags if tag == "th"]
    assert heads == [{"class": "n"}, {"class": "n"}, {}, {}]
    meanings = [attributes["data-meaning"] for tag, attributes in read.tags if tag == "button"]
    assert len(meanings) == 2, "Run is a word of the glossary; Good and Name are none"
    assert meanings[1] == "of its repeats"


@given(st.text(min_size=1), st.text(min_size=1))
def test_no_text_is_anything_but_text(name: str, value: str) -> None:
    hostile = f'{value}<img src=x onerror=alert(1)>"'
    frame = pd.DataFrame({f"<b>{name}": [hostile]})
    read = Reader(table_html(frame, {}))
    own = {"table", "thead", "tbody", "tr", "th", "td", "button"}
    assert {tag for tag, _ in read.tags} <= own
    attributes_of_ours = {"class", "title", "type", "data-meaning"}
    assert all(set(attributes) <= attributes_of_ours for _, attributes in read.tags)


def test_a_text_of_ten_thousand_characters_is_cut_and_told_whole() -> None:
    text = "<&" * 5_000
    read = Reader(table_html(pd.DataFrame({"Name": [text]}), {}))
    (cell,) = [attributes for tag, attributes in read.tags if tag == "td"]
    assert cell == {"class": "long", "title": text}
    assert len(read.rows[1][0]) == 300 and read.rows[1][0].endswith("…")


def test_a_cell_leads_to_the_page_of_its_value() -> None:
    column = Column(
        page=lambda value: f'evaluation?genome={value}&run=1"', text=lambda value: value[:4]
    )
    read = Reader(table_html(pd.DataFrame({"Genome": ["0123456789"]}), {"Genome": column}))
    assert read.rows[1] == ["0123"]
    assert ("a", {"href": 'evaluation?genome=0123456789&run=1"', "target": "_self"}) in read.tags


def test_whatever_a_users_table_holds_is_shown() -> None:
    frame = pd.DataFrame({"x": [[1, None], {"a": 1}, pd.Timestamp("2024-01-02"), pd.NaT]})
    assert Reader(table_html(frame, {})).rows[1:] == [
        ["[1, None]"],
        ["{'a': 1}"],
        ["2024-01-02 00:00:00"],
        ["–"],
    ]


def test_a_table_without_rows_has_its_header() -> None:
    assert Reader(table_html(pd.DataFrame({"Run": []}), {})).rows == [["Run"]]
