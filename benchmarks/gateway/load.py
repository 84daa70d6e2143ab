"""Load by wrk, and what it says of it."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_MILLISECONDS = {"us": 0.001, "ms": 1.0, "s": 1000.0}


@dataclass(frozen=True, slots=True)
class Load:
    """What one run of wrk came to; *p50* and *p99* are milliseconds."""

    requests: int
    failed: int
    per_second: float
    p50: float
    p99: float


def script(directory: Path, *, model: str, size: int) -> Path:
    """Write what wrk sends: a chat request for *model* with *size* bytes of prompt."""
    file = directory / f"{model.replace('/', '-')}-{size}.lua"
    body = f'{{"model": "{model}", "messages": [{{"role": "user", "content": "{"x" * size}"}}]}}'
    file.write_text(f"wrk.method = 'POST'\nwrk.headers['content-type'] = 'application/json'\nwrk.body = '{body}'\n")
    return file


def wrk(port: int, lua: Path, *, clients: int, seconds: int) -> Load:
    """Have so many *clients* send requests for *seconds*, one after the other each."""
    url = f"http://127.0.0.1:{port}/v1/chat/completions"
    command = ["wrk", "--threads", "1", "--connections", str(clients), "--duration", f"{seconds}s", "--latency"]
    said = subprocess.run([*command, "--script", str(lua), url], capture_output=True, text=True, check=True).stdout
    return read(said)


def read(said: str) -> Load:
    """Return what wrk *said*."""
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", said)
    return Load(
        requests=int(_found(r"(\d+) requests in", said)),
        failed=(int(failed[1]) if failed else 0) + (sum(map(int, errors.groups())) if errors else 0),
        per_second=float(_found(r"Requests/sec:\s+([\d.]+)", said)),
        p50=_latency("50%", said),
        p99=_latency("99%", said),
    )


def _latency(share: str, said: str) -> float:
    found = re.search(rf"\s{share}\s+([\d.]+)(us|ms|s)", said)
    if found is None:
        raise ValueError(f"wrk has not said its latency at {share}: {said}")
    return float(found[1]) * _MILLISECONDS[found[2]]


def _found(pattern: str, said: str) -> str:
    found = re.search(pattern, said)
    if found is None:
        raise ValueError(f"wrk has not said {pattern}: {said}")
    return found[1]
