"""How a contract is checked: clauses with names, errors that say which one failed and why."""

from __future__ import annotations

import os
import pickle
import random
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import numpy as np

from matscreen.errors import MatscreenError

_CODE: Final = re.compile(r"[a-z][a-z0-9_]*")
_IDENTIFIER: Final = re.compile(r"[a-z][a-z0-9_-]*")
_GENERATORS: Final = ("the state of `random`", "the global generator of numpy")

Case = TypeVar("Case")
Subject = TypeVar("Subject")
Clause = Callable[[Case], None]
"""Checks one sentence of a contract, which is its docstring; returns when it holds."""


class ContractError(MatscreenError, AssertionError):
    """Something registered with matscreen breaks a clause of its contract.

    Args:
        subject: What was checked, such as `descriptor set 'standard'`.
        clause: Name of the clause, such as `batch_independent`.
        promise: The sentence of the contract.
        seen: What was seen instead.
    """

    def __init__(self, subject: str, clause: str, promise: str, seen: str) -> None:
        self.subject = subject
        self.clause = clause
        self.promise = promise
        self.seen = seen
        super().__init__(f"{subject} breaks `{clause}`: {seen}\n  the contract: {promise}")

    def __reduce__(self) -> tuple[type[ContractError], tuple[str, str, str, str]]:
        return type(self), (self.subject, self.clause, self.promise, self.seen)


class Broken(Exception):  # noqa: N818 - it never leaves this package
    """A clause does not hold; the text says what was seen."""


class DoesNotApply(Exception):  # noqa: N818 - no error
    """A clause asks for something that this subject does not offer."""


def opened(subject: Subject | type[Subject] | str, by_name: Callable[[str], Subject]) -> Subject:
    """Return what is to be checked, given itself, as a class, or by its name in the registry.

    Args:
        subject: What was given.
        by_name: Finds it in its registry.
    """
    if isinstance(subject, str):
        return by_name(subject)
    return subject() if isinstance(subject, type) else subject


def name_of(subject: object, attribute: str = "name") -> str:
    """Return the name of a subject for errors; that of its class where it has none.

    Args:
        subject: What is checked.
        attribute: Where its name should be.
    """
    return repr(getattr(subject, attribute, type(subject).__name__))


def require(condition: object, seen: str) -> None:
    """End a clause unless the condition holds.

    Args:
        condition: What must be true.
        seen: What was seen instead, with the values.

    Raises:
        Broken: The condition does not hold.
    """
    if not condition:
        raise Broken(seen)


def check_clauses(subject: str, case: Case, clauses: Mapping[str, Clause[Case]]) -> tuple[str, ...]:
    """Check clause after clause; the first that fails ends the check.

    Args:
        subject: What is checked, for the error.
        case: What every clause gets.
        clauses: Name to clause, in the order in which they build on each other.

    Returns:
        Names of the clauses that were checked; those that do not apply are left out.

    Raises:
        ContractError: A clause fails, or something raised that should not have.
    """
    checked = []
    for name, clause in clauses.items():
        promise = " ".join((clause.__doc__ or "").split())
        try:
            clause(case)
        except DoesNotApply:
            continue
        except Broken as broken:
            raise ContractError(subject, name, promise, str(broken)) from None
        except Exception as error:
            seen = f"it raised {type(error).__name__}: {error}"
            raise ContractError(subject, name, promise, seen) from error
        checked.append(name)
    return tuple(checked)


def require_registered(asked: str | None, name: object, attribute: str = "name") -> None:
    """Require that the registry finds a subject under the name that it has itself.

    Args:
        asked: Name by which it was opened; None where it was given itself.
        name: Name that it has.
        attribute: Where it has it.

    Raises:
        DoesNotApply: It was given itself.
        Broken: The names differ.
    """
    if asked is None:
        raise DoesNotApply
    require(name == asked, f"it is registered as {asked!r}, its {attribute} is {name!r}")


def require_members(subject: object, names: tuple[str, ...]) -> None:
    """Require attributes and methods.

    Raises:
        Broken: It lacks some of them.
    """
    missing = [name for name in names if not hasattr(subject, name)]
    require(not missing, f"it has no {', '.join(missing)}")


