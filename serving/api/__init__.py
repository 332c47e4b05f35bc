"""The HTTP API: OpenAI-compatible, a thin shell around answering, the catalog and the blobs. FastAPI stays in here."""
