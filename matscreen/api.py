"""The notebook's way in: the stages with pandas tables as results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matscreen.config import Screen, load_screen
from matscreen.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from matscreen.explain import Explanation
    from matscreen.mechanisms.base import SwitchingEnergy
    from matscreen.mechanisms.device import Device
    from matscreen.screening import Screening
    from matscreen.sources.dataset_tables import DatasetTable
    from matscreen.store import Store


def pull(store: Store, spec: str, *, refresh: bool = False, **options: Any) -> pd.DataFrame:
    """Bring the candidates of a source into the store.

    A pull from databases goes on where an earlier one stopped, and once it is complete brings only
    what is new or changed.

    Args:
        store: Where the tables live.
        spec: `bundle`, `prototypes`, `files:PATH`, `dataset:NAME`, `materials_project`,
            `optimade:mp,oqmd`, `optimade:all` or `optimade:URL`.
        refresh: Read a finished query to a database whole again.
        **options: Options of the source, such as `family`, `elements`, `max_hull` and `filter` of
            `optimade`, and `mirror` of `dataset`.

    Returns:
        The candidates of that source, rows of the `candidates` table.
    """
    from matscreen import stages
    from matscreen.notebook.progress import bars
    from matscreen.sources import open_source

    with bars() as progress:
        if spec in {"bundle", "store"}:
            pulled = stages.select(store, spec, progress=progress)
        else:
            source = open_source(spec, **options)
            pulled = stages.pull(store, source, spec=spec, refresh=refresh, progress=progress)
    table: pd.DataFrame = store.read("candidates").to_pandas()
    return table[table["structure_id"].isin(pulled.ids)].reset_index(drop=True)


def describe(store: Store, set: str = "standard") -> pd.DataFrame:  # noqa: A002
    """Compute missing descriptors and return the whole descriptor table."""
    from matscreen import stages
    from matscreen.notebook.progress import bars

    with bars() as progress:
        stages.describe(store, set, progress=progress)
    table: pd.DataFrame = store.read(f"descriptors_{set}").to_pandas()
    return table


def simulate(
    store: Store, simulation: str, ids: Sequence[str], calculator: str = "7net-0"
) -> pd.DataFrame:
    """Run one simulation on some candidates, keep its labels, and return them.

    Args:
        store: Where the tables live.
        simulation: `relaxation`, `double_well`, `oxygen_vacancy` or `oxygen_migration`.
        ids: Structure ids of the candidates.
        calculator: Name of a potential or of any ASE calculator.

    Raises:
        MissingDependencyError: The calculator needs an extra that is not installed.
    """
    from matscreen import stages
    from matscreen.notebook.progress import bars

    with bars() as progress:
        stages.simulate(store, simulation, ids, calculator, progress=progress)
    labels: pd.DataFrame = store.read("labels").to_pandas()
    mine = labels["structure_id"].isin(list(ids))
    return labels[mine & labels["method"].str.startswith(f"{simulation}/")].reset_index(drop=True)


def train(store: Store, set: str = "standard") -> pd.DataFrame:  # noqa: A002
    """Train the surrogates and return their cross-validated metrics, one row a property."""
    import pandas as pd

    from matscreen import stages
    from matscreen.notebook.progress import bars

    with bars() as progress:
        cards = stages.train(store, set, progress=progress)
    return pd.DataFrame(
        [{"property": c["property"], "n_labels": c["n_labels"], **c["metrics"]} for c in cards]
    )


def list_datasets() -> pd.DataFrame:
    """Return the published data sets that can be read by name, one row a set.

    Columns: name, title, properties, structures, citation, licence, home_page.
    """
    import pandas as pd

    from matscreen.sources import dataset_registry

    rows = [
        {
            "name": dataset.name,
            "title": dataset.title,
            "properties": ", ".join(target.property for target in dataset.targets),
            "structures": dataset.has_structures,
            "citation": dataset.citation,
            "licence": dataset.licence,
            "home_page": dataset.home_page,
        }
        for dataset in dataset_registry.list_datasets()
    ]
    return pd.DataFrame(rows)


def read_dataset(name: str, mirror: str | Path | None = None) -> DatasetTable:
    """Read a published data set: formulas, crystals and sites where it has them, and values.

    Values are in the unit of the registry, NaN where unknown; `.to_pandas()` gives them as a
    table, `.failures` and `.omitted` what could not be used and why, `.dataset` citation and
    licence.

    Args:
        name: A name of `list_datasets()`, such as `wolverton_oxides`.
        mirror: Folder that is searched before the network; `MATSCREEN_MIRROR` by default.

    Raises:
        InputError: No set has this name, or it is neither in the mirror nor at a known address.
        SourceError: It cannot be fetched or read, or is not the file that the registry knows.
    """
    from matscreen.sources import dataset_tables

    return dataset_tables.read_dataset(name, mirror)


def train_dataset(
    name: str,
    properties: Sequence[str] | None = None,
    *,
    set: str = "fast",  # noqa: A002
    folder: str | Path | None = None,
    mirror: str | Path | None = None,
    max_rows: int | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """Train a surrogate for each property of a published data set, and keep it.

    Args:
        name: A name of `list_datasets()`.
        properties: Registry names; everything that the set holds by default.
        set: Descriptor set; `fast` and `composition` work from formulas, others need crystals.
        folder: Where the models go, one folder a property; `models/NAME` by default.
        mirror: Folder that is searched before the network; `MATSCREEN_MIRROR` by default.
        max_rows: Learn from at most this many rows, drawn at random.
        seed: Seed of the draw, the folds and the models.

    Returns:
        One row a property: property, unit, n_labels, the cross-validated metrics, cpu_seconds and
        the folder, which `matscreen.surrogates.load` reads.

    Raises:
        InputError: The set or a property is unknown, or the descriptors need crystals.
        SourceError: The set cannot be fetched or read.
        ModelError: None of the properties has enough labels.
    """
    import pandas as pd

    from matscreen import dataset_training

    finished = dataset_training.train_dataset(
        name,
        properties,
        descriptor_set=set,
        folder=folder,
        mirror=mirror,
        max_rows=max_rows,
        seed=seed,
    )
    rows = [
        {
            "property": trained.target.property,
            "unit": trained.card["unit"],
            "n_labels": trained.card["n_labels"],
            **trained.card["metrics"],
            "cpu_seconds": trained.card["cpu_seconds"],
            "folder": str(trained.folder),
        }
        for trained in finished.trained
    ]
    return pd.DataFrame(rows)


def predict(store: Store, set: str = "standard") -> pd.DataFrame:  # noqa: A002
    """Predict every trained property and return the `predictions` table."""
    from matscreen import stages
    from matscreen.notebook.progress import bars

    with bars() as progress:
        stages.predict(store, set, progress=progress)
    table: pd.DataFrame = store.read("predictions").to_pandas()
    return table


def rank(screen: Screen | str, store: Store) -> pd.DataFrame:
    """Rank the candidates of a screen with what the store knows now."""
    from matscreen import screening, stages
    from matscreen.notebook.progress import bars

    asked = screen if isinstance(screen, Screen) else load_screen(screen)
    with bars() as progress:
        pulled = [stages.select(store, spec, progress=progress) for spec in asked.sources]
        return screening.rank(asked, store, pulled, progress=progress)


def screen(
    screen: Screen | str,
    store: Store,
    folder: str | Path,
    *,
    sources: Sequence[str] | None = None,
) -> Screening:
    """Run a whole screen and leave its files; `.ranking` of the result is the table."""
    from matscreen.notebook.progress import bars
    from matscreen.screening import run_screen

    asked = screen if isinstance(screen, Screen) else load_screen(screen)
    with bars() as progress:
        return run_screen(asked, store, folder, sources=sources, progress=progress)


def explain_candidate(
    store: Store,
    screen: Screen | str,
    candidate: str,
    *,
    mechanisms: Sequence[str] | None = None,
) -> list[Explanation]:
    """Explain a candidate: what its energy is made of, what is uncertain, and what to do next.

    Args:
        store: Where the tables live; surrogates are trained where predictions are missing.
        screen: A shipped screen, the path of a TOML file, or a screen; its device counts.
        candidate: A reduced formula, a structure id, or the path of a structure file.
        mechanisms: Mechanisms instead of the screen's own.

    Returns:
        One explanation a mechanism, of the phase that it ranks best; `card` shows one.

    Raises:
        InputError: There is no such candidate, or a file with no or several structures was given.
    """
    from matscreen import explanation
    from matscreen.notebook.progress import bars

    asked = screen if isinstance(screen, Screen) else load_screen(screen)
    if mechanisms is not None:
        asked = asked.model_copy(update={"mechanisms": tuple(mechanisms)})
    with bars() as progress:
        return explanation.explain_candidate(store, asked, candidate, progress=progress)


def export(
    ranking: pd.DataFrame | str | Path,
    path: str | Path,
    *,
    format: str | None = None,  # noqa: A002
    store: Store | None = None,
    top: int | None = None,
    mechanism: str | None = None,
    infeasible: bool = False,
) -> Path:
    """Write a ranking in one format: a table, crystals, input folders or what to cite.

    Tables (csv, parquet, json, xlsx, and citation) hold every row unless `top` is given. The others
    (cif, poscar, extxyz, ase, optimade, pymatgen, vasp, espresso, gpaw) hold the best feasible
    materials that have a crystal. What is at the path already is replaced.

    Args:
        ranking: A ranking, or the folder of a finished screen.
        path: Target file; a folder for cif, poscar and the input folders.
        format: Name of the format; by default what the suffix of the path means: .csv, .parquet,
            .json, .xlsx, .bib, .extxyz, .xyz, .db (ASE) or .jsonl (OPTIMADE).
        store: Store that was ranked, where the crystals are.
        top: How many materials; by default all rows of a table, and 30 crystals or as many as the
            screen exports.
        mechanism: Only the rows of this mechanism.
        infeasible: Take infeasible materials too, after the feasible ones.

    Returns:
        The path written.

    Raises:
        InputError: The format is unknown, nothing is feasible, or no crystal is at hand.
    """
    import pandas as pd

    from matscreen.exporting import export_screen, format_of
    from matscreen.finished_screens import FinishedScreen, read_finished

    target = Path(path)
    if isinstance(ranking, pd.DataFrame):
        screen = FinishedScreen(ranking, {})
    else:
        screen = read_finished(ranking)
    export_screen(
        screen,
        {format or format_of(target): target},
        store=store,
        top=top,
        mechanism=mechanism,
        infeasible=infeasible,
        force=True,
    )
    return target


def featurize(formulas_or_structures: Sequence[Any], set: str = "standard") -> pd.DataFrame:  # noqa: A002
    """Compute descriptors of formulas, or of pymatgen, ASE or matscreen structures.

    Formulas get the composition part of the set only.

    Raises:
        InputError: An item is none of these.
    """
    import pandas as pd

    from matscreen.descriptors import featurize_formulas, get_descriptor_set
    from matscreen.structures import Crystal, CrystalBatch

    items = list(formulas_or_structures)
    if items and all(isinstance(item, str) for item in items):
        features = featurize_formulas(items)
        return pd.DataFrame(features.values, columns=list(features.labels), index=items)
    crystals = []
    for item in items:
        if isinstance(item, Crystal):
            crystals.append(item)
        elif hasattr(item, "frac_coords"):
            crystals.append(Crystal.from_pymatgen(item))
        elif hasattr(item, "get_scaled_positions"):
            crystals.append(Crystal.from_ase(item))
        else:
            raise InputError(
                f"cannot featurize {type(item).__name__}: give a formula or a structure"
            )
    featurizer = get_descriptor_set(set)
    features = featurizer.featurize(CrystalBatch.from_crystals(crystals))
    names = [crystal.formula for crystal in crystals]
    return pd.DataFrame(features.values, columns=list(featurizer.labels), index=names)


def switching_energy(
    mechanism: str,
    properties: Mapping[str, Any],
    device: Device | None = None,
    *,
    application: str = "synapse",
) -> SwitchingEnergy:
    """Energy of one switching event, J, from material properties in registry units.

    Args:
        mechanism: Name of the mechanism.
        properties: Registry name to a float or an array.
        device: The device; the common specification when not given.
        application: `synapse`, `neuron` or `logic`.

    Raises:
        InputError: A required property is missing or unknown.
    """
    from matscreen.mechanisms import switching_energy as evaluate
    from matscreen.mechanisms.device import Device

    return evaluate(mechanism, properties, device or Device(), application=application)
