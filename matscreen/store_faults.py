"""What to say of an error of Delta Lake or of the operating system under a store."""

from __future__ import annotations

import errno
import re
from typing import Final

from matscreen.errors import StoreError

_NOT_HERE: Final = "give a store that may be written (--store)"
_ADVICE: Final = {
    errno.ENOSPC: "free some space (`matscreen store vacuum` says how much the store can give)",
    errno.EDQUOT: "free some of your quota, or give a store elsewhere (--store)",
    errno.EFBIG: "raise the limit on the size of files, or give a store elsewhere (--store)",
    errno.EROFS: _NOT_HERE,
    errno.EACCES: _NOT_HERE,
    errno.EPERM: _NOT_HERE,
}


def brief(error: Exception) -> str:
    """Return a library's message in one line, without colours and the trace of its insides."""
    text = re.sub(r"\x1b\[[0-9;]*m|↳", " ", str(error))
    text = " ".join(re.split(r"\n\s*0: ", text, maxsplit=1)[0].split())
    return text[:400] or type(error).__name__


def advice_for(reason: str) -> str:
    """Return what to do about an error of the operating system; its number is in the message."""
    number = re.search(r"\(os error (\d+)\)", reason)
    advice = _ADVICE.get(int(number[1])) if number else None
    return f"; {advice}. What was written before is whole" if advice else ""


def cannot_write(name: str, root: str, error: Exception) -> StoreError:
    """Return the error of a table that cannot be written, with what to do about it."""
    reason = brief(error)
    return StoreError(f"cannot write table {name!r} in {root}: {reason}{advice_for(reason)}")


def advice_to_read(error: Exception) -> str:
    """Return what to do about a table that cannot be read."""
    if "minimum reader version" in str(error) or "reader feature" in str(error).lower():
        return "a newer program has written it: update matscreen and deltalake"
    if isinstance(error, FileNotFoundError):
        return "a file of it is gone: restore the folder from a copy, or run its stage again"
    return "`matscreen doctor` looks at every table"
