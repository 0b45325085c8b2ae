"""Random numbers, elementary functions and statistics, with the same bits on every machine.

May import inference, where the logarithm of the exported predictor stands. `compiled_code` says
where compiled functions are kept.

Start with philox.py: every random number comes from there.
"""
