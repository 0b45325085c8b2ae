"""Labels that say what they mean: when pointed at, when focused, and when touched.

server/page.js shows the text; it hears of such a label by the attribute ``data-meaning``.
"""

from __future__ import annotations

from html import escape

from shoal.presentation.glossary import explanation


def explained_html(label: str, help: str = "") -> str:
    """A label as HTML: a button that shows its meaning, or the plain text where it has none.

    Parameters
    ----------
    label
        The label. It is escaped.
    help
        What it means at this place; empty: what the glossary says of the word.
    """
    text = label.strip()
    meaning = help
    if not meaning:
        entry = explanation(text)
        if entry is not None:
            meaning = entry.meaning

    if not meaning or not text:
        return escape(text)
    return (
        f'<button type="button" class="word" data-meaning="{escape(meaning)}">'
        f"{escape(text)}</button>"
    )
