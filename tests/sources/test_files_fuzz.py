"""Whatever bytes a structure file holds, the source `files` gives an item or a failure."""

from __future__ import annotations

import io
import json
import random
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Structure
from pymatgen.io.cif import CifWriter

from matscreen.sources.files import FilesSource

COORDS = [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]
BATIO3 = Structure(np.diag([4.0, 4.1, 4.2]), ["Ba", "Ti", "O", "O", "O"], COORDS)
ENTRY = {
    "id": "x",
    "type": "structures",
    "attributes": {
        "lattice_vectors": np.diag([4.0, 4.1, 4.2]).tolist(),
        "cartesian_site_positions": BATIO3.cart_coords.tolist(),
        "species": [{"name": s, "chemical_symbols": [s]} for s in ("Ba", "Ti", "O")],
        "species_at_sites": ["Ba", "Ti", "O", "O", "O"],
        "dimension_types": [1, 1, 1],
        "structure_features": [],
    },
}
XYZ = (
    '5\nLattice="4 0 0 0 4 0 0 0 4" Properties=species:S:1:pos:R:3 pbc="T T T"\n'
    "Ba 0 0 0\nTi 2 2 2\nO 2 2 0\nO 2 0 2\nO 0 2 2\n"
)


def _zip(name: str, content: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return packed.getvalue()


SEEDS = {
    "a.cif": str(CifWriter(BATIO3, symprec=0.1)).encode(),
    "POSCAR": BATIO3.to(fmt="poscar").encode(),
    "a.json": json.dumps([BATIO3.as_dict()]).encode(),
    "a.jsonl": (json.dumps(ENTRY) + "\n" + json.dumps(ENTRY)).encode(),
    "a.xyz": XYZ.encode(),
    "a.zip": _zip("a.cif", str(CifWriter(BATIO3)).encode()),
}
TOKENS = [
    b"nan", b"inf", b"-1", b"0", b"1e308", b"99999999999", b"null", b"[]", b"{}", b"''", b"\x00",
    b"\xff\xfe", b"Xx", b"?", b".", b"(3)", b"loop_", b"data_", b"\n\n", b"true", b'"a"', b"[[[[",
]  # fmt: skip


def mutated(seed: bytes, draw: random.Random) -> bytes:
    """Return a few bytes changed: deleted, doubled, swapped, or replaced by awkward words."""
    content = bytearray(seed)
    for _ in range(draw.randint(1, 6)):
        start = draw.randrange(len(content) + 1)
        end = min(len(content), start + draw.choice([1, 2, 8, 40, 400]))
        kind = draw.randrange(5)
        if kind == 0:
            del content[start:end]
        elif kind == 1:
            content[start:end] = content[start:end] * 2
        elif kind == 2:
            content[start:end] = draw.choice(TOKENS)
        elif kind == 3:
            content[start:start] = draw.choice(TOKENS)
        else:
            content[start:end] = bytes(draw.randrange(256) for _ in range(end - start))
    return bytes(content)


def check(name: str, content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, name).write_bytes(content)
        pages = list(FilesSource(Path(folder)).pages())
    items = [item for page in pages for item in page.items]
    failures = [failure for page in pages for failure in page.failures]
    assert items or failures
    for item in items:
        assert np.isfinite(item.crystal.lattice).all()
        assert item.crystal.volume > 0
        assert item.crystal.nsites <= 200
    for failure in failures:
        assert failure.source_id
        assert failure.reason
        assert "\n" not in failure.detail


@pytest.mark.parametrize("name", SEEDS)
def test_the_seed_itself_is_read(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(SEEDS[name])
    pages = list(FilesSource(tmp_path).pages())
    assert sum(len(page.items) for page in pages) >= 1
    assert not any(page.failures for page in pages)


@pytest.mark.parametrize("name", SEEDS)
@settings(max_examples=60)
@given(draw=st.randoms(use_true_random=False))
def test_mutated_files_never_raise(name: str, draw: random.Random) -> None:
    check(name, mutated(SEEDS[name], draw))


@pytest.mark.parametrize("name", [*SEEDS, "a.db", "a.cif.gz", "a.tar.gz"])
@settings(max_examples=15)
@given(content=st.binary(max_size=400))
def test_noise_never_raises(name: str, content: bytes) -> None:
    check(name, content)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@settings(max_examples=120)
@given(key=st.sampled_from(sorted(ENTRY["attributes"])), value=JSON_VALUES)
def test_any_value_of_an_optimade_field_never_raises(key: str, value: object) -> None:
    entry = {**ENTRY, "attributes": {**ENTRY["attributes"], key: value}}
    check("a.jsonl", json.dumps(entry).encode())


@settings(max_examples=80)
@given(key=st.sampled_from(["lattice", "sites", "charge", "properties"]), value=JSON_VALUES)
def test_any_value_in_a_pymatgen_structure_never_raises(key: str, value: object) -> None:
    check("a.json", json.dumps([{**BATIO3.as_dict(), key: value}]).encode())
