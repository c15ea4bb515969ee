#!/usr/bin/env bash
# A trust-and-safety engineer with a detector and a folder of images: use.sh FOLDER
set -euo pipefail
face-forgery judge "$1" --output verdicts.csv
kedro run --pipelines inference --params "inference.images=$1"
kedro run --pipelines explanation --params "inference.images=$1"
