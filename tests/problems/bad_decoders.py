"""Decoders that no search can start with, and the sentence each is answered with."""

from __future__ import annotations

from problems.bad_simulations import Bad

_HEAD = "import numpy as np\nimport shoal\n\n"


def _decoder(*body: str, before: str = "", takes: str = "positions") -> str:
    lines = [f"    {line}" for line in body]
    return f"{_HEAD}{before}\n@shoal.decoder\ndef round_off({takes}):\n" + "\n".join(lines) + "\n"


BAD = {
    "syntax": Bad(
        "def round_off(:\n",
        "cannot be imported: line 1: SyntaxError",
        "a file that Python can import",
        "correct that line",
    ),
    "no-such-name": Bad(
        f"{_HEAD}@shoal.decoder\ndef nearest(positions): ...\n",
        "mine.py defines no 'round_off'",
        "one of nearest",
        "correct the name after the colon",
    ),
    "no-decoder": Bad(
        "def round_off(positions): ...\n",
        "mine.py:round_off is a function, not a",
        "@shoal.decoder",
        "write that line above the function",
    ),
    "other-arguments": Bad(
        f"{_HEAD}@shoal.decoder\ndef round_off(): ...\n",
        "The decoder round_off takes ()",
        "(positions), then options with defaults",
    ),
    "another-shape": Bad(
        _decoder("return positions.mean(axis=1)"),
        "The decoder round_off returned float32 of shape (4,) for positions of shape (4, ",
        "the weights of a network in each row",
        "return an array of the shape that the positions have",
    ),
    "another-type": Bad(
        _decoder("return positions + 1j"),
        "The decoder round_off returned complex64 of shape (4, ",
        "the weights of a network in each row",
        "return an array of the shape that the positions have",
    ),
    "nothing": Bad(
        _decoder("positions.round()"),
        "The decoder round_off returned a NoneType",
        "the weights of a network in each row",
        "return an array",
    ),
    "nan-for-all": Bad(
        _decoder("return np.log(-np.abs(positions))"),
        "The decoder round_off returns weights that are not finite for each of 4 positions",
        "finite weights for some position",
        "logarithms of numbers below 0",
    ),
    "raises": Bad(
        _decoder("sizes = np.abs(positions)", "raise ValueError('too large')"),
        "The decoder round_off raised ValueError: too large, in line 8 of mine.py",
        "weights of shape (4, ",
        "call it by hand: round_off(positions)",
    ),
    "prints": Bad(
        _decoder("print('decoded')", "return positions.round()"),
        "The decoder round_off prints 'decoded",
        "a function that prints nothing",
        "remove what prints",
    ),
    "differs-from-call-to-call": Bad(
        _decoder(
            "return positions + random.normal(size=positions.shape)",
            before="random = np.random.default_rng(0)\n",
        ),
        "The decoder round_off gives other weights when it is called again",
        "the same weights for the same positions",
        "draw no random numbers in it",
    ),
    "changes-its-input": Bad(
        _decoder("positions[positions < 0] = 0", "return positions"),
        "The decoder round_off changes the positions that it is handed",
        "a function that leaves them as they are",
        "work on a copy: positions = positions.copy()",
    ),
    "looks-at-other-positions": Bad(
        _decoder("return positions - positions.mean(axis=0)"),
        "The decoder round_off gives a position other weights among others than alone",
        "the same weights, to the bit",
        "look at each row by itself",
    ),
    "ends-its-process": Bad(
        _decoder("os._exit(3)", before="import os\n"),
        "ended the process that it ran in: exit code 3",
        "a function that returns",
        "leave out what exits or crashes",
    ),
}

HANGING = _decoder("while True: ...")
GOOD = _decoder("return positions.round()")
WITH_HIDDEN_LAYERS = _decoder(
    "first = network.layer_slices()[1][0]",
    "weights = positions.copy()",
    "weights[:, first] = weights[:, first].round()",
    "return weights",
    takes="positions, network",
)
