"""Imported by the fork server before any library that counts cores: a worker uses one."""

import os

from shoal.system.process import SINGLE_THREADED

os.environ.update(SINGLE_THREADED)
