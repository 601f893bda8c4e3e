"""Contract checks for what other packages add to matscreen, and how to add it.

Four seams are open to other packages, each an entry-point group: ``matscreen.sources``,
``matscreen.descriptors``, ``matscreen.simulations`` and ``matscreen.mechanisms``. A package that
names its objects there is found by screens, the command line and the notebook as soon as it is
installed; nothing is imported before it is asked for. `check_source`, `check_descriptor`,
`check_simulation` and `check_mechanism` check everything that matscreen relies on, in the way of
scikit-learn's `check_estimator`: they raise a `ContractError` that names the clause, the promise
and what was seen, or return the names of the clauses that hold.

**A source** has a name and `pages()`. Whatever can go wrong with one entry is a `Failure` of its
page; values that it brings are labels, under registry names and in registry units:

>>> import numpy as np
>>> from matscreen import Crystal
>>> from matscreen.sources import Failure, Page, SourceItem
>>> class Salts:
...     "Rock-salt crystals by formula and edge in Å. Failures: `no_edge`."
...
...     name = "salts"
...     table = {"MgO": (12, 4.21), "CaO": (20, 4.81), "??": (0, None)}
...
...     def pages(self):
...         "Give one page, in the order of the table."
...         items, failures = [], []
...         for formula, (number, edge) in self.table.items():
...             if edge is None:
...                 failures.append(Failure(formula, "no_edge", "nobody measured it"))
...                 continue
...             cell = edge / 2 * (1 - np.eye(3))
...             crystal = Crystal(cell, [number, 8], [[0, 0, 0], [0.5, 0.5, 0.5]])
...             items.append(SourceItem(crystal, self.name, formula, licence="CC0-1.0"))
...         yield Page(tuple(items), tuple(failures))
>>> "stored" in check_source(Salts, failing=["??"], entries=3)
True

Registered is a function that takes the text after the colon, or None, and options as keywords. A
source that fetches over a network and can go on where it stopped has `streams()` as well
(`matscreen.sources.streams`).

**A descriptor set** has `name`, `version`, `labels`, `units`, `citation` and `featurize`.
`batch[row]` raises a `StructureError` for arrays that are no crystal; make it a `Failure` of that
row. Bump the version whenever a value moves. This one forgot that a supercell is the same crystal:

>>> from matscreen.descriptors import Failure, Features
>>> from matscreen.errors import StructureError
>>> class Size:
...     "Volume of the cell."
...
...     name, version, citation = "size", "1", "nobody"
...     labels, units = ("volume",), ("Å³",)
...
...     def featurize(self, batch):
...         "Describe every structure."
...         values, failures = np.full((len(batch), 1), np.nan), []
...         for row in range(len(batch)):
...             try:
...                 values[row] = batch[row].volume
...             except StructureError as error:
...                 failures.append(Failure(row, error.reason, error.detail))
...         return Features(values, tuple(failures), self.labels)
>>> check_descriptor(Size)
Traceback (most recent call last):
    ...
matscreen.testing.contract.ContractError: descriptor set 'size' breaks `invariant`: supercell of \
SrTiO3 cubic: volume 59.5474 becomes 119.095
  the contract: The order of the sites, origin, orientation and choice of cell do not move a value.

**A simulation** has `property`, `method` (the name under which it is registered), `version` and
`run(crystal, potential, *, phases=None) -> Simulated`. It works with any ASE calculator and
refuses with a `StructureError` what it cannot label:

>>> "refuses" in check_simulation("relaxation", sample_crystals()["Cu"], "emt")
True

**A mechanism** has `name`, `title`, `requires`, `optional`, `model_error` and
`energies(properties, device, application) -> SwitchingEnergy`. Let the order
floor <= nominal <= ceiling come from the formula, not from clipping; say with gates what excludes
a material, and leave its energies finite. Constants of a new device are arguments of the
constructor; those of our own are `matscreen.mechanisms.geometry`:

>>> "monotonic" in check_mechanism("insulator_metal", rising=["transition_temperature"])
True

**A property** is one row of `matscreen.properties` (name, unit, bounds, scale, meaning), which a
package may add to `PROPERTIES` where it is imported. What a mechanism requires and not every
candidate has needs a prior as well (`matscreen.priors`).

The entry points, in the `pyproject.toml` of the package, load a function that opens the source, a
descriptor set or its class, the class of the simulation, the class of the mechanism:

    [project.entry-points."matscreen.sources"]
    salts = "my_package:open_salts"

    [project.entry-points."matscreen.mechanisms"]
    phase_change = "my_package:PhaseChange"
"""

from __future__ import annotations

from matscreen.testing.contract import ContractError
from matscreen.testing.crystals import batch_with_bad_rows, sample_crystals
from matscreen.testing.descriptors import check_descriptor
from matscreen.testing.materials import draw_materials
from matscreen.testing.mechanisms import check_mechanism
from matscreen.testing.simulations import check_simulation
from matscreen.testing.sources import check_source

__all__ = [
    "ContractError",
    "batch_with_bad_rows",
    "check_descriptor",
    "check_mechanism",
    "check_simulation",
    "check_source",
    "draw_materials",
    "sample_crystals",
]
