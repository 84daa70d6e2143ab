"""How much of the machine a process holds, as the kernel counts it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Footprint:
    """Memory in bytes, and open files. *pss* shares out what several processes have in common."""

    rss: int
    pss: int
    descriptors: int

    def __str__(self) -> str:
        return f"{self.rss / 2**20:.1f} MiB RSS, {self.pss / 2**20:.1f} MiB PSS, {self.descriptors} descriptors"


def footprint(pid: int) -> Footprint:
    """Return what process *pid* holds now."""
    process = Path("/proc") / str(pid)
    sizes: dict[str, int] = {}
    for line in (process / "smaps_rollup").read_text().splitlines()[1:]:
        name, size, *_ = line.split()
        sizes[name.rstrip(":")] = int(size) * 1024
    return Footprint(sizes["Rss"], sizes["Pss"], len(list((process / "fd").iterdir())))
