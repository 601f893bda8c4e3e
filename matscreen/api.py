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
        The candidates of that source, rows of the `candidates` table: `structure_id`, `formula`,
        `lattice` (9 numbers, Å), `atomic_numbers`, `frac_coords` and what else the store knows.

    Raises:
        InputError: No source has this name, it does not take these options, or what it was asked
            for does not exist.
        SourceError: The source cannot be read any further; pages already read are in the store.
        MissingDependencyError: The source needs an extra that is not installed.
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
    """Compute missing descriptors and return the whole descriptor table.

    Args:
        store: Where the tables live.
        set: `composition`, `fast`, `standard`, `full`, or one that another package adds.

    Returns:
        One row a structure: `structure_id`, the `version` of the set, and its descriptors, NaN
        where they are undefined. Their units are in the metadata of the stored table.

    Raises:
        InputError: No set has this name.
    """
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
        simulation: `relaxation`, `double_well`, `octahedral_tilt`, `oxygen_vacancy`,
            `oxygen_migration`, `insertion_voltage`, `elastic`, `phase_energy`, or one that another
            package adds.
        ids: Structure ids of the candidates.
        calculator: Name of a potential or of any ASE calculator.

    Returns:
        Rows of the `labels` table: `structure_id`, `property`, `value`, `std` and `unit` of the
        registry, `method`, `version`, and the seconds and joules that they cost. A candidate that
        was rejected is a row of `failures`.

    Raises:
        InputError: No simulation or calculator has this name.
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
    """Train the surrogates of all properties with enough labels.

    Nothing is trained anew while labels and descriptors stay the same.

    Args:
        store: Where the tables live.
        set: `composition`, `fast`, `standard`, `full`, or one that another package adds.

    Returns:
        One row a property: `property`, `n_labels` and the metrics of cross-validation that keeps a
        chemical system together, in the unit of the property or, on a logarithmic scale, decades.

    Raises:
        InputError: No set has this name.
    """
    import pandas as pd

    from matscreen import stages
    from matscreen.notebook.progress import bars

    with bars() as progress:
        cards = stages.train(store, set, progress=progress)
    return pd.DataFrame(
        [{"property": c["property"], "n_labels": c["n_labels"], **c["metrics"]} for c in cards]
    )


def predict(store: Store, set: str = "standard") -> pd.DataFrame:  # noqa: A002
    """Predict every trained property and return the `predictions` table.

    Args:
        store: Where the tables live.
        set: `composition`, `fast`, `standard`, `full`, or one that another package adds.

    Returns:
        One row a structure and property: `mean`, `std`, and `lower` and `upper` of the 90 %
        interval in registry units, `in_domain`, and the `model_id` behind them.

    Raises:
        InputError: No set has this name.
    """
    from matscreen import stages
    from matscreen.notebook.progress import bars

    with bars() as progress:
        stages.predict(store, set, progress=progress)
    table: pd.DataFrame = store.read("predictions").to_pandas()
    return table


def rank(screen: Screen | str, store: Store) -> pd.DataFrame:
    """Rank the candidates of a screen with what the store knows now.

    Args:
        screen: A shipped screen, the path of a TOML file, or a screen.
        store: Where the tables live; sources of the screen that were never pulled are.

    Returns:
        One row a material and mechanism, the best first: energies in joules an event, their 90 %
        interval, `feasible` with `reasons`, and the evidence behind every property.

    Raises:
        InputError: A name in the screen is unknown, or nothing suitable was pulled.
        ConfigError: A value of the screen is wrong; its `key` names the entry.
    """
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
    """Run a whole screen and leave its files.

    Args:
        screen: A shipped screen, the path of a TOML file, or a screen.
        store: Where the tables live; new candidates and predictions are added to it.
        folder: Where report, tables and structures go.
        sources: Sources to rank instead of the screen's own.

    Returns:
        The finished screen; `.ranking` is its table, see `rank`.

    Raises:
        InputError: A name in the screen is unknown, or no candidate is left to rank.
        ConfigError: A value of the screen is wrong; its `key` names the entry.
    """
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

    Args:
        formulas_or_structures: Formulas, or structures of any of these kinds.
        set: `composition`, `fast`, `standard`, `full`, or one that another package adds.

    Returns:
        One row an item, in float64, NaN where a descriptor is undefined; the index holds the
        formulas.

    Raises:
        InputError: An item is none of these, or no set has this name.
        StructureError: A structure is disordered or no crystal.

    Examples:
        >>> import matscreen as ms
        >>> described = ms.featurize(["BaTiO3", "LiNbO3"])
        >>> described.shape
        (2, 159)
        >>> float(described.loc["BaTiO3", "magpie_mean_number"])
        20.4
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
        properties: Registry name to a float or an array, in the units of the registry.
        device: The device; the common specification when not given.
        application: `synapse` (one of N levels), `neuron` (one spike) or `logic` (one toggle).

    Returns:
        `floor_J`, `nominal_J`, `ceiling_J`, the interval `lower_J` to `upper_J` of the model error,
        `feasible` and `reasons`, with one entry a material.

    Raises:
        InputError: A required property is missing, one is unknown or out of its bounds, or the
            mechanism or application is.

    Examples:
        Polarization in µC/cm², depth of the well in meV/Å³; the first is no ferroelectric at 85 °C:

        >>> import matscreen as ms
        >>> two = {"spontaneous_polarization": [26.0, 75.0], "well_depth": [0.3, 3.0]}
        >>> energy = ms.switching_energy("ferroelectric", two)
        >>> energy.feasible
        array([False,  True])
        >>> energy.reasons[0][0]
        'curie_below_retention: Curie temperature 159 K is under the retention temperature 358 K'
        >>> bool((energy.floor_J < energy.nominal_J).all())
        True
    """
    from matscreen.mechanisms import switching_energy as evaluate
    from matscreen.mechanisms.device import Device

    return evaluate(mechanism, properties, device or Device(), application=application)
