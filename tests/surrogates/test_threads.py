from __future__ import annotations

import os
import subprocess
import sys

_PROGRAM = """
from matscreen.surrogates.portfolio import one_thread

with one_thread():
    # Only now are these imported: the limit must hold for them all the same.
    from sklearn.utils._openmp_helpers import _openmp_effective_n_threads
    from threadpoolctl import threadpool_info

    inside = _openmp_effective_n_threads()
    pools = {pool["num_threads"] for pool in threadpool_info()}
print(inside, pools)
"""


def test_one_thread_holds_in_a_process_that_has_not_loaded_scikit_learn_yet():
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM],
        env={**os.environ, "OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "1 {1}"
