"""Every public name explains itself: docstrings that match the code, and examples that run.

The source is read, not imported, so that the whole package is looked at in a second.
"""

from __future__ import annotations

import ast
import builtins
import doctest
import importlib
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

import matscreen
import matscreen.testing

PACKAGE = Path(matscreen.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
SECTION = "(?:Args|Attributes|Examples|Raises|Returns|Yields)"
# A command turns errors into a line and an exit code.
COMMANDS = ("cli.py", "commands/")
OURS = {"ConfigError", "InputError", "ModelError", "SourceError", "StoreError", "StructureError"}


@dataclass(frozen=True)
class Documented:
    """A public module, class, function or method."""

    file: str
    name: str
    line: int
    node: ast.AST

    @property
    def text(self) -> str:
        return ast.get_docstring(self.node) or ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line} {self.name}"


@cache
def tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def public(node: ast.AST, file: str, prefix: str = "") -> Iterator[Documented]:
    for child in getattr(node, "body", ()):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        if child.name.startswith("_") or "overload" in decorators(child):
            continue
        yield Documented(file, prefix + child.name, child.lineno, child)
        if isinstance(child, ast.ClassDef):
            yield from public(child, file, f"{prefix}{child.name}.")


def decorators(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> set[str]:
    return {ast.unparse(each).partition("(")[0].split(".")[-1] for each in node.decorator_list}


def everything() -> list[Documented]:
    found = []
    for file in FILES:
        place = file.relative_to(PACKAGE).as_posix()
        found.append(Documented(place, "module", 1, tree(file)))
        found.extend(public(tree(file), place))
    return found


EVERYTHING = everything()


def section(text: str, name: str) -> list[str] | None:
    """Return the names that a section explains, None where there is no such section."""
    match = re.search(rf"^{name}:\n((?:[ \t]+.*\n?|\n(?!{SECTION}:))*)", text + "\n", re.MULTILINE)
    if match is None:
        return None
    lines = [line for line in match[1].splitlines() if line.strip()]
    margin = min((len(line) - len(line.lstrip()) for line in lines), default=0)
    heads = [line.strip() for line in lines if len(line) - len(line.lstrip()) == margin]
    return [re.split(r"[:\s(]", head, maxsplit=1)[0] for head in heads]


def parameters(node: ast.FunctionDef | ast.AsyncFunctionDef, *, method: bool) -> list[str]:
    args = node.args
    names = [each.arg for each in (*args.posonlyargs, *args.args)]
    if method and "staticmethod" not in decorators(node):
        names = names[1:]
    names += [f"*{args.vararg.arg}"] if args.vararg else []
    names += [each.arg for each in args.kwonlyargs]
    names += [f"**{args.kwarg.arg}"] if args.kwarg else []
    return [name for name in names if not name.startswith("_")]


def fields(node: ast.ClassDef) -> list[str]:
    """Return the public fields of a dataclass or named tuple."""
    return [
        child.target.id
        for child in node.body
        if isinstance(child, ast.AnnAssign)
        and isinstance(child.target, ast.Name)
        and not child.target.id.startswith("_")
        and "ClassVar" not in ast.unparse(child.annotation)
    ]


def is_record(node: ast.ClassDef) -> bool:
    bases = {ast.unparse(base) for base in node.bases}
    return "dataclass" in decorators(node) or bool(bases & {"NamedTuple", "BaseModel", "_Section"})


@cache
def exceptions() -> frozenset[str]:
    """Names of the exceptions of Python and of the package."""
    known = {
        name
        for name, value in vars(builtins).items()
        if isinstance(value, type) and issubclass(value, BaseException)
    }
    for file in FILES:
        for node in ast.walk(tree(file)):
            if isinstance(node, ast.ClassDef):
                bases = [ast.unparse(base).split(".")[-1] for base in node.bases]
                if any(base.endswith(("Error", "Exception")) for base in bases):
                    known.add(node.name)
    return frozenset(known)


def is_error_of_a_library(name: str) -> bool:
    """Say whether a name such as `typer.Exit` is an exception of a library."""
    module, _, attribute = name.rpartition(".")
    found = getattr(importlib.import_module(module), attribute, None) if module else None
    return isinstance(found, type) and issubclass(found, Exception)


def none_of(faults: list[str], what: str) -> None:
    assert not faults, f"{len(faults)} {what}:\n" + "\n".join(faults)


def test_the_reading_of_docstrings_sees_faults():
    source = '''
def f(a, *b, c=1, **d):
    """Do it.

    Args:
        a: One.
        c: Two, which goes on
            here: and there.

    Raises:
        OopsError: Never.
    """
'''
    [found] = public(ast.parse(source), "x.py")
    assert section(found.text, "Args") == ["a", "c"]
    assert section(found.text, "Raises") == ["OopsError"]
    assert section(found.text, "Returns") is None
    assert parameters(found.node, method=False) == ["a", "*b", "c", "**d"]
    assert "OopsError" not in exceptions()
    assert {"ValueError", "InputError", "ContractError", "SourceError"} <= exceptions()
    assert len(EVERYTHING) > 1500


def test_every_public_name_has_a_docstring():
    none_of([str(each) for each in EVERYTHING if not each.text.strip()], "without docstring")


def test_docstrings_begin_with_one_sentence():
    faults = [
        str(each)
        for each in EVERYTHING
        if each.text and not re.match(r"[^\n]+[.:!?](\n\n|\n?$)", each.text)
    ]
    none_of(faults, "do not begin with a line that ends like a sentence")


def test_arguments_are_those_of_the_signature():
    faults = []
    for each in EVERYTHING:
        if isinstance(each.node, ast.FunctionDef | ast.AsyncFunctionDef):
            told = section(each.text, "Args")
            real = parameters(each.node, method="." in each.name)
            if told is not None and told != real:
                faults.append(f"{each}: {told}, not {real}")
    none_of(faults, "explain other arguments than they have")


def test_attributes_are_the_fields():
    faults = []
    for each in EVERYTHING:
        if isinstance(each.node, ast.ClassDef) and is_record(each.node):
            told, real = section(each.text, "Attributes") or [], fields(each.node)
            missing = [name for name in real if name not in told]
            # A field that is worked out from the others may follow them.
            if missing or [name for name in told if name in real] != real:
                faults.append(f"{each}: {told}, not {real}")
    none_of(faults, "explain other fields than they have")


def test_errors_are_exceptions_that_exist():
    faults = [
        f"{each}: {name}"
        for each in EVERYTHING
        for name in section(each.text, "Raises") or ()
        if name not in exceptions() and not is_error_of_a_library(name)
    ]
    none_of(faults, "name errors that do not exist")


def test_errors_that_are_raised_in_plain_sight_are_told():
    """A public function that raises one of our errors itself says so, or its class does."""
    faults = []
    told_by_class: dict[str, list[str]] = {}
    for each in EVERYTHING:
        if isinstance(each.node, ast.ClassDef):
            told_by_class[f"{each.file}:{each.name}"] = section(each.text, "Raises") or []
        if not isinstance(each.node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        told = set(section(each.text, "Raises") or ())
        told |= set(told_by_class.get(f"{each.file}:{each.name.rpartition('.')[0]}", ()))
        if not each.file.startswith(COMMANDS):
            hidden = sorted((raised(each.node) & OURS) - told)
            faults.extend(f"{each}: {name}" for name in hidden)
    none_of(faults, "raise what they hide")


def raised(node: ast.AST) -> set[str]:
    """Return the errors that a function raises outside of a `try` that may catch them."""
    found: set[str] = set()
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            continue
        if isinstance(child, ast.Try):
            for handler in (*child.handlers, *child.orelse):
                found |= raised(handler)
            continue
        if isinstance(child, ast.Raise) and isinstance(child.exc, ast.Call):
            found.add(ast.unparse(child.exc.func).split(".")[-1])
        found |= raised(child)
    return found


@pytest.mark.parametrize("module", [matscreen, matscreen.testing], ids=lambda m: m.__name__)
def test_the_public_api_is_explained_in_full(module):
    faults = []
    for name in module.__all__:
        subject = getattr(module, name)
        if isinstance(subject, type):
            continue
        text = inspect.getdoc(subject) or ""
        signature = inspect.signature(subject)
        expected = [
            {"VAR_POSITIONAL": "*", "VAR_KEYWORD": "**"}.get(each.kind.name, "") + each.name
            for each in signature.parameters.values()
        ]
        if expected and section(text, "Args") != expected:
            faults.append(f"{name}: arguments {section(text, 'Args')}, not {expected}")
        if section(text, "Returns") is None:
            faults.append(f"{name}: does not say what it returns")
    none_of(faults, "names of the public API are not explained in full")


def lists_of_names() -> list[Path]:
    return [file for file in FILES if names_of(file) is not None]


def names_of(file: Path) -> list[str] | None:
    for node in tree(file).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return list(ast.literal_eval(node.value))
    return None


def kind_then_name(name: str) -> tuple[int, str]:
    """Constants, then classes, then functions, as ruff sorts them."""
    kind = 0 if name.isupper() else 1 if name[0].isupper() else 2
    return kind, name


@pytest.mark.parametrize(
    "file", lists_of_names(), ids=lambda file: file.relative_to(PACKAGE).as_posix()
)
def test_lists_of_names_are_sorted_and_complete(file):
    names = names_of(file)
    assert names == sorted(set(names), key=kind_then_name)
    own = {
        node.name
        for node in tree(file).body
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
    }
    assert own <= set(names), "public names of the module itself"
    if file.name == "__init__.py":
        inside = f"matscreen.{file.parent.relative_to(PACKAGE).as_posix().replace('/', '.')}."
        taken = {
            alias.asname or alias.name
            for node in tree(file).body
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(inside)
            for alias in node.names
        }
        # A package may use constants of its modules without passing them on.
        meant = {name for name in taken if not name.startswith("_") and not name.isupper()}
        assert meant <= set(names), "what the package takes from its modules"
    for name in names:
        assert re.search(rf"\b{name}\b", file.read_text(encoding="utf-8"))


def modules_with_examples() -> list[str]:
    found = []
    for file in FILES:
        if ">>> " in file.read_text(encoding="utf-8"):
            parts = file.relative_to(PACKAGE.parent).with_suffix("").parts
            found.append(".".join(parts).removesuffix(".__init__"))
    return found


@pytest.mark.parametrize("name", modules_with_examples())
def test_examples_give_what_they_show(name):
    module = importlib.import_module(name)
    result = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert result.attempted > 0
    assert result.failed == 0


def test_examples_teach_where_people_begin():
    taught = {
        name
        for name in matscreen.__all__
        if ">>> " in (inspect.getdoc(getattr(matscreen, name)) or "")
    }
    assert taught >= {
        "Crystal", "Device", "Store", "featurize", "list_datasets", "load_screen",
        "sensitivities", "structure_id", "sweep", "switching_energy",
    }  # fmt: skip
