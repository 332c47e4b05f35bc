"""The API's objects as clients see them: one module per family, requests and answers together."""
