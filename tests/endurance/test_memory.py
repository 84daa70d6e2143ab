"""What a worker holds does not grow with what it has done."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from support.gateway.commands import Home, a_home
from support.sidecar.attempts import RESET, Abort, Attempts, Kind, refusal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

WORKERS = 2
WARM, DONE = 10_000, 100_000
MOST_GROWTH = 0.1

LONG = "x" * 170
"""Names nearly as long as they may be: whatever kept them would be seen."""

PLAIN = Kind("delivered", "openai/plain")
FAILED_OVER = Kind("failed over", "openai/plain", refusal(429))
RESET_ONCE = Kind("reset", "openai/plain", RESET)
LIMITED = Kind("asked to wait", "openai/limited", refusal(429, ("retry-after", "1")))
KEYED = Kind("limited key", "openai/keyed", refusal(429, ("retry-after", "1")))
NEW_NAME = Kind("new name", f"mistral/new-{{}}-{LONG}")
NEW_LIMITED = Kind("new name, asked to wait", f"mistral/limited-{{}}-{LONG}", refusal(529, ("retry-after", "2")))
GONE_EARLY = Kind("gone before its body", "openai/plain", abort=Abort.BEFORE_BODY)
GONE = Kind("gone before the answer", "mistral/gone-{}", abort=Abort.BEFORE_ANSWER)
GONE_WAITING = Kind("gone during a wait", "groq/patient", refusal(503, ("retry-after", "20")), abort=Abort.WAITING)
UNKNOWN = Kind("unknown model", "nobody/knows-{}")
DEEPEST = Kind("long state", f"mistral/deep-{{}}-{LONG}", refusal(503), failures=50)  # all there may be
BIG = Kind("1 MB", "openai/plain", big=True)
BIG_FAILED_OVER = Kind("1 MB, failed over", "openai/plain", refusal(429), big=True)

_OFTEN = (
    *(PLAIN, FAILED_OVER, NEW_LIMITED, KEYED, PLAIN, NEW_NAME, LIMITED, GONE, PLAIN, FAILED_OVER),
    *(NEW_LIMITED, GONE_EARLY, PLAIN, RESET_ONCE, NEW_NAME, LIMITED, UNKNOWN, KEYED, GONE_WAITING),
)
MIX = (*_OFTEN, BIG, *_OFTEN, *_OFTEN, DEEPEST, *_OFTEN, BIG_FAILED_OVER, *_OFTEN, *_OFTEN)


@dataclass(frozen=True, slots=True)
class Held:
    """Memory of a process in bytes. *anonymous* is what is its own: *resident* without programs and libraries.

    Not Pss: that moves with what other processes on the machine have mapped.
    """

    resident: int
    anonymous: int

    @classmethod
    def by(cls, pid: int) -> Held:
        """Return what process *pid* holds now."""
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
        sizes = {name: int(size) * 1024 for name, size, *_ in map(str.split, lines)}
        return cls(sizes["Rss:"], sizes["Anonymous:"])

    def growth_since(self, before: Held) -> float:
        """Return the larger of the two growths, 0.1 for a tenth more."""
        return max(self.resident / before.resident, self.anonymous / before.anonymous) - 1

    def __str__(self) -> str:
        return f"{self.resident / 2**20:.1f} MiB resident, {self.anonymous / 2**20:.1f} MiB anonymous"


@pytest.fixture
def home() -> Iterator[Home]:
    """Return a place for the sidecar; nothing may be left in it."""
    with a_home() as place:
        yield place
        place.assert_nothing_is_left()


def write_config(directory: Path) -> Path:
    """Write a configuration in which attempts leave something behind wherever they can; return its file."""
    slow = {"threshold_ms": 1, "measure": "total", "min_triggers": 3, "trigger_window_seconds": 2}
    policy = {
        "fallback_models": ["anthropic/second", "groq/third"],
        "on_high_latency": {**slow, "block_duration_seconds": 2},
        "second_round": {"delay_ms": 1},
    }
    deep = {"codes": [503], "strategy": "same_model", "max_attempts": 50}
    patient = {
        "on_status_codes": [{"codes": [503], "strategy": "same_model", "max_attempts": 1}],
        "retry_after_handling": {"apply_to": "request"},
    }
    keys = {"access_keys": [f"sk-{number}" for number in range(5)]}
    table = {
        "version": "v0.4.0",
        "model_providers": [
            {"model": "openai/plain", "access_key": "sk", "retry_policy": policy},
            {"model": "openai/limited", "access_key": "sk", "retry_policy": policy},
            {"model": "openai/keyed", **keys, "retry_policy": policy},
            {
                "model": "mistral/*",
                **keys,
                "retry_policy": {**policy, "on_status_codes": [deep], "max_total_attempts": 50},
            },
            {"model": "groq/patient", "access_key": "sk", "retry_policy": patient},
            {"model": "anthropic/second", "access_key": "sk"},
            {"model": "groq/third", "access_key": "sk"},
        ],
        "sidecar": {"workers": WORKERS, "listen": f"unix:{directory}/x.sock"},
    }
    file = directory / "memory.yaml"
    file.write_text(yaml.safe_dump(table))
    return file


def told(attempts: Attempts, held: Sequence[Held], began: float) -> str:
    """Return the figures of one moment, a line for each worker."""
    seconds = time.monotonic() - began
    return "\n".join(
        f"worker {number} after {attempts.made[number]} attempts, {seconds:.0f} s: {one}"
        for number, one in enumerate(held)
    )


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.asyncio
async def test_a_worker_holds_as_much_after_100000_attempts_as_after_10000(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    """Attempts of its own, not of all together: at most a tenth more, in all and of what is its own."""
    began = time.monotonic()
    with home.running("serve", write_config(home.directory), until=" ready ") as sidecar, capsys.disabled():
        workers = home.all_of("extproc-worker")
        addresses = [f"unix:{home.directory}/x.{number}.sock" for number in range(WORKERS)]
        history: list[list[Held]] = []
        async with Attempts(addresses, MIX) as attempts:
            for count in (WARM, DONE // 4, DONE // 2, DONE):
                await attempts.until_each_worker_has_had(count)
                history.append([Held.by(pid) for pid in workers])
                print(told(attempts, history[-1], began))  # noqa: T201 - the figures are what this is about
        mixture = "\n".join(f"{kind}: {dict(ends)}" for kind, ends in attempts.ends.items())
        print(mixture)  # noqa: T201 - the same
        assert home.all_of("extproc-worker") == workers, sidecar.output[-2000:]

    growth = [after.growth_since(warm) for warm, after in zip(history[0], history[-1], strict=True)]
    assert max(growth) <= MOST_GROWTH, f"{growth} in {history}"
    # A mixture that has become something else would show nothing.
    assert all("redispatched" in attempts.ends[kind.name] for kind in MIX if kind.failure is not None)
    assert all("aborted" in attempts.ends[kind.name] for kind in MIX if kind.abort is not Abort.NEVER)
