#!/usr/bin/env python
"""Compile protos/*.proto into extproc/_gen; with --check, compare instead and exit 1 when they differ."""

from __future__ import annotations

import argparse
import difflib
import sys
import tempfile
from pathlib import Path

import grpc_tools  # type: ignore[import-untyped]  # ships no types
from grpc_tools import protoc

PROTOS = Path(__file__).resolve().parent
ROOT = PROTOS.parent
PACKAGE = Path("extproc", "_gen")
WELL_KNOWN = Path(grpc_tools.__file__).parent / "_proto"

INIT = '"""Generated from protos/ by `python protos/generate.py`: do not edit."""\n'


def compile_protos() -> dict[Path, str]:
    """Return what extproc/_gen has to contain: the text of each file by its path below the root."""
    sources = sorted(PROTOS.glob("*.proto"))
    with tempfile.TemporaryDirectory() as directory:
        out = Path(directory)
        # The sources are shown to protoc as if they stood in the package: so the generated modules import each other by
        # their full names, and the names of the files cannot clash with anyone else's in protobuf's pool.
        arguments = [f"-I{PACKAGE}={PROTOS}", f"-I{WELL_KNOWN}", f"--python_out={out}", f"--pyi_out={out}"]
        if protoc.main(["protoc", *arguments, *(str(PACKAGE / source.name) for source in sources)]):
            raise SystemExit(1)  # protoc has said why
        generated = {path.relative_to(out): path.read_text() for path in sorted(out.rglob("*.py*"))}
    return {PACKAGE / "__init__.py": INIT, **generated}


def committed() -> dict[Path, str]:
    """Return what extproc/_gen does contain."""
    return {path.relative_to(ROOT): path.read_text() for path in sorted((ROOT / PACKAGE).glob("*.py*"))}


def difference(present: dict[Path, str], wanted: dict[Path, str]) -> str:
    """Return the unified diff that leads from *present* to *wanted*; empty when they are equal."""
    return "".join(
        line
        for path in sorted(present.keys() | wanted.keys())
        for line in difflib.unified_diff(
            present.get(path, "").splitlines(keepends=True),
            wanted.get(path, "").splitlines(keepends=True),
            f"committed/{path}",
            f"generated/{path}",
        )
    )


def write(wanted: dict[Path, str]) -> None:
    """Make extproc/_gen contain *wanted* and nothing else."""
    (ROOT / PACKAGE).mkdir(exist_ok=True)
    for path in committed().keys() - wanted.keys():
        (ROOT / path).unlink()
    for path, text in wanted.items():
        (ROOT / path).write_text(text)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 with a diff when files differ")
    if not parser.parse_args().check:
        write(compile_protos())
        return
    diff = difference(committed(), compile_protos())
    if diff:
        sys.stdout.write(diff)
        sys.stderr.write("extproc/_gen does not match protos/: run `python protos/generate.py`\n")
        raise SystemExit(1)


if __name__ == "__main__":
    main()
