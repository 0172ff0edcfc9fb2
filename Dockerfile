# syntax=docker/dockerfile:1
# Build:  docker build -t critech:0.1.0 .
# Run:    docker run --read-only --cap-drop ALL -p 127.0.0.1:8000:8000 \
#           -v "$PWD/keys:/run/critech:ro" -e CRITECH_KEYS_FILE=/run/critech/keys.json critech:0.1.0
# keys.json belongs to user 10001 with mode 600. With TLS or a socket of the service's own, give
# the container another health check.
# deploy/compose.yaml and deploy/helm run it with everything taken away; docs/operations.md says how.

# Hand in NAME@sha256:... here to pin the base by digest.
ARG PYTHON_IMAGE=python:3.11.14-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
# Exact versions, wheels only: no set-up script of a dependency runs.
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore \
    PIP_CONSTRAINT=/src/constraints.txt PIP_ONLY_BINARY=:all:
WORKDIR /src
COPY deploy/constraints.txt pyproject.toml README.md LICENSE NOTICE ./
COPY labels labels
COPY models models
COPY training training
COPY service service
# The corpus and the code that trains stay out; one text is classified, so that a broken bundle or a
# missing library ends the build.
# hadolint ignore=DL3013
RUN python -m venv --without-pip /opt/critech \
 && pip --python /opt/critech/bin/python install '.[service,signing]' \
 && rm -r /opt/critech/lib/python3*/site-packages/critech_training \
 && /opt/critech/bin/critech labels check \
 && /opt/critech/bin/critech classify 'A rocket motor with a solid propellant grain.' --json > /dev/null

FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="critech" \
      org.opencontainers.image.licenses="Apache-2.0"
# No installer, no set-uid program, a user who owns nothing.
RUN pip uninstall --quiet --yes --root-user-action=ignore pip setuptools wheel \
 && rm -rf /usr/local/lib/python3*/ensurepip /root/.cache \
 && find / -xdev -type f -perm /6000 -exec chmod a-s {} + \
 && groupadd --gid 10001 critech \
 && useradd --uid 10001 --gid 10001 --home-dir /nonexistent --no-create-home \
      --shell /usr/sbin/nologin critech
COPY --from=build /opt/critech /opt/critech
ENV PATH=/opt/critech/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 HF_HUB_OFFLINE=1 ORT_DISABLE_TELEMETRY=1 \
    CRITECH_HOST=0.0.0.0 CRITECH_PORT=8000
USER 10001:10001
WORKDIR /
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=3s --start-period=15s --retries=3 \
  CMD ["python", "-I", "-c", "import http.client as h, os; c = h.HTTPConnection('127.0.0.1', int(os.environ['CRITECH_PORT']), timeout=2); c.request('GET', '/readyz'); raise SystemExit(c.getresponse().status != 200)"]
CMD ["critech", "serve"]
