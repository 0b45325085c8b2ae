"""Recorded trainings run again: compared to the bit, looked at frame by frame, or to predict.

May import `store`, `analysis`, `problems`, `pso`, `system` and what stands below these.
Start reading with `verify`. `predictions`, `learning_curves` and `episodes` ask a process once;
what pages ask again and again (`worker`, `model_figures`, ...) stands on `page_processes`.
"""
