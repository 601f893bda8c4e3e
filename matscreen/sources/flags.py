"""What a flag of a candidate means: a warning that goes with the structure and forbids nothing."""

from __future__ import annotations

from typing import Final

FLAGS: Final = {
    "merged_sites": (
        "Sites of one element lay on each other and were merged, as in files that list the copies "
        "of a symmetry; the formula is the one after merging."
    ),
    "ordered_from_disorder": (
        "An ordered stand-in for a crystal with shared or partly filled sites: energy and symmetry "
        "are those of one arrangement, not of the disordered phase."
    ),
    "missing_hydrogen": (
        "An oxygen is bonded to nothing and the crystal has no hydrogen: water or hydroxyl whose "
        "hydrogen was not located. Charges, band gap and vacancies are then wrong."
    ),
    "hydrogen_variant": (
        "Equal to another candidate but for hydrogen: one of the two may be the same compound with "
        "hydrogen left out."
    ),
    "loosely_packed": (
        "The ions fill less of the cell than in 99 % of published oxides: a framework, a "
        "metal-rich phase, or a cell that was never relaxed. Quantities per volume are low for it."
    ),
    "densely_packed": (
        "The ions fill more of the cell than in 99.9 % of published oxides: a phase of high "
        "pressure, or a cell that was never relaxed."
    ),
    "short_bond": (
        "A bond is shorter than nearly any of the published oxides; an energy computed from these "
        "positions needs a relaxation first."
    ),
    "no_oxidation_balance": (
        "No assignment of known oxidation states is neutral: a metal, a suboxide, or missing or "
        "surplus atoms. Descriptors of ions are empty for it, so surrogates judge it on the rest, "
        "and mechanisms that move ions of a known charge rest on weaker ground."
    ),
    "vacuum": (
        "A slab, wire or molecule in vacuum: quantities per volume, such as polarization and "
        "permittivity, count the vacuum in and are too small."
    ),
    "layered": (
        "Bonds run on in two directions only; layers are held by weak forces that semilocal "
        "functionals and potentials trained on them miss, so their distance may be off."
    ),
    "chains": "Bonds run on in one direction only; as with layers, the packing may be off.",
    "molecular": ("Isolated molecules or atoms: there is no lattice through which ions could hop."),
}
"""Name and meaning of every flag. A candidate carries each as `name: what was seen`."""


def flag(name: str, seen: str) -> str:
    """Return a flag together with what was seen.

    Raises:
        KeyError: `FLAGS` does not explain this name.
    """
    if name not in FLAGS:
        raise KeyError(f"no flag is named {name!r}; known: {', '.join(FLAGS)}")
    # Tables of results join flags by semicolons.
    return f"{name}: {seen.replace(';', ',')}"


def flag_name(text: str) -> str:
    """Return the name of a flag, without what was seen."""
    return text.partition(":")[0].strip()
