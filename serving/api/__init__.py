"""The HTTP API: OpenAI-compatible routes over ``serving.services``. FastAPI and HTTP are known here and nowhere else."""
