"""Backups: what one consists of, how it is written so that the one before stays whole, and how it is checked and read back.

This package knows the catalog, blobs and files; what an index's snapshot is made of is ``retrieval.index``'s business, and
``footnote.cli.backup`` puts both together.
"""
