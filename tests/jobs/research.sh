#!/usr/bin/env bash
# A researcher: what a kind costs that training never sees, and which of two detectors is better: research.sh SET KIND
set -euo pipefail
kedro run --params "data.root=$1"
cp data/07_model_output/val_scores.parquet with.parquet
kedro run --pipelines ingestion,splitting,training,evaluation --params "data.root=$1,splitting.holdout.by=kind,splitting.holdout.hold_out=$2"
kedro run --pipelines comparison --params "comparison.scores.with=with.parquet,comparison.scores.without=data/07_model_output/val_scores.parquet"
