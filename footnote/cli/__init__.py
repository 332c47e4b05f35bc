"""The command line, and wiring: the one place where settings become objects."""
