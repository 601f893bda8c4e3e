"""Tests of reading CIF entries, above all of those that contradict themselves."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import pytest

from matscreen.errors import StructureError
from matscreen.sources.cif import CifEntry, read_block, split_blocks

CUBIC = """\
data_1234567
_chemical_formula_sum 'Ba O3 Ti'
_cell_length_a 4.0
_cell_length_b 4.0
_cell_length_c 4.0
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_space_group_name_H-M 'P m -3 m'
{extra}
loop_
_atom_site_label
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
{atoms}
"""
ATOMS = "Ba1 0 0 0 1\nTi1 .5 .5 .5 {occupancy}\nO1 .5 .5 0 1"

# As published with hexagonal axes, yet naming the group without its setting.
LITHIUM_NIOBATE = """\
data_2
_chemical_formula_sum 'Li Nb O3'
_symmetry_space_group_name_H-M 'R 3 c {rhombohedral axes}'
_symmetry_cell_setting trigonal
_cell_length_a 5.27
_cell_length_b 5.27
_cell_length_c 13.86
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 120
loop_
_atom_site_label
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Li .0 .0 .276
Nb .0 .0 .0
O1 .057 .330 .083
"""

# All ten atoms of a rhombohedral ilmenite listed, in a group that makes ten of them again.
ILMENITE = """\
data_3
_chemical_formula_sum 'Mg O3 Ti'
_symmetry_Int_Tables_number 148
_symmetry_space_group_name_H-M 'R -3'
_cell_length_a 5.54
_cell_length_b 5.54
_cell_length_c 5.54
_cell_angle_alpha 54.39
_cell_angle_beta 54.39
_cell_angle_gamma 54.39
loop_
_atom_site_label
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Mg1 0.358 0.358 0.358
Mg2 -0.358 -0.358 -0.358
Ti1 0.142 0.142 0.142
Ti2 -0.142 -0.142 -0.142
O1 0.555 -0.055 0.25
O2 -0.555 0.055 -0.25
O3 -0.055 0.25 0.555
O4 0.055 -0.25 -0.555
O5 0.25 0.555 -0.055
O6 -0.25 -0.555 0.055
"""


def cif(*, occupancy: str = "1", extra: str = "", atoms: str = ATOMS) -> str:
    return CUBIC.format(extra=extra, atoms=atoms.format(occupancy=occupancy))


@pytest.fixture(autouse=True)
def silence() -> Iterator[None]:
    """The source silences the parser; here it may talk."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def read(text: str) -> CifEntry:
    (block,) = split_blocks(text)
    return read_block(block, max_sites=200)


def test_the_crystal_and_its_database_number_are_read() -> None:
    entry = read(cif(extra="_cod_database_code 1234567"))
    assert entry.cod_id == "1234567"
    assert entry.crystal.counts == {"Ba": 1, "Ti": 1, "O": 3}
    assert read(cif()).cod_id is None
    assert read(cif(extra="_cod_database_code ?")).cod_id is None


@pytest.mark.parametrize(
    ("text", "formula", "nsites"), [(LITHIUM_NIOBATE, "LiNbO3", 30), (ILMENITE, "MgTiO3", 10)]
)
def test_another_setting_is_taken_when_it_fits(text: str, formula: str, nsites: int) -> None:
    crystal = read(text).crystal
    assert (crystal.formula, crystal.nsites) == (formula, nsites)


def test_blocks_without_atoms_are_passed_over() -> None:
    text = "data_global\n_journal_year 1999\n" + cif() + cif(occupancy="0.5")
    assert [block.splitlines()[0] for block in split_blocks(text)] == ["data_1234567"] * 2
    assert list(split_blocks("nothing")) == ["nothing"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (cif(occupancy="0.5"), "disordered"),
        (cif(atoms="Ba1 0 0 0 1\nTi1 .5 .5 .5 1"), "missing_atoms"),
        (cif(atoms="Ba1 0 0 0 1\nTi1 .5 .5 .5 1\nO1 0 .5 .3 1"), "wrong_formula"),
        (cif().replace("gamma 90", "gamma 120"), "wrong_symmetry"),
        (cif().replace("Ti1 ", "Qq1 "), "unknown_element"),
        (cif().split("loop_")[0], "unreadable"),
        (
            cif(atoms="Ba1 0 0 0 1\nTi1 .5 .5 .5 1\nO1 .5 .5 0 1\nO2 .5 0 .5 1").replace(
                "_chemical_formula_sum 'Ba O3 Ti'", ""
            ),
            "overlapping_sites",
        ),
        (
            cif(atoms="Ba1 0 0 0 1\nWat1 .5 .5 .5 1").replace("_chemical_formula_sum", "_none"),
            "missing_hydrogen",
        ),
        (cif().replace("'Ba O3 Ti'", "'Ba H2 O3 Ti'"), "missing_hydrogen"),
        (cif(atoms="\n".join(f"Ba{i} 0 0 0 1" for i in range(1000))), "too_large"),
    ],
)
def test_an_entry_that_contradicts_itself_is_refused(text: str, reason: str) -> None:
    with pytest.raises(StructureError) as caught:
        read(text)
    assert caught.value.reason == reason


@pytest.mark.parametrize("text", [cif().replace("4.0", "abc"), cif(atoms="? ? ? ? ?")])
def test_broken_text_raises_whatever_the_parser_raises(text: str) -> None:
    with pytest.raises(ValueError):
        read(text)


def test_listed_symmetry_copies_are_merged_when_the_formula_agrees() -> None:
    copies = "Ba1 0 0 0 1\nTi1 .5 .5 .5 1\nO1 .5 .5 0 1\nO2 .5 0 .5 1\nO3 0 .5 .5 1"
    assert read(cif(atoms=copies)).crystal.counts == {"Ba": 1, "Ti": 1, "O": 3}


def test_rounded_special_positions_are_not_split() -> None:
    text = cif(atoms="Al1 .1234 .2466 0 1\nO1 .1234 .2466 .5 1")
    text = text.replace("gamma 90", "gamma 120").replace("Ba O3 Ti", "Al O")
    assert read(text.replace("P m -3 m", "P 6/m m m")).crystal.nsites == 12


def test_deuterium_counts_as_hydrogen() -> None:
    text = cif().replace("Ba O3 Ti", "Ba D O3").replace("Ti1", "D1")
    assert read(text).crystal.counts == {"Ba": 1, "H": 1, "O": 3}
