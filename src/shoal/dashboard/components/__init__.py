"""Parts of pages: cards, tables, charts in their places, the form of a new run, the style sheet.

May import: the dashboard's charts, session, routing and error box, presentation, and everything
below. Pages import from here; nothing here imports a page.

Start with `html_table` and `deferred_charts`, which most pages use, and `auto_refresh`, which has
a page draw itself again.
"""
