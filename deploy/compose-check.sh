#!/usr/bin/env bash
# Build the images, run the scenarios of tests/compose against the composed gateway, and leave nothing running.
# Without a Docker engine nothing can be tested, and that is said.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! docker info > /dev/null 2>&1; then
  echo 'NOT TESTED: there is no Docker engine, so Dockerfile and docker-compose.yml were not tested.' >&2
  exit 0
fi

compose() {
  if docker compose version > /dev/null 2>&1; then docker compose "$@"; else docker-compose "$@"; fi
}
export COMPOSE_PROJECT_NAME=extproc-check GATEWAY_PORT=${GATEWAY_PORT:-0}
trap 'compose --profile e2e down --volumes --timeout 5 > /dev/null 2>&1' EXIT

compose --profile e2e build
compose --profile e2e up --abort-on-container-exit --exit-code-from e2e
