"""The Codex command line: `codex exec` with a home of its own."""

import json
import os
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from contract import KEY, PROMPT, Asked, run

CONFIG = """\
model = "{model}"
model_provider = "gateway"
check_for_update_on_startup = false
[analytics]
enabled = false
[model_providers.gateway]
name = "gateway"
base_url = "{address}"
wire_api = "responses"
env_key = "GATEWAY_KEY"
"""
OFF = "request_max_retries = 0\nstream_max_retries = 0\n"
COMMAND = ("node_modules/.bin/codex", "exec", "--json", "--skip-git-repo-check", PROMPT)


def ask(asked: Asked) -> str:
    with TemporaryDirectory(dir=".") as home:
        config = CONFIG.format(model=asked.model, address=asked.address) + (OFF if asked.off else "")
        (Path(home) / "config.toml").write_text(config)
        environ = {**os.environ, "CODEX_HOME": str(Path(home).resolve()), "GATEWAY_KEY": KEY}
        done = subprocess.run(
            COMMAND, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
    events = [json.loads(line) for line in done.stdout.splitlines()]
    if done.returncode:
        raise RuntimeError(next((e["error"]["message"] for e in events if e["type"] == "turn.failed"), done.stderr))
    return next(e["item"]["text"] for e in events if e.get("item", {}).get("type") == "agent_message")


run(ask)
