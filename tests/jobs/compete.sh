#!/usr/bin/env bash
# A competitor, from the challenge's folder to a submission: compete.sh PHASE1
set -euo pipefail
kedro run --params "data.root=$1,data.origin=photographed,model.pretrained=true"
head -3 data/07_model_output/submission.csv
