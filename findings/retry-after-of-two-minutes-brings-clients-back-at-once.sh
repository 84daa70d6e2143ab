#!/usr/bin/env bash
# openai (npm) 7.59.0, groq 1.7.0, together 3.1.1, ai 7.0.173: `Retry-After: 120` is not waited for, it is thrown away.
#
# Up to 60 s they wait as they are told. Anything longer counts as no Retry-After at all, and their own back-off takes
# its place: half a second. So the longer a server wants to be left alone, the sooner they are back, until their
# retries are used up. openai (PyPI) 3.57.0, anthropic 2.14.0 and @anthropic-ai/sdk 1.14.0 do wait for the two minutes,
# in the middle of the call.
#
# Seen, within 10 s of one call with default settings, each answered by 503 and `Retry-After: 120`:
#   openai-node: 3 requests      groq: 3 requests           together: 3 requests    ai: 3 requests
#   openai-python: 1 request     anthropic-python: 1 request     anthropic-node: 1 request
#
# Exit code 0: still so. 1: it has changed. Needs PyPI, npm, Node and Python.
set -euo pipefail
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"
python3 -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check \
    openai==3.57.0 anthropic==2.14.0 groq==1.7.0 together==3.1.1
npm install --silent --no-audit --no-fund --ignore-scripts --no-save \
    openai@7.59.0 @anthropic-ai/sdk@1.14.0 ai@7.0.173 @ai-sdk/openai-compatible@3.0.92

cat > client.py <<'PY'
import sys
name, url = sys.argv[1:]
message = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
if name == "openai-python":
    from openai import OpenAI
    OpenAI(base_url=url, api_key="unused").chat.completions.create(**message)
elif name == "groq":
    from groq import Groq
    Groq(base_url=url, api_key="unused").chat.completions.create(**message)
elif name == "together":
    from together import Together
    Together(base_url=url, api_key="unused").chat.completions.create(**message)
else:
    from anthropic import Anthropic
    Anthropic(base_url=url, api_key="unused").messages.create(max_tokens=9, **message)
PY
cat > client.mjs <<'JS'
const [name, baseURL] = process.argv.slice(2);
const message = { model: "m", messages: [{ role: "user", content: "hi" }] };
if (name === "openai-node") {
  const { default: OpenAI } = await import("openai");
  await new OpenAI({ baseURL, apiKey: "unused" }).chat.completions.create(message);
} else if (name === "ai") {
  const { generateText } = await import("ai");
  const { createOpenAICompatible } = await import("@ai-sdk/openai-compatible");
  await generateText({ model: createOpenAICompatible({ name: "here", baseURL })("m"), prompt: "hi" });
} else {
  const { default: Anthropic } = await import("@anthropic-ai/sdk");
  await new Anthropic({ baseURL, apiKey: "unused" }).messages.create({ max_tokens: 9, ...message });
}
JS
cat > try.py <<'PY'
import http.server, os, subprocess, sys, threading, time

class Server(http.server.BaseHTTPRequestHandler):
    arrivals = []
    def do_POST(self):
        self.arrivals.append(time.monotonic())
        self.rfile.read(int(self.headers["content-length"]))
        body = b'{"error": {"message": "down", "type": "server_error"}}'
        self.send_response(503)
        self.send_header("retry-after", "120")
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *arguments): pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
expected = {
    "openai-node": 3, "groq": 3, "together": 3, "ai": 3,
    "openai-python": 1, "anthropic-python": 1, "anthropic-node": 1,
}
found = {}
for name in expected:
    Server.arrivals.clear()
    program = ["node", "client.mjs"] if name in ("openai-node", "ai", "anthropic-node") else ["venv/bin/python", "client.py"]
    process = subprocess.Popen([*program, name, f"http://127.0.0.1:{server.server_port}"],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and (not Server.arrivals or time.monotonic() < Server.arrivals[0] + 10):
        time.sleep(0.1)
    if process.poll() is None:
        process.kill()
        process.wait()
    found[name] = len(Server.arrivals)
    print(f"{name}: {found[name]} requests", flush=True)
sys.exit(0 if found == expected else 1)
PY
python3 try.py
