"""Owners that no key stands for."""

LOCAL_OWNER = "local"
"""The user who runs the server: everybody, where no keys are set."""

SYSTEM_OWNER = "footnote"
"""footnote itself: the collection ``default`` and the releases are its own, and so everybody's. No key may name it."""
