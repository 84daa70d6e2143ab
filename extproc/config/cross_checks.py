"""Checks across entries: uniqueness, aliases.

They read the raw values and ignore those of a wrong type, which schema validation reports: a file with both kinds of
errors shows both at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from extproc.config.errors import Problem, dotted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from extproc.config.reading.environment import Raw


@dataclass(frozen=True, slots=True)
class ProviderName:
    """The names of an entry of `model_providers`; None if missing or invalid."""

    place: str
    model: str | None
    name: str | None

    @property
    def wildcard(self) -> str | None:
        """The provider, if the entry is its wildcard."""
        provider, _, model = (self.model or "").partition("/")
        return provider if model == "*" else None


def provider_names(section: Raw, key: str) -> tuple[ProviderName, ...]:
    """Return the names of the entries of *section*, the list under the file's *key*."""
    entries = section if isinstance(section, list) else []
    return tuple(
        ProviderName(
            f"{key}[{index}]",
            model=_text(entry.get("model")),
            name=_text(entry.get("name")),
        )
        for index, entry in enumerate(entries)
        if isinstance(entry, dict)
    )


def check_names(entries: tuple[ProviderName, ...]) -> Iterator[Problem]:
    """Yield a problem for each duplicate model or name."""
    models: dict[str, ProviderName] = {}
    for entry in entries:
        if entry.model is None:
            continue
        if entry.model in models:
            yield Problem(f"{entry.place}.model", f"duplicate model, first in {models[entry.model].place}")
        models.setdefault(entry.model, entry)
    named: dict[str, ProviderName] = {}
    for entry in entries:
        if entry.name is None:
            continue
        if entry.name in named:
            yield Problem(f"{entry.place}.name", f"duplicate name, first in {named[entry.name].place}")
        elif entry.name in models and entry.name != entry.model:
            yield Problem(f"{entry.place}.name", f"is the model id of {models[entry.name].place}")
        named.setdefault(entry.name, entry)


def check_listeners(section: Raw) -> Iterator[Problem]:
    """Yield a problem for each listener of type model but the first."""
    listeners = section if isinstance(section, list) else []
    models = [
        index for index, entry in enumerate(listeners) if isinstance(entry, dict) and entry.get("type") == "model"
    ]
    for index in models[1:]:
        yield Problem(
            f"listeners[{index}]", f"only one listener of type model is allowed; the first is listeners[{models[0]}]"
        )


def exact_names(entries: tuple[ProviderName, ...]) -> dict[str, str]:
    """Return model ids by unambiguous name: the ids themselves, then the configured names."""
    concrete = [(entry.model, entry.name) for entry in entries if entry.model is not None and entry.wildcard is None]
    found = {model: model for model, _ in concrete}
    for model, name in concrete:
        if name is not None:
            found.setdefault(name, model)
    return found


def names_of(entries: tuple[ProviderName, ...]) -> dict[str, str]:
    """Return model ids by every name except aliases and wildcards.

    Exact names come first; bare model names follow, where the first in the file wins.
    """
    found = exact_names(entries)
    for model in list(found.values()):
        found.setdefault(model.partition("/")[2], model)
    return found


def targets_of_aliases(section: Raw) -> dict[str, str]:
    """Return targets by alias for every valid entry of *section*."""
    entries = section if isinstance(section, dict) else {}
    found = {alias: _text(entry.get("target")) for alias, entry in entries.items() if isinstance(entry, dict)}
    return {alias: target for alias, target in found.items() if target is not None}


def resolve_alias(
    alias: str, aliases: Mapping[str, str], names: Mapping[str, str], wildcards: frozenset[str]
) -> str | None:
    """Return the id of the model that *alias* resolves to; None if there is none.

    Raises:
        RecursionError: the alias is part of a cycle.
    """
    seen: set[str] = set()
    while alias in aliases:
        if alias in seen:
            raise RecursionError
        seen.add(alias)
        alias = aliases[alias]
    if alias in names:
        return names[alias]
    provider, _, model = alias.partition("/")
    return alias if provider in wildcards and model not in {"", "*"} else None


def check_aliases(entries: tuple[ProviderName, ...], section: Raw) -> Iterator[Problem]:
    """Yield a problem for each alias without a model, or in a cycle."""
    names, aliases = names_of(entries), targets_of_aliases(section)
    wildcards = frozenset(entry.wildcard for entry in entries if entry.wildcard is not None)
    complete = all(entry.model is not None for entry in entries)
    for alias in aliases:
        place = dotted(("model_aliases", alias, "target"))
        try:
            found = resolve_alias(alias, aliases, names, wildcards)
        except RecursionError:
            yield Problem(place, "alias cycle")
            continue
        if found is None and complete:  # else its target may be the entry whose model is invalid
            yield Problem(place, "no such model or alias")


def _text(value: Raw) -> str | None:
    return value if isinstance(value, str) and value else None
