"""Loading a configuration: read, parse, expand references, validate, compile. It reports all problems at once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from extproc.config import cross_checks
from extproc.config.compiling.clusters import compile_clusters
from extproc.config.compiling.default_targets import compile_defaults
from extproc.config.compiling.endpoints import Entry
from extproc.config.compiling.gateway import compile_config, compile_policies, resolve_providers
from extproc.config.errors import ConfigError, Problem
from extproc.config.reading.environment import Expansion, Raw
from extproc.config.reading.yaml_document import parse
from extproc.config.schema.file import ConfigTable, ProviderTable
from extproc.config.schema.processes import DEFAULT_LISTEN
from extproc.config.schema.pydantic_errors import problems_of
from extproc.config.warnings import warnings_of
from extproc.json_values import is_object

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from os import PathLike

    from extproc.config.gateway import Gateway

_SECTION = "model_providers"
_OLD_SECTION = "llm_providers"
_DECISIVE = frozenset({"model", "base_url", "provider_interface", "cluster", "timeouts"})
"""Keys that determine the endpoint of an entry."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A valid configuration, and its warnings."""

    gateway: Gateway
    warnings: tuple[Problem, ...]


def load(path: str | PathLike[str], environ: Mapping[str, str]) -> Loaded:
    """Return the configuration in the file at *path*, with references expanded from *environ*.

    Raises:
        ConfigError: it cannot be read or is invalid; has all problems.
    """
    try:
        text = Path(path).read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise ConfigError([Problem(str(path), "no such file")]) from None
    except IsADirectoryError:
        raise ConfigError([Problem(str(path), "is a directory, not a file")]) from None
    except UnicodeDecodeError as error:
        raise ConfigError([Problem(str(path), f"is not UTF-8 text (byte {error.start})")]) from None
    except OSError as error:
        raise ConfigError([Problem(str(path), f"cannot be read: {error.strerror}")]) from None
    return load_text(text, environ)


def load_text(text: str, environ: Mapping[str, str]) -> Loaded:
    """Return the configuration in *text*, with references expanded from *environ*.

    Raises:
        ConfigError: it is invalid; has all problems.
    """
    parsed = parse(text)
    if parsed.value is None:
        raise ConfigError([Problem("", "the file is empty: at least version and model_providers are required")])
    expansion = Expansion(environ)
    document = expansion.expand(_with_references(parsed.value))
    if not isinstance(document, dict):
        raise ConfigError([Problem("", "the file must be a mapping with version, model_providers and so on")])
    problems = [*parsed.duplicates, *expansion.problems]
    section = _SECTION
    if _OLD_SECTION in document:
        if _SECTION in document:
            problems.append(Problem(_OLD_SECTION, "is the old name of model_providers, which is present, too: use one"))
        else:
            section = _OLD_SECTION
        old = document.pop(_OLD_SECTION)
        document.setdefault(_SECTION, old)
    return _validate(document, section, problems)


def _with_references(document: object) -> object:
    """Return *document* with the only default that is a reference to the environment."""
    if not is_object(document) or not is_object(sidecar := document.get("sidecar", {})):
        return document
    return {**document, "sidecar": {"listen": DEFAULT_LISTEN, **sidecar}}


def _validate(document: dict[str, Raw], section: str, problems: list[Problem]) -> Loaded:
    """Validate and compile *document*; *section* is the file's key of its providers, *problems* are known already."""
    providers, aliases = document.get(_SECTION), document.get("model_aliases")
    provider_names = cross_checks.provider_names(providers, section)
    config = None
    try:
        config = ConfigTable.model_validate(document)
    except ValidationError as error:
        reported = {problem.place for problem in problems}
        problems += [problem for problem in problems_of(error, renamed=section) if problem.place not in reported]
    problems += cross_checks.check_names(provider_names)
    problems += cross_checks.check_listeners(document.get("listeners"))
    problems += cross_checks.check_aliases(provider_names, aliases)
    if config is None or problems:
        raise ConfigError([*problems, *_further_problems(providers, section, provider_names)])
    entries = [Entry(f"{section}[{index}]", table) for index, table in enumerate(config.model_providers)]
    gateway = compile_config(config, entries, provider_names)
    return Loaded(gateway, tuple(warnings_of(entries, gateway, cross_checks.exact_names(provider_names))))


def _further_problems(
    providers: Raw, section: str, provider_names: tuple[cross_checks.ProviderName, ...]
) -> Iterator[Problem]:
    """Yield the compiler's problems for the valid entries of an invalid file."""
    tables = enumerate(map(_without_invalid_keys, providers if isinstance(providers, list) else []))
    entries = [Entry(f"{section}[{index}]", table) for index, table in tables if table is not None]
    resolved, problems = resolve_providers(entries)
    yield from problems
    yield from compile_policies(entries, cross_checks.exact_names(provider_names))[1]
    yield from compile_clusters(resolved).problems
    yield from compile_defaults(resolved).problems


def _without_invalid_keys(entry: Raw) -> ProviderTable | None:
    """Return *entry* without its invalid keys, or None if one of them determines its endpoint."""
    try:
        return ProviderTable.model_validate(entry)
    except ValidationError as error:
        invalid = {str(detail["loc"][0]) for detail in error.errors() if detail["loc"]}
    if not isinstance(entry, dict) or not invalid or invalid & _DECISIVE:
        return None
    return _without_invalid_keys({key: value for key, value in entry.items() if key not in invalid})
