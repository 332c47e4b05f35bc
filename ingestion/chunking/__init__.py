"""Chunking: a document to chunks along its headings, with exact offsets."""

from ingestion.chunking.chunker import chunk, windows

__all__ = ["chunk", "windows"]
