"""Objectives and losses that no search can start with, and the sentence each is answered with."""

from __future__ import annotations

from problems.bad_simulations import Bad

_HEAD = "import numpy as np\nimport shoal\n\n"


def _objective(*body: str, settings: str = '"maximize"', before: str = "") -> str:
    lines = [f"    {line}" for line in body]
    head = f"{_HEAD}{before}\n@shoal.objective({settings})\ndef profit(outputs, y):\n"
    return head + "\n".join(lines) + "\n"


def _loss(*body: str, settings: str = "", before: str = "") -> str:
    lines = [f"    {line}" for line in body]
    head = f"{_HEAD}{before}\n@shoal.row_loss({settings})\ndef profit(output, target):\n"
    return head + "\n".join(lines) + "\n"


BAD = {
    "syntax": Bad(
        "def profit(:\n",
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
    "no-such-name": Bad(
        "import shoal\ndef gain(): ...\n",
        "mine.py defines no 'profit'",
        "one of gain",
        "correct the name after the colon",
    ),
    "no-objective": Bad(
        "def profit(outputs, y): ...\n",
        "mine.py:profit is a function, not a simulation, a function to minimise, an objective",
        "@shoal.objective(...), @shoal.row_loss(...) or @shoal.decoder",
        "write that line above the function",
    ),
    "other-arguments": Bad(
        f"{_HEAD}@shoal.objective()\ndef profit(outputs): ...\n",
        "The objective profit takes (outputs)",
        "(outputs, y), then options with defaults",
    ),
    "other-arguments-of-a-loss": Bad(
        f"{_HEAD}@shoal.row_loss()\ndef profit(output): ...\n",
        "The row loss profit takes (output)",
        "(output, target), then options with defaults",
    ),
    "no-such-direction": Bad(
        _objective("return outputs.mean(axis=1)", settings='"larger"'),
        "direction='larger'",
        "one of minimize, maximize",
    ),
    "another-shape": Bad(
        _objective("return np.abs(outputs - y)"),
        "The objective profit returned values of shape (7, 200) for outputs of shape (7, 200)",
        "one number a network, shape (7,)",
        "reduce over the rows, the second axis",
    ),
    "one-number": Bad(
        _objective("return float(outputs.mean())"),
        "The objective profit returned values of shape ()",
        "one number a network, shape (7,)",
        "reduce over the rows",
    ),
    "no-numbers": Bad(
        _objective("return ['good'] * len(outputs)"),
        "The objective profit returned a list that holds no real numbers",
        "one number a network, shape (7,)",
    ),
    "complex-numbers": Bad(
        _objective("return outputs.mean(axis=1) + 1j"),
        "The objective profit returned a ndarray that holds no real numbers",
        "one number a network, shape (7,)",
    ),
    "nothing": Bad(
        _objective("outputs.mean(axis=1)"),
        "The objective profit returned a NoneType that holds no real numbers",
        "one number a network, shape (7,)",
    ),
    "nan-for-all": Bad(
        _objective("return np.full(len(outputs), np.nan)"),
        "The objective profit is nan for each of 7 networks, a perfect one among them",
        "a finite number for some network",
        "look for divisions by 0",
    ),
    "raises": Bad(
        _objective("return outputs[:, y + 0.5]"),
        "The objective profit raised IndexError",
        "7 values for outputs of shape (7, 200)",
        "call it by hand",
    ),
    "raises-in-a-line": Bad(
        _objective("gain = outputs.mean(axis=1)", "raise ValueError('no gain')"),
        "The objective profit raised ValueError: no gain, in line 8 of mine.py",
        "7 values for outputs of shape (7, 200)",
        "call it by hand: profit(outputs, y)",
    ),
    "prints": Bad(
        _objective("print('called')", "return outputs.mean(axis=1)"),
        "The objective profit prints 'called",
        "a function that prints nothing",
        "remove what prints",
    ),
    "differs-from-call-to-call": Bad(
        _objective(
            "return outputs.mean(axis=1) + random.normal(size=len(outputs))",
            before="random = np.random.default_rng(0)\n",
        ),
        "The objective profit returns other values when it is called again",
        "the same values for the same outputs",
        "keep nothing from call to call",
    ),
    "changes-the-outputs": Bad(
        _objective("outputs -= outputs.mean()", "return outputs.max(axis=1)"),
        "The objective profit changes outputs",
        "a function that leaves what it is handed as it is",
        "work on a copy: outputs = outputs.copy()",
    ),
    "changes-the-target": Bad(
        _objective("y.sort()", "return outputs.max(axis=1)"),
        "The objective profit changes y",
        "a function that leaves what it is handed as it is",
        "work on a copy: y = y.copy()",
    ),
    "changes-a-column": Bad(
        f'{_HEAD}@shoal.objective(columns=("amount",))\ndef profit(outputs, y, amount):\n'
        "    amount += 1.0\n    return outputs.max(axis=1)\n",
        "The objective profit changes amount",
        "a function that leaves what it is handed as it is",
        "work on a copy: amount = amount.copy()",
    ),
    "looks-at-other-networks": Bad(
        _objective("gain = outputs.mean(axis=1)", "return gain - gain.mean()"),
        "The objective profit gives a network",
        "a value that depends on no other network",
        "reduce over the rows, the second axis",
    ),
    "looks-at-the-order-of-rows": Bad(
        _objective("return outputs[:, :10].mean(axis=1)"),
        "The objective profit has other values when the rows are in another order",
        "as splits and folds shuffle the rows",
        "sort by a column of the table",
    ),
    "ends-its-process": Bad(
        _objective("os._exit(3)", before="import os\n"),
        "ended the process that it ran in: exit code 3",
        "a function that returns",
        "leave out what exits or crashes",
    ),
    "loss-does-not-compile": Bad(
        _loss("return eval('output - target')"),
        "The row loss profit does not compile",
        "a function of two numbers that Numba compiles",
        "@shoal.objective takes any Python",
    ),
    "loss-returns-an-array": Bad(
        _loss("return np.array([output, target])"),
        "The row loss profit returned array([",
        "one number, the loss of a row",
        "@shoal.objective",
    ),
    "loss-is-nan": Bad(
        _loss("return (output - target) * np.nan"),
        "The row loss profit is nan for each row",
        "finite numbers",
        "look for divisions by 0",
    ),
    "loss-raises": Bad(
        _loss("raise ValueError('no loss')"),
        "The row loss profit raised ValueError: no loss, in line 7 of mine.py",
        "a number for any output and target",
        "call it by hand: profit(output, target)",
    ),
    "loss-prints": Bad(
        _loss("print('called')", "return abs(output - target)"),
        "The row loss profit prints 'called",
        "a function that prints nothing",
        "remove what prints",
    ),
    "loss-is-negative": Bad(
        _loss("return output - target", settings="nonnegative=True"),
        "The row loss profit says nonnegative=True, and is -",
        "no value below 0",
        "leave nonnegative=True out",
    ),
    "loss-draws": Bad(
        _loss("return abs(output - target) + np.random.random()"),
        "The row loss profit returns other values when it is called again",
        "the same value for the same output and target",
        "leave out random numbers",
    ),
    "loss-means-another-thing-compiled": Bad(
        _loss("return abs(output - target) + float((int(target) + 1000) ** 7)"),
        "compiled, and",
        "which depends on no other row",
        "keep nothing from row to row",
    ),
    "loss-changes-its-output": Bad(
        _loss(
            "output[0] = 0.0",
            "return abs(output[int(target)])",
            settings='outputs="raw"',
        ),
        "The row loss profit changes its output",
        "a function that leaves what it is handed as it is",
        "work on a copy: output = output.copy()",
    ),
}

HANGING = {
    "in-the-call": _objective("while True: ..."),
    "in-the-import": "import shoal\nwhile True: ...\n",
    "of-a-loss": _loss("while True:", "    target += 1.0"),
}
