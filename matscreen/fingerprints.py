"""What identity compares of a crystal: formula, symmetry, phase and the distance invariant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Final

import numpy as np
import numpy.typing as npt

from matscreen.errors import StructureError
from matscreen.invariants import distance_invariants
from matscreen.parallel import map_chunks, sensible_workers
from matscreen.spacegroups import Symmetry, analyze_symmetry, symmetry_and_misfit
from matscreen.structures import Crystal, FloatArray

Float32Array = npt.NDArray[np.float32]

LOOSE_SYMPRECS: Final = (0.05, 0.1)
"""Where the group of a noisy copy is looked for, Å."""
EXACT: Final = 0.002
"""Operations of a group that a crystal was relaxed or refined in miss by less, Å."""
_CHUNK: Final = 2000
_AHEAD: Final = 100
_FOR_A_WORKER: Final = 8000  # a process takes seconds to start, a fingerprint half a millisecond


@dataclass(frozen=True, eq=False, slots=True)
class Fingerprint:
    """What identity compares of a crystal.

    Attributes:
        formula: Reduced formula.
        spacegroup: Space group number at `SYMPREC`.
        primitive_nsites: Sites in the primitive cell.
        phase_spacegroup: Space group of the phase; see `phase_symmetry`.
        phase_nsites: Sites in the primitive cell of the phase.
        length: Cube root of the volume per atom, Å.
        invariant: `distance_invariant`, (60 m + 12 m²,), Å.
    """

    formula: str
    spacegroup: int
    primitive_nsites: int
    phase_spacegroup: int
    phase_nsites: int
    length: float
    invariant: FloatArray


def phase_symmetry(crystal: Crystal, symmetry: Symmetry, misfit: float) -> Symmetry:
    """Return the symmetry of the phase that a crystal is a copy of.

    A relaxation keeps the space group, so the phase has that of the crystal. The exception is a
    crystal with noise on its sites: nothing is left of its group at 0.01 Å but P1 or P-1, or some
    operations that fit by chance, to worse than 0.002 Å; a phase transition leaves a subgroup that
    fits exactly. The group of such a crystal at 0.05 Å, or else at 0.1 Å, is the phase's if it
    has twice the operations, four times if only P1 or P-1 was left.

    Args:
        crystal: The crystal.
        symmetry: Its symmetry at `SYMPREC`.
        misfit: What its operations miss, Å; see `symmetry_and_misfit`.
    """
    bare = symmetry.number <= 2
    if not bare and misfit < EXACT:
        return symmetry
    lost = 4 if bare else 2
    for symprec in LOOSE_SYMPRECS:
        try:
            loose = analyze_symmetry(crystal, symprec=symprec)
        except StructureError:  # the looser group is only tried
            continue
        if loose.n_operations >= lost * symmetry.n_operations:
            return loose
    return symmetry


def fingerprints(crystals: Sequence[Crystal]) -> list[Fingerprint | StructureError]:
    """Compute the fingerprints of some crystals.

    Returns:
        One fingerprint for each crystal, or the error that says why it has none.
    """
    if not crystals:
        return []
    volumes = np.abs(np.linalg.det(np.stack([crystal.lattice for crystal in crystals])))
    lengths = np.cbrt(volumes / [crystal.nsites for crystal in crystals]).tolist()
    each = zip(crystals, _invariants_ahead(crystals), lengths, strict=True)
    return [_fingerprint(*one) for one in each]


def fingerprints_in_chunks(
    crystals: Iterable[Crystal], *, workers: int
) -> Iterator[list[Fingerprint | StructureError]]:
    """Compute fingerprints chunk by chunk in several processes; memory stays flat.

    Args:
        crystals: Taken as they are needed.
        workers: Number of processes.
    """
    source = iter(crystals)
    chunks = iter(lambda: list(islice(source, _CHUNK)), [])
    yield from map_chunks(fingerprints, chunks, workers=workers)


def workers_for(crystals: int) -> int:
    """Return how many processes are worth starting for some crystals."""
    return sensible_workers(crystals, each=_FOR_A_WORKER)


def _invariants_ahead(crystals: Sequence[Crystal]) -> Iterator[FloatArray | StructureError]:
    """Compute the invariants in a thread, while the symmetry of the crystals before is sought.

    Compiled, they leave the interpreter alone, which the search for symmetry does not.
    """
    parts = (crystals[start : start + _AHEAD] for start in range(0, len(crystals), _AHEAD))
    with ThreadPoolExecutor(1, thread_name_prefix="matscreen-invariants") as pool:
        for found in pool.map(distance_invariants, parts):
            yield from found


def _fingerprint(
    crystal: Crystal, invariant: FloatArray | StructureError, length: float
) -> Fingerprint | StructureError:
    if isinstance(invariant, StructureError):
        return invariant
    try:
        symmetry, misfit = symmetry_and_misfit(crystal)
        phase = phase_symmetry(crystal, symmetry, misfit)
    except StructureError as error:
        return error
    return Fingerprint(
        formula=crystal.formula,
        spacegroup=symmetry.number,
        primitive_nsites=symmetry.n_primitive,
        phase_spacegroup=phase.number,
        phase_nsites=phase.n_primitive,
        length=length,
        invariant=invariant,
    )
