"""Ingestion: parse, clean, chunk, embed, write. It meets serving in the catalog and the index alone."""
