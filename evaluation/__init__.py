"""Evaluation: scores of answers against labels, with their intervals. It scores exactly the code that is served."""
