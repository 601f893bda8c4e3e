"""One exception tree: catch `MatscreenError` to catch everything matscreen raises on purpose."""

from __future__ import annotations


class MatscreenError(Exception):
    """Base of every error that matscreen raises on purpose."""


class InputError(MatscreenError, ValueError):
    """The user asked for something that cannot be: the command line answers with exit code 2."""


class ConfigError(InputError):
    """A screen file is wrong; `key` is the dotted path of the offending entry.

    Args:
        key: Dotted path in the TOML file, for example `device.thickness`.
        message: What is wrong, the value seen, and how to fix it.
    """

    def __init__(self, key: str, message: str) -> None:
        self.key = key
        self.message = message
        super().__init__(f"{key}: {message}" if key else message)

    def __reduce__(self) -> tuple[type[ConfigError], tuple[str, str]]:
        # An exception is pickled by its `args`, which would not fit `__init__` here.
        return type(self), (self.key, self.message)


class StructureError(MatscreenError, ValueError):
    """One structure (or one item) cannot be processed; batches turn it into a row of `failures`.

    Args:
        reason: Short, stable code such as `disordered`, `no_oxygen`, `not_converged`.
        detail: What was seen, in one sentence.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        self.reason = reason
        self.detail = detail
        super().__init__(f"{reason}: {detail}" if detail else reason)

    def __reduce__(self) -> tuple[type[StructureError], tuple[str, str]]:
        return type(self), (self.reason, self.detail)


def rejection(error: Exception) -> tuple[str, str]:
    """Return reason and detail of the failure row that an error of one structure becomes.

    A StructureError brings its own, another error of matscreen is ``failed``, and what nobody
    foresaw is ``unexpected``: one bad structure must not end hours of work.
    """
    if isinstance(error, StructureError):
        return error.reason, error.detail
    if isinstance(error, MatscreenError):
        return "failed", str(error)
    return "unexpected", f"{type(error).__name__}: {error}"[:300]


class SourceError(MatscreenError):
    """A structure database or folder could not be read at all."""


class StoreError(MatscreenError):
    """A table is missing, malformed, or could not be written."""


class ModelError(MatscreenError):
    """A surrogate cannot be trained, saved, or safely loaded."""


class MissingDependencyError(MatscreenError, ImportError):
    """An optional extra is needed.

    Args:
        package: The package that could not be imported.
        extra: The extra of matscreen that installs it.
    """

    def __init__(self, package: str, extra: str) -> None:
        self.package = package
        self.extra = extra
        super().__init__(
            f"{package} is not installed; it comes with the extra '{extra}': "
            f"pip install 'matscreen[{extra}]'"
        )

    def __reduce__(self) -> tuple[type[MissingDependencyError], tuple[str, str]]:
        return type(self), (self.package, self.extra)
