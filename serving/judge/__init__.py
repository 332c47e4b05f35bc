"""Judges: say whether a claim rests on the passages. The port is in `port.py`."""
