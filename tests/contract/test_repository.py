"""What the files of this repository promise each other."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from extproc.config.load import load_text
from extproc.policy.target import Api

ROOT = Path(__file__).resolve().parents[2]
LONGEST = 250
"""Lines of a module."""

DEFINED = re.compile(r"^(?:async )?def (test_\w+)", re.MULTILINE)


def normalized(name: str) -> str:
    """Return a package's name as package managers compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def requirements() -> frozenset[str]:
    """Return the names of all packages that pyproject.toml asks for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = [*project["dependencies"], *(line for extra in project["optional-dependencies"].values() for line in extra)]
    return frozenset(normalized(re.split(r"[\[<>=!~; ]", line, maxsplit=1)[0]) for line in lines)


def test_every_dependency_has_its_exact_version() -> None:
    """Otherwise a check may fail tomorrow that passed today."""
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]

    assert [line for line in lines if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", line)] == []
    assert requirements() - {normalized(line.partition("==")[0]) for line in lines} == frozenset()


def test_every_dependency_has_its_reason() -> None:
    """A package that nobody can give a reason for is to be removed."""
    reasons = (ROOT / "CONTRIBUTING.md").read_text().partition("## Dependencies")[2]
    named = {
        normalized(re.sub(r" \(.*\)", "", name))
        for line in reasons.splitlines()
        if line.startswith("| ") and not line.startswith("| package ")
        for name in line.split("|")[1].strip().split(", ")
    }

    assert requirements() == named


def test_the_readme_names_only_targets_that_exist() -> None:
    """Its commands are copied as they are."""
    text = "".join((ROOT / name).read_text() for name in ("README.md", "CONTRIBUTING.md", ".ci/run"))
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    named = set(re.findall(r"(?:`|^    )make ([a-z-]+)", text, re.MULTILINE))

    assert {"demo", "test", "check"} <= named <= targets


def test_the_documents_name_only_what_is_there() -> None:
    """Paths, and tests: whoever follows one must find it."""
    texts = [path.read_text() for path in (ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md"))]
    spans = {span for text in texts for span in re.findall(r"`([^`\n]+)`", text)}
    paths = {span for span in spans if re.fullmatch(r"\.?[\w-]+(/[\w.*-]+)+(\.\w+)?/?", span)}
    paths = {path for path in paths if path.partition("/")[0] in {one.name for one in ROOT.iterdir()}}
    tests = {span for span in spans if re.fullmatch(r"test_\w+", span)}
    defined = {name for path in (ROOT / "tests").rglob("test_*.py") for name in DEFINED.findall(path.read_text())}

    assert len(paths) > 20
    assert len(tests) > 10
    assert [path for path in sorted(paths) if not [*ROOT.glob(path.rstrip("/"))]] == []
    assert sorted(tests - defined) == []


def test_the_readmes_configuration_is_valid() -> None:
    """It is what a new user starts from, so it also gives no warning; nor does it with what is shown further down."""
    text, *more = re.findall(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)

    for part in ("", *more):
        loaded = load_text(f"{text}\n{part}", {"OPENAI_API_KEY": "one", "ANTHROPIC_API_KEY": "two"})

        assert list(loaded.gateway.catalog.targets) == ["openai/gpt-4o", "anthropic/claude-sonnet-4-5"]
        assert loaded.gateway.catalog.defaults[Api.CHAT] == "openai/gpt-4o"
        assert loaded.gateway.catalog.defaults[Api.MESSAGES] == "anthropic/claude-sonnet-4-5"
        assert loaded.warnings == ()


def test_ci_runs_what_contributors_run() -> None:
    """`make check` and `.ci/run` are one list."""
    check = re.search(r"^check: ([a-z -]+?) ##", (ROOT / "Makefile").read_text(), re.MULTILINE)
    ci = re.search(r"^for target in install ([a-z -]+);", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)

    assert check
    assert ci
    assert check[1] == ci[1]


def test_a_module_can_be_read_in_one_sitting() -> None:
    """A longer one is more than one thing."""
    package = ROOT / "extproc"
    modules = [path for path in package.rglob("*.py") if "_gen" not in path.parts]
    lines = {str(path.relative_to(package)): len(path.read_text().splitlines()) for path in modules}

    assert {name: count for name, count in lines.items() if count > LONGEST} == {}


def test_the_changelog_has_a_place_for_what_is_next() -> None:
    """Each change a user could notice is told there."""
    assert "## [Unreleased]" in (ROOT / "CHANGELOG.md").read_text()
