"""Processes, files, terminals and notebooks: what knows nothing of Shoal's subject.

May import only errors and the standard library, so that any process can load it first, in
milliseconds.
Start reading with `child`: how processes of ours are started, and how they end with their parent.
"""
