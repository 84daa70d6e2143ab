"""The aider command line: `aider --message` in an empty folder."""

import os
import subprocess
import sys
from tempfile import TemporaryDirectory

from contract import KEY, PROMPT, Asked, run

# Nothing but the one request.
COMMAND = (
    *(sys.executable, "-m", "aider", "--message", PROMPT, "--edit-format", "ask", "--no-git", "--no-stream"),
    *("--no-pretty", "--yes-always", "--no-check-update", "--no-analytics", "--no-show-model-warnings"),
)


def ask(asked: Asked) -> str:
    with TemporaryDirectory() as home:
        done = subprocess.run(
            [*COMMAND, "--model", f"openai/{asked.model}"],  # the first part says which API it speaks
            cwd=home,
            env={**os.environ, "HOME": home, "OPENAI_API_BASE": asked.address, "OPENAI_API_KEY": KEY},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    said, answered, _ = done.stdout.partition("Repo-map: disabled")[2].partition("\nTokens: ")
    if not answered:  # it exits with 0 all the same
        raise RuntimeError(said.rpartition(" seconds...")[2].partition("Warning: ")[0].strip() or done.stderr)
    return said.strip().rpartition("\n\n")[2]  # notes about itself come first


run(ask)
