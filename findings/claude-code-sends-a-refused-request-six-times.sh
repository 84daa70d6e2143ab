#!/usr/bin/env bash
# @anthropic-ai/claude-code 2.1.332: one prompt whose request is answered by 400 is sent six times, within half a second.
#
# Each time something is left out that an older server might not know: `anthropic-beta` values, `thinking.display`,
# deferred tools. It does not look at what the 400 says, and CLAUDE_CODE_MAX_RETRIES=0 does not concern it. Whatever
# counts or limits requests in front of the API sees six of them, a bill of errors six, for one mistake.
# Before all of them, it sends `HEAD /api/hello`.
#
# Seen:
#   HEAD /api/hello
#   POST /v1/messages?beta=true, 6 times
#   it prints: API Error: 400 no
#
# Exit code 0: still so. 1: it has changed. Needs npm, Node and Python; Linux on x86_64 or arm64.
set -euo pipefail
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"
npm install --silent --no-audit --no-fund --ignore-scripts @anthropic-ai/claude-code@2.1.332

cat > try.py <<'PY'
import http.server, json, os, subprocess, sys, threading

class Server(http.server.BaseHTTPRequestHandler):
    seen = []
    def do_HEAD(self):
        self.seen.append(f"HEAD {self.path}")
        self.send_response(200)
        self.end_headers()
    def do_POST(self):
        self.seen.append(f"POST {self.path}")
        self.rfile.read(int(self.headers["content-length"]))
        body = json.dumps({"type": "error", "error": {"type": "invalid_request_error", "message": "no"}}).encode()
        self.send_response(400)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *arguments): pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
environ = {
    "PATH": os.environ["PATH"], "HOME": os.getcwd(), "CLAUDE_CONFIG_DIR": os.getcwd() + "/config",
    "ANTHROPIC_BASE_URL": f"http://127.0.0.1:{server.server_port}", "ANTHROPIC_API_KEY": "unused",
    "ANTHROPIC_MODEL": "claude-sonnet-4-5", "CLAUDE_CODE_MAX_RETRIES": "0",
    "DISABLE_AUTOUPDATER": "1", "DISABLE_TELEMETRY": "1", "DISABLE_ERROR_REPORTING": "1",
}
command = ["node", "node_modules/@anthropic-ai/claude-code/cli-wrapper.cjs", "-p", "Say hello"]
done = subprocess.run(command, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
print(*Server.seen, done.stdout.strip(), sep="\n")
as_told = Server.seen == ["HEAD /api/hello", *["POST /v1/messages?beta=true"] * 6] and "API Error: 400 no" in done.stdout
sys.exit(0 if as_told else 1)
PY
python3 try.py
