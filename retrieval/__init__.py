"""Retrieval: embedder, index schema and search, near-duplicates, neighbours, packing into a budget, abstention."""
