#!/usr/bin/env bash
# @langchain/openai 1.6.0: neither `Retry-After` nor `x-should-retry` is looked at, although the openai package inside
# of it obeys both.
#
# It switches that package's retries off and makes its own, seven requests with exponential back-off, which see the
# error but not its headers. A server that wants to be left alone for 5 s is asked again after one or two; one that
# says "never again" as well.
#
# Seen, of one call with default settings that is answered by 503 (openai 7.59.0 for comparison):
#   Retry-After: 5         @langchain/openai comes back within 2.5 s, openai after 5 s
#   x-should-retry: false  @langchain/openai comes back, openai does not
#
# Exit code 0: still so. 1: it has changed. Needs npm, Node and Python.
set -euo pipefail
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"
npm install --silent --no-audit --no-fund --ignore-scripts --no-save \
    @langchain/openai@1.6.0 @langchain/core@1.4.0 openai@7.59.0

cat > client.mjs <<'JS'
const [name, baseURL] = process.argv.slice(2);
if (name === "openai") {
  const { default: OpenAI } = await import("openai");
  const messages = [{ role: "user", content: "hi" }];
  await new OpenAI({ baseURL, apiKey: "unused" }).chat.completions.create({ model: "m", messages });
} else {
  const { ChatOpenAI } = await import("@langchain/openai");
  await new ChatOpenAI({ model: "m", apiKey: "unused", configuration: { baseURL } }).invoke("hi");
}
JS
cat > try.py <<'PY'
import http.server, subprocess, sys, threading, time

class Server(http.server.BaseHTTPRequestHandler):
    arrivals, header = [], ()
    def do_POST(self):
        self.arrivals.append(time.monotonic())
        self.rfile.read(int(self.headers["content-length"]))
        body = b'{"error": {"message": "down", "type": "server_error"}}'
        self.send_response(503)
        self.send_header(*Server.header)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *arguments): pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()

def second_request_after(name, *header):
    """Return the seconds between the first two requests; None when there is only one."""
    Server.arrivals, Server.header = [], header
    process = subprocess.Popen(["node", "client.mjs", name, f"http://127.0.0.1:{server.server_port}"],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while process.poll() is None and len(Server.arrivals) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    if process.poll() is None:
        process.kill()
        process.wait()
    after = Server.arrivals[1] - Server.arrivals[0] if len(Server.arrivals) > 1 else None
    print(f"{header[0]}: {header[1]}  {name}: " + ("does not come back" if after is None else f"back after {after:.1f} s"))
    return after

langchain = second_request_after("@langchain/openai", "Retry-After", "5")
plain = second_request_after("openai", "Retry-After", "5")
langchain_never = second_request_after("@langchain/openai", "x-should-retry", "false")
plain_never = second_request_after("openai", "x-should-retry", "false")
as_told = (
    langchain is not None and langchain < 2.5 and plain is not None and plain >= 4.9
    and langchain_never is not None and plain_never is None
)
sys.exit(0 if as_told else 1)
PY
python3 try.py
