"""How Sphinx builds the site: `make docs`. Nothing is fetched, and every warning is an error."""

from __future__ import annotations

import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parent
sys.path.insert(0, str(DOCS / "extensions"))
sys.path.insert(0, str(DOCS.parent / "src"))

from shoal import __version__  # noqa: E402

project = "Shoal"
author = "the authors of Shoal"
copyright = author
version = release = __version__
html_title = "Shoal"

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_design",
    "reference_pages",
]
root_doc = "index"
# What other pages include, and what is no page.
exclude_patterns = ["reference/generated", "_static", "extensions"]
highlight_language = "none"
# Dashes between a parameter and its text alone; quotes stay as they are typed.
smartquotes_action = "D"

# Markdown. Headings are link targets, as on pages that list the files of a repository.
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 4

# Docstrings, which are numpy's. Types stand in their sections, as readers write them.
autodoc_typehints = "none"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
napoleon_google_docstring = False
napoleon_use_rtype = False
# Single backticks name things of Shoal, many of which are no page of this site.
default_role = "code"
# Types of inner modules have no page; a public name that is missing is an error.
nitpicky = True
nitpick_ignore_regex = [(r"py:.*", r"(?!shoal\.\w+$).*")]

html_theme = "pydata_sphinx_theme"
html_static_path = ["_static"]
html_css_files = ["shoal.css"]
html_show_sourcelink = False
html_show_sphinx = False
html_copy_source = False
html_last_updated_fmt = None
html_theme_options = {
    "logo": {"text": "Shoal"},
    "navbar_align": "left",
    "header_links_before_dropdown": 6,
    "navigation_with_keys": False,
    "show_prev_next": True,
    "footer_start": ["copyright"],
    "footer_end": [],
    # The home page has one heading.
    "secondary_sidebar_items": {"**": ["page-toc"], "index": []},
    "show_toc_level": 2,
    "pygments_light_style": "tango",
    "pygments_dark_style": "monokai",
}
# `$ ` and the output below a command are not copied.
copybutton_prompt_text = r"\$ "
copybutton_prompt_is_regexp = True
