# The image of training and of scoring: the checkout with the packages of training. `make image-training` builds it from the
# committed files; docs/kubernetes.md shows the CronJob and the Job that run it. A service never needs it.
ARG BASE_IMAGE=python:3.11-slim

FROM ${BASE_IMAGE} AS build
ENV LANG=C.UTF-8 UV_NO_PROGRESS=1 UV_NO_CACHE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never
# The address of another package index; it stays in this stage.
ARG UV_DEFAULT_INDEX
SHELL ["/bin/sh", "-eu", "-c"]
WORKDIR /build
COPY requirements/uv.txt requirements/uv.txt
RUN command -v uv > /dev/null || pip install --no-cache-dir --require-hashes -r requirements/uv.txt
COPY pyproject.toml ./
COPY requirements requirements
# Libraries that training does not need itself: object stores and Postgres. Their versions are those of the lock of development.
ARG PACKAGES="s3fs psycopg[binary]"
# hadolint ignore=SC2086 # PACKAGES is a list of words
RUN uv venv --python 3.11 /app/.venv \
  && export VIRTUAL_ENV=/app/.venv \
  && uv pip install --no-deps --require-hashes -r requirements/training.txt \
  && set -f \
  && if [ -n "$PACKAGES" ]; then uv pip install --constraint requirements/dev.txt $PACKAGES; fi

FROM ${BASE_IMAGE}
COPY --from=build /app/.venv /app/.venv
COPY . /app/tabento
ENV LANG=C.UTF-8 \
  PATH=/app/.venv/bin:/usr/local/bin:/usr/bin:/bin \
  VIRTUAL_ENV=/app/.venv \
  PYTHONUNBUFFERED=1 \
  PYTHONDONTWRITEBYTECODE=1 \
  BENTOML_HOME=/var/lib/tabento/bentoml \
  BENTOML_DO_NOT_TRACK=True \
  MLFLOW_DISABLE_TELEMETRY=true \
  ORT_DISABLE_TELEMETRY=1 \
  MPLCONFIGDIR=/tmp/matplotlib \
  TABENTO_TRAINING_DATA_FOLDER=/var/lib/tabento/data \
  TABENTO_TRAINING_RUNS_FOLDER=/var/lib/tabento/runs \
  TABENTO_TRAINING_REGISTRY_FOLDER=/var/lib/tabento/registry \
  TABENTO_TRAINING_ARTIFACTS_FOLDER=/var/lib/tabento/artifacts
RUN install -d -o 1034 -g 1034 /var/lib/tabento
WORKDIR /app/tabento
USER 1034:1034
ENTRYPOINT ["/app/.venv/bin/python", "-m", "training"]
CMD ["--help"]
