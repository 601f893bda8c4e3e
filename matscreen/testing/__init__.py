"""Contract checks for what other packages add to matscreen, and how to add it.

Four seams are open to other packages, each an entry-point group: ``matscreen.sources``,
``matscreen.descriptors``, ``matscreen.simulations`` and ``matscreen.mechanisms``. A package that
names its objects there is found by screens, the command line and the notebook as soon as it is
installed; nothing is imported before it is asked for. `check_source`, `check_descriptor`,
`check_simulation` and `check_mechanism` check everything that matscreen relies on, in the way of
scikit-learn's `check_estimator`: they raise a `ContractError` that names the clause, the promise
and what was seen, or return the names of the clauses that hold.

**A source** has a name and `pages()`. Whatever can go wrong with one entry is a `Failure`:

    class Deposits:
        "Crystals of our own furnace, one POSCAR each. Failures: `unreadable`."

        name = "deposits"

        def __init__(self, folder):
            self.folder = folder

        def pages(self):
            "Give one page with every file in the order of the names."
            items, failures = [], []
            for path in sorted(self.folder.glob("*.vasp")):
                try:
                    crystal = Crystal.from_ase(ase.io.read(path))
                except Exception as error:
                    failures.append(Failure(path.name, "unreadable", str(error)))
                else:
                    items.append(SourceItem(crystal, self.name, path.name, licence=None))
            yield Page(tuple(items), tuple(failures))

    def open_deposits(target):  # `deposits:FOLDER`
        return Deposits(Path(target))

A source that fetches over a network and can go on where it stopped has `streams()` as well
(`matscreen.sources.streams`). Values that it brings are labels: registry names, registry units.

**A descriptor set** has `name`, `version`, `labels`, `units`, `citation` and
`featurize(batch) -> Features`. `batch[i]` raises a `StructureError` for arrays that are no
crystal; make it a `Failure` of that row. Bump the version whenever a value moves.

**A simulation** has `property`, `method` (the name under which it is registered), `version` and
`run(crystal, potential, *, phases=None) -> Simulated`. It works with any ASE calculator and
refuses with a `StructureError` what it cannot label.

**A mechanism** has `name`, `title`, `requires`, `optional`, `model_error` and
`energies(properties, device, application) -> SwitchingEnergy`. Let the order
floor <= nominal <= ceiling come from the formula, not from clipping; say with gates what excludes
a material, and leave its energies finite.

**A property** is one row of `matscreen.properties` (name, unit, bounds, scale, meaning); what
nobody has computed for a candidate needs a prior as well (`matscreen.priors`).

**A device geometry** of a new mechanism belongs to `matscreen.mechanisms.geometry`; a mechanism
of another package takes its own constants in its constructor.

The entry points, in the `pyproject.toml` of the package:

    [project.entry-points."matscreen.sources"]
    deposits = "my_package.deposits:open_deposits"

    [project.entry-points."matscreen.mechanisms"]
    phase_change = "my_package.phase_change:PhaseChange"

Its tests are then

    from matscreen.testing import check_mechanism, check_source

    def test_contracts(tmp_path):
        ...  # write a good file and `broken.vasp`
        check_source(f"deposits:{tmp_path}", failing=["broken.vasp"], entries=2)
        check_mechanism("phase_change", rising=["melting_temperature"])
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
