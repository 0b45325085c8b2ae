"""`python -m shoal.cli` is the command `shoal`."""

import sys
from pathlib import Path

if __name__ == "__main__":
    # As for the command: Python has put the current folder first, where a user may have a queue.py.
    if sys.path[0] == str(Path.cwd()):
        del sys.path[0]

    from shoal.cli.main import main

    main()
