"""Simulations that no search can start with, and the sentence that each is answered with."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Bad:
    """A file inventory.py with a function ``shop``.

    Attributes
    ----------
    text
        What stands in the file.
    problem
        What the message says is wrong.
    expected, remedy
        Parts of what it says to expect and to do.
    """

    text: str
    problem: str
    expected: str
    remedy: str = ""


_BEGINNING = """\
import numpy as np
import shoal

@shoal.simulation(inputs=1, outputs=1{settings})
def shop(policy, scenario):
"""


def _file(*body: str, settings: str = "", before: str = "") -> str:
    lines = [f"    {line}" for line in body]
    return before + _BEGINNING.format(settings=settings) + "\n".join(lines) + "\n"


BAD = {
    "syntax": Bad(
        "def shop(:\n",
        "cannot be imported: line 1: SyntaxError",
        "a file that Python can import",
        "correct that line",
    ),
    "raises-at-import": Bad(
        "1 / 0\n",
        "cannot be imported: line 1: ZeroDivisionError: division by zero",
        "a file that Python can import",
        "correct that line",
    ),
    "no-such-package": Bad(
        "import no_such_package\n",
        "line 1: ModuleNotFoundError: No module named 'no_such_package'",
        "a file that Python can import",
        "install what it needs",
    ),
    "no-such-name": Bad(
        "import shoal\ndef store(): ...\n",
        "inventory.py defines no 'shop'",
        "one of store",
        "correct the name after the colon",
    ),
    "no-simulation": Bad(
        "def shop(policy, scenario): ...\n",
        "inventory.py:shop is a function, not a simulation",
        "a function under @shoal.simulation",
        "write that line above the function",
    ),
    "other-arguments": Bad(
        "import shoal\n@shoal.simulation(inputs=1, outputs=1)\ndef shop(policy): ...\n",
        "The simulation shop takes (policy)",
        "(policy, scenario), then options with defaults",
    ),
    "another-shape": Bad(
        _file("return np.zeros(3) + policy.act((1.0,))[0]"),
        "The simulation shop returned array(",
        "one number, the score",
    ),
    "another-shape-together": Bad(
        _file("return np.zeros((policy.particles, 2))", settings=", batched=True"),
        "returned an array of shape (1, 2)",
        "(1,), a number for each policy",
    ),
    "no-number": Bad(
        _file("policy.act((1.0,))", "return 'good'"),
        "The simulation shop returned 'good'",
        "one number, the score",
    ),
    "another-observation": Bad(
        _file("return policy.act((1.0, 2.0))[0]", settings=", compiled=False"),
        "The observation has the shape (2,)",
        "(1,), as the simulation's inputs say",
    ),
    "nan-for-all": Bad(
        _file("return policy.act((1.0,))[0] * np.nan"),
        "No score is finite",
        "a finite one for some policy",
        "correct the function",
    ),
    "raises": Bad(
        _file(
            "total = 0.0",
            "for step in range(200):",
            "    total += policy.act((1.0,))[0]",
            "    if step == 100:",
            "        raise ValueError('out of stock')",
            "return total",
        ),
        "raised ValueError: out of stock, in line 10 of inventory.py",
        "a score, for any policy",
        "correct the function",
    ),
    "prints": Bad(
        _file("print('ordered')", "return policy.act((1.0,))[0]"),
        "The simulation shop prints 'ordered",
        "a function that prints nothing",
        "remove what prints",
    ),
    "differs-from-call-to-call": Bad(
        _file(
            "calls.append(1)", "return policy.act((1.0,))[0] + len(calls)", before="calls = []\n"
        ),
        "It returns other scores when it is called again",
        "the same score for the same policy and scenario",
        "correct the function",
    ),
    "never-asks": Bad(
        _file("return scenario.uniform()"),
        "It never asks the policy",
        "the same score",
        "correct the function",
    ),
    "ends-its-process": Bad(
        _file("os._exit(3)", settings=", compiled=False", before="import os\n"),
        "ended the process that it ran in: exit code 3",
        "a function that returns",
        "leave out what exits or crashes",
    ),
    "searches-as-it-is-imported": Bad(
        _file("return policy.act((1.0,))[0]") + "shoal.search(shop)\n",
        "starts a search while it is imported",
        "a file that only defines things when it is imported",
        'below `if __name__ == "__main__":`',
    ),
}

HANGING = {
    "in-the-call": _file("while True:", "    policy.act((1.0,))", "return 0.0"),
    "in-the-import": "import shoal\nwhile True: ...\n",
}
