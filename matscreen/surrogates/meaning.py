"""What descriptor columns mean: each column belongs to one group of physical meaning."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

OTHER = "other"
"""Group of the columns that no rule knows, such as those of another package's set."""

_STATISTIC = "magpie_(?:minimum|maximum|range|mean|avg_dev|mode)_"

_RULES: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "ionic size and tolerance",
        (
            rf"{_STATISTIC}covalent_radius",
            r"radius_(?:cation|ratio)_\w+",
            r"cation_anion_ratio",
            r"site_ratio_\w+",
            r"tolerance_factor\w*",
            r"octahedral_factor",
        ),
    ),
    (
        "electronegativity and bonding",
        (
            rf"{_STATISTIC}electronegativity",
            r"ionic_character_\w+",
            r"site_electronegativity_difference_\w+",
        ),
    ),
    (
        "place in the periodic table",
        (rf"{_STATISTIC}(?:number|mendeleev_number|atomic_weight|column|row)",),
    ),
    (
        "d and f electrons, magnetism",
        (
            rf"{_STATISTIC}(?:n[df]_(?:valence|unfilled)|gs_magmom)",
            r"valence_(?:mean|fraction)_[df]",
            r"unpaired_electrons_b",
            r"jahn_teller_share_b",
        ),
    ),
    (
        "s and p electrons, valence",
        (
            rf"{_STATISTIC}n[sp]?_(?:valence|unfilled)",
            r"valence_(?:mean|fraction)_[sp]",
        ),
    ),
    (
        "elemental solids",
        (rf"{_STATISTIC}(?:melting_t|gs_volume_pa|gs_bandgap|space_group_number)",),
    ),
    (
        "stoichiometry and charges",
        (
            r"stoichiometry_\d+_norm",
            r"charge_(?:balanced|mixed_valence|cation_\w+|anion_\w+)",
        ),
    ),
    (
        "hold on oxygen",
        (
            r"(?:oxide|reduction|oxidation|monoxide|sesquioxide|dioxide)_energy_\w+",
            r"decomposition_\w+",
        ),
    ),
    ("A-site ion", (r"site_a_\w+",)),
    ("surroundings of the anions", (r"anion_site_\w+",)),
    ("B-site ion", (r"site_b_\w+",)),
    ("anion", (r"site_x_\w+",)),
    (
        "bond lengths and strain",
        (
            r"bond_(?:min|mean|std)_\w+",
            r"bond_misfit_\w+",
            r"bond_valence_sum_\w+",
            r"global_instability_index",
            r"observed_tolerance_factor",
            r"bond_length_distortion_b",
            r"distance_(?:aa|ab|bb)_min",
            r"hop_\w+",
        ),
    ),
    (
        "off-centring and polarization",
        (
            r"off_centre_\w+",
            r"bond_valence_vector_\w+",
            r"nominal_polarization",
        ),
    ),
    (
        "coordination and polyhedra",
        (
            r"coordination_\w+",
            r"order_q\d+_\w+",
            r"octahedral_share_b",
            r"bond_angle_variance_b",
            r"network_dimensionality",
        ),
    ),
    (
        "octahedral tilts",
        (
            r"angle_bxb_\w+",
            r"tilt_angle_\w+",
            r"rotation_\w+",
        ),
    ),
    (
        "volume and packing",
        (
            r"volume_per_\w+",
            r"density",
            r"packing_fraction",
            r"maximum_packing_efficiency",
            r"largest_empty_sphere",
        ),
    ),
    (
        "symmetry and order",
        (
            r"spacegroup_number",
            r"crystal_system",
            r"point_group_order",
            r"is_polar",
            r"is_centrosymmetric",
            r"n_wyckoff_orbits",
            r"n_primitive_sites",
            r"orbit_fraction",
            r"ordering_[ab]",
        ),
    ),
    (
        "neighbour shells",
        (
            r"voronoi_\w+",
            r"bond_orientational_\w+",
            r"rdf_[\d.]+_[\d.]+",
        ),
    ),
    (
        "electrostatics",
        (
            r"ewald_energy_per_atom",
            r"site_potential_\w+",
        ),
    ),
)
"""Group and patterns; the first group with a pattern of the whole column name decides."""

GROUPS: tuple[str, ...] = (*(name for name, _ in _RULES), OTHER)
"""Names of the groups."""

_PATTERNS = tuple((name, re.compile("|".join(patterns))) for name, patterns in _RULES)


def group_of(column: str) -> str:
    """Return the group of one column, `other` when no rule knows it."""
    return next((name for name, pattern in _PATTERNS if pattern.fullmatch(column)), OTHER)


def group_columns(labels: Sequence[str]) -> Mapping[str, tuple[int, ...]]:
    """Return the positions of the columns of each group that is present, in the order of `GROUPS`.

    Args:
        labels: Column names, (k,).
    """
    found: dict[str, list[int]] = {}
    for position, label in enumerate(labels):
        found.setdefault(group_of(label), []).append(position)
    return {name: tuple(found[name]) for name in GROUPS if name in found}
