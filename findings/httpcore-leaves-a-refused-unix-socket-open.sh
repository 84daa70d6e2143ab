#!/usr/bin/env bash
# httpcore 1.0.9 (httpx 0.28.1): a connection to a Unix socket at which nobody listens leaves its file descriptor open.
#
# `SyncBackend.connect_unix_socket` makes the socket and closes it in no case when `connect` fails; by TCP the standard
# library does. Who waits for a server (an Envoy's admin endpoint, say) by asking again and again leaves one descriptor
# open each time until the garbage collector comes, and gets a ResourceWarning, which is an error under `python -W error`.
#
# Seen:
#   refused by TCP: 0 ResourceWarnings
#   refused at a Unix socket: 1 ResourceWarning
#
# Exit code 0: still so. 1: it has changed. Needs Python with venv; Linux.
set -euo pipefail
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
python3 -m venv "$directory/venv"
"$directory/venv/bin/pip" install -qq --disable-pip-version-check httpx==0.28.1 httpcore==1.0.9
cat > "$directory/try.py" <<'PY'
import gc, socket, sys, warnings, httpx

path = sys.argv[1]
with socket.socket(socket.AF_UNIX) as gone:
    gone.bind(path)  # nobody listens there
with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]

def refused(url, **options):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        with httpx.Client(transport=httpx.HTTPTransport(**options)) as client:
            try:
                client.get(url)
            except httpx.ConnectError:
                pass
            else:
                sys.exit("somebody has answered")
        gc.collect()
    return sum(warning.category is ResourceWarning for warning in told)

by_tcp, by_socket = refused(f"http://127.0.0.1:{port}/"), refused("http://server/", uds=path)
print(f"refused by TCP: {by_tcp} ResourceWarnings")
print(f"refused at a Unix socket: {by_socket} ResourceWarning")
sys.exit((by_tcp, by_socket) != (0, 1))
PY
"$directory/venv/bin/python" "$directory/try.py" "$directory/s"
