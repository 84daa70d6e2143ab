"""The Claude Code command line: `claude -p`, with a home of its own and without telemetry."""

import json
import os
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from contract import KEY, PROMPT, Asked, run

# Its package's own way to start where npm runs no install scripts.
COMMAND = ("node", "node_modules/@anthropic-ai/claude-code/cli-wrapper.cjs", "-p", PROMPT, "--output-format", "json")


def ask(asked: Asked) -> str:
    with TemporaryDirectory(dir=".") as home:
        environ = {
            **os.environ,
            "CLAUDE_CONFIG_DIR": str(Path(home).resolve()),
            "ANTHROPIC_BASE_URL": asked.address,
            "ANTHROPIC_API_KEY": KEY,
            "ANTHROPIC_MODEL": asked.model,
            "DISABLE_AUTOUPDATER": "1",
            "DISABLE_ERROR_REPORTING": "1",
            "DISABLE_TELEMETRY": "1",
            **({"CLAUDE_CODE_MAX_RETRIES": "0"} if asked.off else {}),
        }
        done = subprocess.run(
            COMMAND, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
    answer = json.loads(done.stdout) if done.stdout else {"is_error": True, "result": done.stderr}
    if answer["is_error"]:
        raise RuntimeError(answer["result"])
    return answer["result"]


run(ask)
