"""Recorded trainings run again: compared to the bit, looked at frame by frame, or to predict.

May import `store`, `analysis`, `problems`, `pso`, `system` and what stands below these.
Start reading with `verify`; `worker`, `predictions` and `model_figures` do the work in processes of
their own.
"""
