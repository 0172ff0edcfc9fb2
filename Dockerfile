# syntax=docker/dockerfile:1
# Build: docker build -t critech .
# Run:   docker run -p 8000:8000 -e CRITECH_KEYS="$(cat keys.json)" critech      (docs/access.md)

FROM python:3.11-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY labels labels
COPY models models
COPY training training
COPY service service
RUN python -m venv /opt/critech \
 && /opt/critech/bin/pip install '.[service]' \
 && /opt/critech/bin/critech labels check

FROM python:3.11-slim
LABEL org.opencontainers.image.title="critech" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin critech
COPY --from=build /opt/critech /opt/critech
ENV PATH=/opt/critech/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 \
    CRITECH_HOST=0.0.0.0 CRITECH_PORT=8000
USER 10001
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=3s --start-period=15s --retries=3 \
  CMD ["python", "-c", "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ['CRITECH_PORT'] + '/readyz', timeout=2)"]
CMD ["critech", "serve"]
