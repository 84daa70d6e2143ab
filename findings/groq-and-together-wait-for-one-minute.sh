#!/usr/bin/env bash
# groq 1.7.0, together 3.1.1: a request that gets no answer is given up after 60 s and sent again, where openai 3.57.0,
# from the same generator, waits for ten minutes.
#
# A proxy that gives a silent provider 60 s before it asks another one never gets to do that: the client has hung up
# at that very moment, and its retry meets the silent provider again. Whatever is in between has to be well below.
#
# Seen, of a server that reads requests and says nothing, with max_retries=0:
#   groq: APITimeoutError after 60 s
#   together: APITimeoutError after 60 s
#   openai: still waiting after 75 s
#
# Exit code 0: still so. 1: it has changed. Takes a minute and a half; needs PyPI and Python.
set -euo pipefail
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"
python3 -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check openai==3.57.0 groq==1.7.0 together==3.1.1

cat > try.py <<'PY'
import os, socket, sys, threading, time
from groq import Groq
from openai import OpenAI
from together import Together

silent = socket.create_server(("127.0.0.1", 0))  # the kernel accepts, nobody answers
url = f"http://127.0.0.1:{silent.getsockname()[1]}"
ends = {}

def ask(name, client):
    began = time.monotonic()
    try:
        client(base_url=url, api_key="unused", max_retries=0).chat.completions.create(
            model="m", messages=[{"role": "user", "content": "hi"}]
        )
    except Exception as error:
        ends[name] = (type(error).__name__, time.monotonic() - began)

for name, client in (("groq", Groq), ("together", Together), ("openai", OpenAI)):
    threading.Thread(target=ask, args=(name, client), daemon=True).start()
time.sleep(75)
for name in ("groq", "together", "openai"):
    print(f"{name}: " + (f"{ends[name][0]} after {ends[name][1]:.0f} s" if name in ends else "still waiting after 75 s"))
as_told = set(ends) == {"groq", "together"} and all(
    kind == "APITimeoutError" and 59.5 < seconds < 65 for kind, seconds in ends.values()
)
sys.stdout.flush()
os._exit(0 if as_told else 1)
PY
venv/bin/python try.py