def require_identifier(value: object, what: str) -> None:
    """Require a name that can be a column, a file name and a word of a screen file.

    Raises:
        Broken: It is not lower-case letters, digits, `_` and `-`, beginning with a letter.
    """
    fits = isinstance(value, str) and _IDENTIFIER.fullmatch(value)
    require(fits, f"{what} is {value!r}; use lower-case letters, digits, `_` and `-`")


def require_code(value: object, what: str) -> None:
    """Require a stable code such as `too_cold`.

    Raises:
        Broken: It is not lower-case words joined by `_`.
    """
    fits = isinstance(value, str) and _CODE.fullmatch(value)
    require(fits, f"{what} is {value!r}; a code is lower-case words joined by `_`")


def require_text(value: object, what: str) -> None:
    """Require text that is not blank.

    Raises:
        Broken: It is something else.
    """
    require(isinstance(value, str) and value.strip(), f"{what} is {value!r}, not a text")


def require_documented(subject: object, *methods: str) -> None:
    """Require docstrings on the class of an object and on some of its methods.

    Raises:
        Broken: One is missing, or is the one that `object` or a protocol hands down.
    """
    kind = subject if isinstance(subject, type) else type(subject)
    # `dataclass` writes the signature where there is no docstring.
    own = kind.__doc__ or ""
    signature = own.startswith(f"{kind.__name__}(")
    require(own.strip() and not signature, f"class {kind.__name__} has no docstring")
    for name in methods:
        text = getattr(getattr(kind, name), "__doc__", None) or ""
        require(text.strip(), f"{kind.__name__}.{name} has no docstring")


def pickled(value: Any, what: str) -> Any:
    """Send a value through pickle, as a process pool does.

    Raises:
        Broken: It cannot be pickled or read back.
    """
    try:
        return pickle.loads(pickle.dumps(value))  # noqa: S301 - written a moment ago
    except Exception as error:
        raise Broken(f"{what} does not pickle: {type(error).__name__}: {error}") from error


def require_same_state(
    act: Callable[[], object], *, warm: bool = False, may_draw: bool = False
) -> None:
    """Require that an action leaves the state of the process as it was.

    Compared are the environment, the working folder, the two global random generators, and how
    numpy prints and treats errors.

    Args:
        act: What is done; once before, so that a library that it loads for the first time does not
            count.
        warm: It was done before.
        may_draw: Leave out the random generators: the matrix logarithm of scipy, which every
            relaxation of a cell needs, draws from that of numpy.

    Raises:
        Broken: Something differs afterwards.
    """
    if not warm:
        act()

    def watched() -> tuple[dict[str, object], dict[str, object]]:
        before = _state()
        act()
        return before, _state()

    # From elsewhere: a subject that sets a seed would otherwise leave it as it found it.
    before, after = in_other_state(watched)
    left_out = _GENERATORS if may_draw else ()
    changed = [name for name in before if before[name] != after[name] and name not in left_out]
    require(not changed, f"it changes {', '.join(changed)}")


def in_other_state(act: Callable[[], Any]) -> Any:
    """Run an action with the global random generators somewhere else, and put them back.

    Args:
        act: What is done; its result is returned.
    """
    python, legacy = random.getstate(), np.random.get_state()  # noqa: NPY002 - it is what is guarded
    try:
        random.seed(20_260_101)
        np.random.seed(20_260_101)  # noqa: NPY002
        return act()
    finally:
        random.setstate(python)
        np.random.set_state(legacy)  # noqa: NPY002


def _state() -> dict[str, object]:
    kind, keys, *rest = np.random.get_state()  # noqa: NPY002
    return {
        "environment variables": dict(os.environ),
        "the working folder": os.getcwd(),  # noqa: PTH109
        _GENERATORS[0]: random.getstate(),
        _GENERATORS[1]: (kind, bytes(np.asarray(keys)), rest),
        "numpy's treatment of errors": np.geterr(),
        "numpy's print options": repr(np.get_printoptions()),
    }
