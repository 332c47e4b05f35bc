"""Tuning: from failing turns to an adapter that has beaten the model before it. Nothing imports it but the command line."""
