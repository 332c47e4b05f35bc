"""footnote: a self-hosted knowledge assistant whose answers carry footnotes that were checked."""

__version__ = "0.1.0"
