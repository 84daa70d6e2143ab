"""Which processes a test has started, by a mark in their environment: also those that have left their parent."""

from __future__ import annotations

from pathlib import Path


def marked_processes(variable: str, value: str) -> dict[int, str]:
    """Return names and command lines of everything that still runs with *variable* set to *value*, by process id."""
    mark, found = f"{variable}={value}".encode(), {}
    for process in Path("/proc").iterdir():
        if not process.name.isdecimal():
            continue
        try:
            if mark in (process / "environ").read_bytes().split(b"\0"):
                command = (process / "cmdline").read_text(errors="replace").replace("\0", " ")
                found[int(process.name)] = f"{(process / 'comm').read_text().strip()}: {command}"
        except OSError:  # gone meanwhile, or somebody else's
            continue
    return found
