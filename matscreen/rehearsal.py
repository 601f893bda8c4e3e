"""Load all that a first partition would load; importing this module does it.

For the server from which processes are forked (`parallel.start_server`): libraries, element tables
and compiled kernels are then loaded once, not in every process, and their memory is shared. Nothing
that fails here stops a screen: it fails again, and clearly, where it is needed.
"""

from __future__ import annotations

import contextlib
import gc

# What the models of a plan are made of.
import sklearn.compose
import sklearn.ensemble
import sklearn.linear_model
import sklearn.svm  # noqa: F401

import matscreen.partitions
import matscreen.surrogates  # noqa: F401


def _rehearse() -> None:
    """Describe one composition, assess it and rank it by guesses."""
    import pandas as pd

    from matscreen.buildability import assess_candidates
    from matscreen.compositions import name_compositions, parts
    from matscreen.descriptors.sets import featurize_compositions
    from matscreen.evidence import gather_properties
    from matscreen.ranking import rank

    named = name_compositions(next(parts(1, 1)))
    featurize_compositions(named.compositions, with_sites=True)
    candidates = pd.DataFrame({"structure_id": named.ids, "formula": named.formulas})
    values = gather_properties(candidates)
    assess_candidates(candidates, values)
    rank(candidates, values, samples=100)


with contextlib.suppress(Exception):
    _rehearse()
# Forked processes share what no collection touches.
gc.collect()
gc.freeze()
