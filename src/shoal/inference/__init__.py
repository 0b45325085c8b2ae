"""Prediction without Shoal: the one file that leaves with an exported model.

May import: the standard library and NumPy.

Start reading with `standalone`; its docstring gives the order.
"""
