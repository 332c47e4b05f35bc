"""The index: one schema in two engines of the same make, Qdrant Edge in-process and Qdrant server. Vendor types stay in here."""
