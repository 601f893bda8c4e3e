"""The OPTIMADE databases that matscreen knows by a short name; facts of a checked table."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from matscreen.data import data_path
from matscreen.errors import InputError

ALL = "all"
"""Stands for every provider of the table."""

_Text = Annotated[str, Field(min_length=2)]


class Provider(BaseModel):
    """One database.

    Attributes:
        name: Short name.
        title: What it calls itself.
        url: Base URL of its OPTIMADE API.
        home: Page for people.
        licence: Licence of entries that state none of their own.
        citation: What to cite.
        kind: Whether its structures were computed or measured.
        method: Functional, or kind of measurement.
        hull_field: Its own field of the energy above the hull that a filter can name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
    title: _Text
    url: _Text
    home: _Text
    licence: _Text
    citation: _Text
    kind: Literal["computed", "experimental"]
    method: _Text
    hull_field: Annotated[str, Field(pattern=r"^_[a-z0-9]+_[a-z0-9_.]+$")] | None = None

    @field_validator("url", "home")
    @classmethod
    def _is_address(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query:
            raise ValueError(f"{value!r} is no http or https address")
        return value.rstrip("/")

    @property
    def source(self) -> str:
        """Name of its items' source."""
        return f"optimade:{self.name}"

    @property
    def label_method(self) -> str:
        """Method of the values that it publishes."""
        return f"provider:{self.source} ({self.method})"


def load_providers(path: Path) -> tuple[Mapping[str, Provider], Mapping[str, str]]:
    """Read a table of providers.

    Returns:
        Providers by name, and the reasons of those that are left out on purpose.

    Raises:
        InputError: The table is malformed, or two providers share an address.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        providers = {
            name: Provider(name=name, **facts)
            for name, facts in document.get("provider", {}).items()
        }
        excluded = {
            name: f"{facts['title']} is left out: {facts['reason']} ({facts['home']})"
            for name, facts in document.get("excluded", {}).items()
        }
    except (tomllib.TOMLDecodeError, ValidationError, TypeError, KeyError) as error:
        raise InputError(f"the table of providers {path.name} is wrong: {error}") from error
    addresses = [provider.url for provider in providers.values()]
    if len(set(addresses)) < len(addresses) or providers.keys() & excluded.keys():
        raise InputError(f"the table of providers {path.name} names a database twice")
    return providers, excluded


@cache
def _shipped() -> tuple[Mapping[str, Provider], Mapping[str, str]]:
    return load_providers(data_path("reference", "optimade_providers.toml"))


def list_providers() -> tuple[Provider, ...]:
    """Return every known provider, in the order of the table."""
    return tuple(_shipped()[0].values())


def get_provider(name: str) -> Provider:
    """Return a provider by its short name.

    Raises:
        InputError: No provider has this name, or it is left out on purpose.
    """
    providers, excluded = _shipped()
    if name in providers:
        return providers[name]
    if name in excluded:
        raise InputError(excluded[name])
    close = difflib.get_close_matches(name, providers, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else "."
    raise InputError(
        f"unknown OPTIMADE provider {name!r}{hint} Known: {', '.join(providers)}, {ALL}, "
        "or a base URL such as https://example.org/optimade"
    )


def provider_at(url: str) -> Provider | None:
    """Return the known provider that has this base URL, with or without `/v1`."""
    bare = url.rstrip("/").removesuffix("/v1")
    return next((each for each in list_providers() if each.url == bare), None)
