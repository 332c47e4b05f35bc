"""Serving: answering (retrieve, prompt, generate, cite, verify), releases, and the HTTP API."""
