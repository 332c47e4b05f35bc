"""Embedders: turn texts into vectors. The port is in `port.py`; each implementation bears the name of what it drives."""
