# One image for CPU and GPU (`docker run --gpus all`): what `make setup` installs, versions and hashes included.
#
#   docker build -t face-forgery .
#   docker run --rm -v "$PWD/mine:/mine" face-forgery kedro run --pipelines inference --params inference.images=/mine
#
# The detector is in the volume or in data/06_models: mount it, or train one first (`kedro run`).
FROM python:3.11-slim

RUN apt-get update \
    && apt-get install --no-install-recommends -y git make \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /project
COPY Makefile requirements.lock pyproject.toml README.md ./
COPY requirements requirements
COPY src src
RUN make setup PYTHON=python3
COPY . .

ENV PATH=/project/.venv/bin:$PATH DO_NOT_TRACK=true MLFLOW_DISABLE_TELEMETRY=true MPLBACKEND=Agg
CMD ["kedro", "run"]
