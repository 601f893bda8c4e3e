"""A command line whose commands share their options, their help and their way to fail."""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any, ClassVar, TypeVar, get_type_hints

import typer
from typer.core import TyperCommand, TyperGroup

from matscreen.commands.failing import failures_told
from matscreen.commands.output import speaking

_Function = TypeVar("_Function", bound=Callable[..., Any])
_PANEL = "Options of every command"

QuietOption = Annotated[
    bool, typer.Option("--quiet", "-q", help="Print errors only.", rich_help_panel=_PANEL)
]
VerboseOption = Annotated[
    bool,
    typer.Option(
        "--verbose",
        "-v",
        help="Say more: warnings, logs, the time of each stage.",
        rich_help_panel=_PANEL,
    ),
]
DebugOption = Annotated[
    bool,
    typer.Option(
        "--debug",
        envvar="MATSCREEN_DEBUG",
        help="Show where an error comes from.",
        rich_help_panel=_PANEL,
    ),
]
JsonOption = Annotated[
    bool,
    typer.Option(
        "--json",
        help="Print the result as JSON on stdout, and nothing else there.",
        rich_help_panel=_PANEL,
    ),
]
_SHARED: dict[str, Any] = {"quiet": QuietOption, "verbose": VerboseOption, "debug": DebugOption}
NOTHING_KEPT = "Nothing was changed."


class _WithoutFlagTypes:
    """Help without `<bool>` behind every flag: a flag takes no value."""

    def get_params(self, ctx: Any) -> list[Any]:
        found: list[Any] = super().get_params(ctx)  # type: ignore[misc]
        for one in found:
            if getattr(one, "is_flag", False) and one.metavar is None:
                one.metavar = ""
        return found


class Command(_WithoutFlagTypes, TyperCommand):
    """A command."""


class Group(_WithoutFlagTypes, TyperGroup):
    """A command with commands of its own."""


class Application(typer.Typer):
    """A command line, or a group of it: its commands take `-q`, `-v`, `--debug` and `--json`.

    Args:
        help: What it is for; the first line is shown in the list of the groups.
        program: Name before the error lines.
        **settings: Passed on to typer.
    """

    _defaults: ClassVar[dict[str, Any]] = {
        "no_args_is_help": True,
        "pretty_exceptions_enable": False,
        "rich_markup_mode": "rich",
        "context_settings": {"help_option_names": ["-h", "--help"]},
    }

    def __init__(self, help: str, *, program: str = "matscreen", **settings: Any) -> None:  # noqa: A002
        self._program = program
        super().__init__(cls=Group, help=unwrapped(help), **{**self._defaults, **settings})

    def verb(
        self, name: str | None = None, *, json: bool = True, keeps: str = NOTHING_KEPT, **more: Any
    ) -> Callable[[_Function], _Function]:
        """Make a function a command.

        Args:
            name: Name of the command; that of the function when not given.
            json: It has a result that programs may read.
            keeps: What stays of a run that Ctrl-C stops, in one sentence.
            **more: Passed on to typer.
        """

        def register(function: _Function) -> _Function:
            shared = {**_SHARED, **({"json": JsonOption} if json else {})}
            run = _with_shared(function, shared, self._program, keeps)
            text = unwrapped(inspect.getdoc(function) or "")
            self.command(name, cls=Command, help=text, **self._settings(more))(run)
            return function

        return register

    @classmethod
    def _settings(cls, more: dict[str, Any]) -> dict[str, Any]:
        context = {**cls._defaults["context_settings"], **more.pop("context_settings", {})}
        return {"context_settings": context, **more}


def unwrapped(text: str) -> str:
    """Join the lines of each paragraph, so that a terminal of any width breaks them where it ends.

    Indented lines, such as examples, stay lines.
    """
    paragraphs = inspect.cleandoc(text).split("\n\n")
    return "\n\n".join(re.sub(r"(?<=\S)\n(?=\S)", " ", one) for one in paragraphs)


def _with_shared(
    function: Callable[..., Any], shared: dict[str, Any], program: str, keeps: str
) -> Callable[..., Any]:
    """Return a function that also takes the shared options, and fails in one line."""
    hints = get_type_hints(function, include_extras=True)
    own = [
        one.replace(annotation=hints.get(one.name, one.annotation))
        for one in inspect.signature(function).parameters.values()
    ]
    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=option)
        for name, option in shared.items()
        if name not in hints
    ]

    @wraps(function)
    def command(**given: Any) -> Any:
        asked = {one.name: bool(given.pop(one.name)) for one in added}
        # Small matrices: threads of the linear algebra cost more than they bring.
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        with speaking(**asked), failures_told(program, keeps):
            return function(**given)

    command.__signature__ = inspect.Signature([*own, *added])  # type: ignore[attr-defined]
    command.__annotations__ = {one.name: one.annotation for one in (*own, *added)}
    return command
