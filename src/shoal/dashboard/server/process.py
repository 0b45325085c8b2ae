"""The dashboard's server process: Streamlit, ending with the process that started it.

Nothing of a page runs when nobody serves it; see `shoal.system.child`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from streamlit.web.cli import main

from shoal.system.child import Parent
from shoal.system.process import lower_priority

# Pages wait for trainings rather than trainings for pages.
NICENESS = 5


def serve(parent: Parent, arguments: Sequence[str]) -> None:
    """The entry: run Streamlit with these arguments until it is asked to end."""
    lower_priority(NICENESS)
    sys.argv = ["streamlit", *arguments]
    main()
