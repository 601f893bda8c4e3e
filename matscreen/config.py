"""A screen: what is asked of the candidates, read from TOML, frozen and validated."""

from __future__ import annotations

import difflib
import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from matscreen.data import data_path
from matscreen.errors import ConfigError, InputError


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Constraints(_Section):
    """Which candidates may be called feasible at all.

    Attributes:
        max_energy_above_hull: Largest energy above the hull, eV/atom; unknown values pass.
        allow_hazardous: Keep toxic (As, Be, Cd, Hg, Tl) and radioactive compounds.
        exclude_elements: Elements that no candidate may hold.
        max_hhi: Largest Herfindahl-Hirschman index of reserves, 0 to 10,000.
        require_made: Keep only compounds known to have been made.
        max_process_temperature: Largest estimated crystallisation temperature, K.
        max_mismatch: Largest in-plane strain on the best substrate, per cent.
        substrates: Substrates to match; all known ones by default.
        min_endurance_margin: Smallest ratio of the stress that damages to that of one event.
        min_on_off_decades: Smallest decades between the states that a reader sees.
    """

    max_energy_above_hull: float = Field(default=0.1, ge=0.0)
    allow_hazardous: bool = False
    exclude_elements: tuple[str, ...] = ()
    max_hhi: float | None = Field(default=None, gt=0.0)
    require_made: bool = False
    max_process_temperature: float | None = Field(default=None, gt=0.0)
    max_mismatch: float | None = Field(default=None, gt=0.0)
    substrates: tuple[str, ...] | None = None
    min_endurance_margin: float | None = Field(default=None, gt=0.0)
    min_on_off_decades: float | None = Field(default=None, gt=0.0)

    @field_validator("exclude_elements")
    @classmethod
    def _are_elements(cls, symbols: tuple[str, ...]) -> tuple[str, ...]:
        """Refuse a misspelt symbol, which would exclude nothing and say nothing."""
        from ase.data import chemical_symbols

        for symbol in symbols:
            if symbol not in chemical_symbols[1:]:
                raise ValueError(f"there is no element {symbol!r}")
        return symbols


class Ranking(_Section):
    """How the Monte-Carlo ranking is drawn.

    Attributes:
        samples: Draws of properties and model errors.
        seed: Seed of every draw; the same seed gives the same bytes.
        top_k: Number of candidates whose structures are exported.
    """

    samples: int = Field(default=2000, ge=100, le=100_000)
    seed: int = Field(default=0, ge=0)
    top_k: int = Field(default=30, ge=1)


class Budget(_Section):
    """How much may fail before a stage fails.

    Attributes:
        max_failed_fraction: Largest share of items that a stage may lose.
    """

    max_failed_fraction: float = Field(default=0.9, ge=0.0, le=1.0)


class Screen(_Section):
    """One screening question.

    Attributes:
        name: Short name, also the folder of its results.
        title: One line for people.
        description: What the screen is for.
        application: The event whose energy is ranked: `synapse` one of N analog levels, `neuron`
            one spike, `logic` one toggle.
        sources: Where candidates come from: `bundle`, `prototypes`, `files:PATH`, `store`; or, by
            itself, `compositions:COUNT`, enumerated solid solutions.
        mechanisms: Switching mechanisms to consider.
        descriptor_set: Descriptors that the surrogates see.
        calculator: Calculator for new labels.
        calibration: File written by `matscreen calibrate`; none by default.
        device: The device specification, nested; empty means the common specification.
        constraints: Gates beside those of the mechanisms.
        ranking: Monte-Carlo settings.
        budget: Failure budget.
        dask: Dask cluster that works on partitions: the address of its scheduler, or `local` for
            one of processes on this machine; none for processes without Dask.
        workers: Processes on this machine; one for each core by default.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    title: str = ""
    description: str = ""
    application: Literal["synapse", "neuron", "logic"]
    sources: tuple[str, ...] = ("bundle",)
    mechanisms: tuple[str, ...] = Field(default=("ferroelectric", "valence_change"), min_length=1)
    descriptor_set: str = "standard"
    calculator: str = "7net-0"
    calibration: str | None = None
    device: dict[str, Any] = Field(default_factory=dict)
    constraints: Constraints = Constraints()
    ranking: Ranking = Ranking()
    budget: Budget = Budget()
    dask: str | None = None
    workers: int | None = Field(default=None, ge=1)


def shipped_screens() -> tuple[str, ...]:
    """Return the names of the screens that come with matscreen."""
    return tuple(sorted(path.stem for path in data_path("screens").glob("*.toml")))


def load_screen(screen: str | Path) -> Screen:
    """Read a screen by the name of a shipped one or by the path of a TOML file.

    Args:
        screen: `synapse`, `neuron`, `logic`, or the path of a `.toml` file.

    Returns:
        The screen, validated and frozen.

    Raises:
        InputError: There is no such screen or file, or it is not TOML.
        ConfigError: A key is unknown, missing, or has a wrong value.

    Examples:
        >>> load_screen("synapse").application
        'synapse'
        >>> load_screen("neuron").constraints.allow_hazardous
        False
        >>> load_screen("synaps")
        Traceback (most recent call last):
            ...
        matscreen.errors.InputError: unknown screen 'synaps'; shipped: logic, neuron, synapse, or \
give the path of a .toml file; did you mean 'synapse'?
    """
    path = screen_path(screen)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not valid TOML: {error}") from error
    return parse_screen(content)


def screen_path(screen: str | Path) -> Path:
    """Return where a screen is written: a shipped one by its name, or a TOML file by its path.

    Raises:
        InputError: There is no such screen or file.
    """
    path = Path(screen).expanduser()
    shipped = shipped_screens()
    if path.suffix == ".toml":
        if path.is_file():
            return path
        raise InputError(
            f"no screen file {path}; `matscreen screen {shipped[-1]} --show-file > {path}` "
            "makes one to change"
        )
    if str(screen) in shipped:
        return data_path("screens", f"{screen}.toml")
    close = difflib.get_close_matches(str(screen), shipped, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    raise InputError(
        f"unknown screen {str(screen)!r}; shipped: {', '.join(shipped)}, "
        f"or give the path of a .toml file{hint}"
    )


def parse_screen(content: dict[str, Any]) -> Screen:
    """Validate the content of a screen file.

    Raises:
        ConfigError: A key is unknown, missing, or has a wrong value; it names the first.
    """
    try:
        return Screen.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise ConfigError(
            key, _explain(first["type"], first["msg"], first["loc"], first["input"])
        ) from None


def _explain(kind: str, message: str, location: tuple[int | str, ...], seen: object) -> str:
    if kind == "extra_forbidden":
        known = _known_keys(location[:-1])
        close = difflib.get_close_matches(str(location[-1]), known, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else f"; known: {', '.join(known)}"
        return f"unknown key{hint}"
    if kind == "missing":
        return "this key is required"
    message = message.removeprefix("Value error, ")
    return f"{message[0].lower()}{message[1:]}, got {seen!r}"


def _known_keys(location: tuple[int | str, ...]) -> list[str]:
    model: type[BaseModel] = Screen
    for part in location:
        inner = model.model_fields[str(part)].annotation
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return []
        model = inner
    return sorted(model.model_fields)
