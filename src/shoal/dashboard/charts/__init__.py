"""Charts of the dashboard: for each, its data as a table or dataclass, then the drawing of it.

May import: presentation, analysis, replay, store and everything below them; no Streamlit, and no
other part of the dashboard, so a test reads a chart without a browser.

Start with `vega`, what most charts share, and `history`, the chart of the page Live. Functions
named ``*_data`` compute, functions named ``*_chart`` draw, functions named ``*_html`` make HTML.
"""
