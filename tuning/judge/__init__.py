"""Training of a small cross-encoder that reads a claim beside its evidence. See docs/judge.md."""
