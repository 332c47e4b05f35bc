"""Generators: write drafts. The port is in `port.py`."""
