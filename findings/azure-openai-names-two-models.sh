#!/usr/bin/env bash
# openai 3.57.0 (Python): a client of Azure's says two models in one request, and writes a slash in the path's as %2F.
#
# With `azure_deployment="d"` every path says `d`, and the body says what `model=` says: Azure takes the path's word, and
# whoever reads the body takes another. Without it, the path has `model=` with a slash as %2F. Whatever rejects or
# redirects escaped slashes in front of it (as Envoy's best practices for the edge advise) breaks `provider/model`, and
# so it does `models.retrieve` of any client. `responses` names no deployment at all.
#
# Seen:
#   /openai/deployments/d/chat/completions: a/b
#   /openai/deployments/a%2Fb/chat/completions: a/b
#   /openai/responses: a/b
#   /v1/models/a%2Fb: None
#
# Exit code 0: still so. 1: it has changed. Needs Python.
set -euo pipefail
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"
python3 -m venv venv
venv/bin/python -m pip install -q --disable-pip-version-check openai==3.57.0

cat > try.py <<'PY'
import http.server, json, sys, threading
from openai import AzureOpenAI, OpenAI, OpenAIError

class Server(http.server.BaseHTTPRequestHandler):
    seen = []
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"] or 0))
        self.seen.append(f"{self.path.partition('?')[0]}: {json.loads(body)['model'] if body else None}")
        self.send_response(400)
        self.send_header("content-length", "0")
        self.end_headers()
    do_GET = do_POST
    def log_message(self, *arguments): pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}"
azure = {"azure_endpoint": url, "api_key": "unused", "api_version": "2024-10-21", "max_retries": 0}
messages = [{"role": "user", "content": "Hello"}]
for ask in (
    lambda: AzureOpenAI(**azure, azure_deployment="d").chat.completions.create(model="a/b", messages=messages),
    lambda: AzureOpenAI(**azure).chat.completions.create(model="a/b", messages=messages),
    lambda: AzureOpenAI(**azure).responses.create(model="a/b", input="Hello"),
    lambda: OpenAI(base_url=f"{url}/v1", api_key="unused", max_retries=0).models.retrieve("a/b"),
):
    try:
        ask()
    except OpenAIError:
        pass
print(*Server.seen, sep="\n")
expected = [
    "/openai/deployments/d/chat/completions: a/b",
    "/openai/deployments/a%2Fb/chat/completions: a/b",
    "/openai/responses: a/b",
    "/v1/models/a%2Fb: None",
]
sys.exit(0 if Server.seen == expected else 1)
PY
venv/bin/python try.py
