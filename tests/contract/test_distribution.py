"""What is published: the wheel, built from the source archive, holds all that runs and nothing else."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 100.0

Done = subprocess.CompletedProcess[str]


def run(*command: str | Path, cwd: Path = ROOT, environ: dict[str, str] | None = None) -> Done:
    """Run *command* to its end, with no more of this environment than it needs; it must succeed."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return subprocess.run(
        command,
        cwd=cwd,
        env={**kept, **(environ or {})},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Build the source archive, and the wheel from it; return both."""
    directory = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", directory)
    (archive,), (wheel,) = directory.glob("*.tar.gz"), directory.glob("*.whl")
    return archive, wheel


@pytest.fixture(scope="module")
def installed(built: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Done]:
    """Install the wheel where nothing else of this repository is; return what runs a program of that place.

    What it depends on comes from this environment. Our own code cannot: it is here by a file that only a directory of
    installed packages is searched for, and what is only named in one is none.
    """
    place = tmp_path_factory.mktemp("installed")
    venv.create(place, symlinks=True)
    interpreter = place / "bin" / "python"
    run(sys.executable, "-m", "pip", "--python", interpreter, "install", "--no-index", "--no-deps", built[1])
    (packages,) = place.glob("lib/python*/site-packages")
    (packages / "dependencies.pth").write_text(f"{sysconfig.get_path('purelib')}\n")

    def program(name: str, *arguments: str | Path, **environ: str) -> Done:
        return run(place / "bin" / name, *arguments, cwd=place, environ=environ)

    return program


def modules() -> set[str]:
    """Return the files of the package as they stand in the repository."""
    files = (path for path in (ROOT / "extproc").rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {str(path.relative_to(ROOT)) for path in files}


def test_the_wheel_holds_the_package_and_what_it_is_known_by(built: tuple[Path, Path]) -> None:
    """All modules, the generated ones and their types among them, and the marker that all has types."""
    with zipfile.ZipFile(built[1]) as wheel:
        found = set(wheel.namelist())
    metadata = {name for name in found if ".dist-info/" in name}

    assert found - metadata == modules()
    assert found >= {"extproc/py.typed", "extproc/_gen/wire_pb2.py", "extproc/_gen/state_pb2.pyi"}
    assert {re.sub(r"^[^/]*/", "", name) for name in metadata} == {
        *("METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE")
    }


def test_the_source_archive_can_be_built_and_read(built: tuple[Path, Path]) -> None:
    """The wheel was made from it; whoever packages it also wants the tests and what they read."""
    with tarfile.open(built[0]) as archive:
        found = {name.partition("/")[2] for name in archive.getnames()}

    assert found >= modules()
    assert found >= {"LICENSE", "README.md", "CHANGELOG.md", "pyproject.toml", "constraints.txt", "Makefile"}
    assert found >= {"configs/failover.yaml", "envoy/envoy.yaml", "protos/generate.py", "tests/conftest.py"}
    assert [name for name in found if name.startswith((".venv", ".git/", "dist/"))] == []


def test_what_is_installed_is_the_wheel(installed: Callable[..., Done]) -> None:
    """Else the tests below would show that the repository runs."""
    told = installed("python", "-c", "import extproc, sys; print(extproc.__file__.startswith(sys.prefix))")

    assert told.stdout == "True\n"


def test_it_says_what_it_can_do(installed: Callable[..., Done]) -> None:
    told = installed("extproc", "--help").stdout

    assert "Usage: extproc" in told
    assert {*re.findall(r"^  ([a-z]+) ", told, re.MULTILINE)} >= {"up", "serve", "validate", "render", "doctor"}


def test_it_checks_and_renders_a_configuration(installed: Callable[..., Done]) -> None:
    """Reading YAML, compiling, and the classes of Envoy's configuration are all there."""
    config, keys = ROOT / "configs" / "failover.yaml", {"OPENAI_API_KEY": "one", "ANTHROPIC_API_KEY": "two"}

    assert installed("extproc", "validate", config, **keys).returncode == 0
    assert "static_resources:" in installed("extproc", "render", config, **keys).stdout


def test_it_describes_its_configuration(installed: Callable[..., Done]) -> None:
    assert '"$schema"' in installed("extproc", "schema").stdout


def test_it_is_a_module_as_well(installed: Callable[..., Done]) -> None:
    assert "Usage:" in installed("python", "-m", "extproc", "--help").stdout
