#!/usr/bin/env bash
# Bake a detector from a sample and run its whole pipeline; a second run repeats nothing that is done.
set -euo pipefail
cd "$(dirname "$0")/.."
sample=${1:-neon_trees}
factory=$PWD

# A machine where Git does not know its user yet can run the demo all the same.
git config user.email > /dev/null || export GIT_AUTHOR_NAME=demo GIT_AUTHOR_EMAIL=demo@localhost \
  GIT_COMMITTER_NAME=demo GIT_COMMITTER_EMAIL=demo@localhost

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }

say "1/4  The sample $sample"
factory sample "$sample" --out "build/samples/$sample"
suggested=$(find "build/samples/$sample/detectors" -mindepth 1 -maxdepth 1 | sort | head -n 1)
name=$(sed -n 's/^ *detector_name: *//p' "$suggested/answers.yaml")
detector=build/$name

say "2/4  A detector repository in $detector"
if [ ! -d "$detector" ]; then
  cookiecutter . --no-input --config-file "$suggested/answers.yaml" --output-dir build \
    factory_core="$factory"
fi
if [ ! -f "$detector/data/raw.dvc" ]; then
  mkdir -p "$detector/data/raw"
  cp -r "build/samples/$sample/scenes" "build/samples/$sample/labels" "$detector/data/raw/"
  cp "$suggested/baseline.yaml" "$detector/conf/experiment/baseline.yaml"
  (
    cd "$detector"
    factory compose
    dvc add --quiet data/raw
    git add --all
    git commit --quiet --message "The sample $sample"
  )
fi

say "3/4  dvc repro"
cd "$detector"
dvc repro
git add --all
git diff --cached --quiet || git commit --quiet --message "First release"

say "4/4  What it reached"
sed -n '/metrics:begin/,/metrics:end/{//!p}' README.md
printf '\nReport: %s\n' "$PWD/evaluation/test/report.html"
printf 'Go on:  cd %s && source %s/.venv/bin/activate && dvc exp show\n' "$PWD" "$factory"
