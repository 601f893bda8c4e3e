"""Rewrite a whole table without losing rows that others add to it meanwhile."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from matscreen import table_files
from matscreen.errors import StoreError
from matscreen.store_faults import cannot_write
from matscreen.write_lock import turn_to_write

if TYPE_CHECKING:
    import pyarrow as pa

    from matscreen.store import Store

_ATTEMPTS: Final = 30


def rewrite(store: Store, name: str, change: Callable[[pa.Table], pa.Table]) -> None:
    """Replace a table by what a function makes of its rows.

    The commit succeeds only if nobody has written since the rows were read; otherwise they are read
    again. On one machine others wait meanwhile.

    Args:
        store: The store.
        name: A table that has been written.
        change: Makes the new rows; called again where others came in between.

    Raises:
        StoreError: The table cannot be read or written, or other writers kept winning.
    """
    from deltalake import CommitProperties, write_deltalake
    from deltalake.exceptions import CommitFailedError, DeltaError

    for _ in range(_ATTEMPTS):
        with turn_to_write(store.root, name):
            table = store.opened(name)
            try:
                write_deltalake(
                    table,
                    change(table_files.rows(table, store.uri(name), None)),
                    mode="overwrite",
                    schema_mode="overwrite",
                    commit_properties=CommitProperties(max_commit_retries=0),
                )
            except CommitFailedError:
                pass
            except (DeltaError, OSError) as error:
                raise cannot_write(name, store.root, error) from error
            else:
                return
        time.sleep(random.uniform(0.02, 0.1))
    raise StoreError(
        f"table {name!r} in {store.root} could not be rewritten: others wrote {_ATTEMPTS} times in "
        "a row; try again when they are done"
    )
