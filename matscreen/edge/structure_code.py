"""The code and tables that a bundle of a structure model carries.

The modules of matscreen that compute descriptors are copied as they are; only the names in their
import lines change: matscreen becomes `describing`, and pymatgen its small stand-in `tabulated`.
So the descriptors of a bundle equal those of matscreen by construction.
"""

from __future__ import annotations

import gzip
import json
import math
import re
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from matscreen.atomic import write_atomically
from matscreen.data import data_path

PACKAGE: Final = "describing"
_MODULES: Final = (
    "errors",
    "plugins",
    "structures",
    "data",
    "compiled",
    "parallel",
    "identity",
    "fingerprints",
    "invariants",
    "invariant_settings",
    "leader_matching",
    "spacegroups",
)
_REFERENCE: Final = ("magpie_elements.csv", "oxide_energies.csv")
_RUNTIME: Final = ("crystals", "cif", "tabulated")
_MATSCREEN = re.compile(r"^(\s*from )matscreen\b(.*import)", re.MULTILINE)
_PYMATGEN = re.compile(r"^(\s*from )pymatgen[\w.]*( import)", re.MULTILINE)


def write_structure_code(bundle: Path) -> None:
    """Write the package `describing` into a bundle."""
    source = files("matscreen")
    package = bundle / PACKAGE
    for name in _MODULES:
        write_atomically(package / f"{name}.py", _renamed(source / f"{name}.py"))
    for module in (source / "descriptors").iterdir():
        if module.name.endswith(".py"):
            write_atomically(package / "descriptors" / module.name, _renamed(module))
    runtime = files("matscreen.edge") / "runtime"
    for name in _RUNTIME:
        write_atomically(package / f"{name}.py", _renamed(runtime / f"{name}.py"))
    title = '"""Descriptors of matscreen, copied."""\n'
    write_atomically(package / "__init__.py", title)
    for name in _REFERENCE:
        write_atomically(
            package / "_data" / "reference" / name, data_path("reference", name).read_bytes()
        )
    content = json.dumps(tabulated(), separators=(",", ":")).encode()
    # A fixed time in the header: the same export gives the same bytes.
    write_atomically(package / "tabulated.json.gz", gzip.compress(content, mtime=0))


def tabulated() -> dict[str, Any]:
    """Collect what the descriptors read from pymatgen: elements, ions, bond valences."""
    from pymatgen.analysis.bond_valence import BV_PARAMS
    from pymatgen.core import Composition, Element

    # pymatgen fills this table on the first guess.
    Composition("NaCl").oxi_state_guesses()
    frequencies = Composition.oxi_prob or {}
    kept = ("X", "Mendeleev no", "Ionization energies", "Shannon radii")
    elements = []
    for z in range(1, 119):
        element = Element.from_Z(z)
        elements.append(
            {
                "Z": z,
                "symbol": element.symbol,
                "atomic_mass": float(element.atomic_mass),
                "group": int(element.group),
                "row": int(element.row),
                "data": {key: _plain(element.data.get(key)) for key in kept},
                "icsd_oxidation_states": list(element.icsd_oxidation_states or ()),
                "common_oxidation_states": list(element.common_oxidation_states),
            }
        )
    return {
        "elements": elements,
        "ions": [
            [ion.element.Z, float(ion.oxi_state), float(count)]
            for ion, count in frequencies.items()
        ],
        "bond_valence": [[e.Z, float(p["r"]), float(p["c"])] for e, p in BV_PARAMS.items()],
    }


def _plain(value: Any) -> Any:
    """Return plain JSON types; numbers with units lose them."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, str | int):
        return value
    number = float(value)
    return number if math.isfinite(number) else None


def _renamed(module: Any) -> str:
    text = module.read_text(encoding="utf-8")
    text = _MATSCREEN.sub(rf"\g<1>{PACKAGE}\g<2>", text)
    return _PYMATGEN.sub(rf"\g<1>{PACKAGE}.tabulated\g<2>", text)
