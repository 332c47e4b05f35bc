"""RAGAS: its metrics with a language model as judge, and faithfulness with the judge that serves.

Importing RAGAS takes seconds, so only ``vendor.py`` does, and only ``factory.py`` imports what imports that, off the event loop.
"""
