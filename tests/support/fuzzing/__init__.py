"""Strange input, for hours: what reads files of strangers answers it, or refuses it in a sentence.

    make fuzz TARGET=tables MINUTES=60

`targets` says what a target is; `tables`, `models` and `settings` are the three. `__main__` runs
one, by atheris, in processes that `fuzzer` is; it finds what reaches new code, and goes on from
there. `tests/test_fuzzing.py` runs each target over its seeds without atheris.
"""
