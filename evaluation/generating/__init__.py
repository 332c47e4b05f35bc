"""Evaluation sets generated from a team's own documents: by rule, without a language model, or by one.

Every case quotes its document word for word. ``by_rule`` and the rules beside it are pure; ``reading`` is what reads the catalog.
"""
