"""Python imports this at its start, where this folder is on its path; see `other_systems`."""

import os

from support.other_systems import VARIABLE, simulate

simulate(os.environ[VARIABLE])
