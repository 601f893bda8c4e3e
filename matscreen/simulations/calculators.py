"""Potentials by name: any ASE calculator, with the facts a label must carry about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from matscreen.errors import InputError, MissingDependencyError
from matscreen.simulations.devices import torch_device

MP2020_OXIDE_CORRECTION = -0.687
"""Shift per oxygen of an oxide in the MP2020 scheme, eV (Wang et al. 2021)."""
_DFT = ("gpaw", "espresso", "vasp")
_KNOWN = "7net-0, 7net-l3i5, 7net-mf-0, chgnet, mace, gpaw, espresso, vasp"


@dataclass(frozen=True, eq=False)
class Potential:
    """A calculator and what is known about it.

    Attributes:
        name: Name by which it was asked for; part of every label's method.
        version: Package and checkpoint version.
        factory: Makes a fresh ASE calculator around the same loaded model, so that each image of
            a path keeps its own cached result.
        oxide_correction: Energy per oxygen that brings its oxides to experiment when O2 is left
            alone, eV: the MP2020 shift for potentials trained on uncorrected GGA energies, zero
            for those trained on corrected ones.
        cell_side: Shortest acceptable repeat distance of a defect cell, Å.
        max_atoms: Largest defect cell, atoms.
        evidence: Kind of evidence of its labels: ``mlip`` or ``dft``.
    """

    name: str
    version: str
    factory: Callable[[], Any] = field(repr=False)
    oxide_correction: float = 0.0
    cell_side: float = 7.5
    max_atoms: int = 80
    evidence: str = "mlip"

    def calculator(self) -> Any:
        """Return a fresh ASE calculator (cheap: the model itself is loaded once)."""
        return self.factory()


def get_potential(name: str) -> Potential:
    """Load a potential.

    Args:
        name: ``7net-0``, ``7net-l3i5``, ``7net-mf-0`` (sevenn; the last with its PBE modality),
            ``chgnet``, ``mace`` or ``mace-SIZE`` (MACE-MP, small by default), ``gpaw``,
            ``espresso``, ``vasp`` (`matscreen.simulations.dft_calculators`), or the lower-case
            ASE name of any other calculator (``emt``, ``lj``...).

    Raises:
        MissingDependencyError: The package of the potential is not installed.
        InputError: No calculator has this name, or it is not set up.
    """
    if name.startswith("7net"):
        return _sevennet(name)
    if name == "chgnet":
        return _chgnet()
    if name.startswith("mace"):
        return _mace(name)
    if name in _DFT:
        from matscreen.simulations.dft_calculators import get_dft_potential

        return get_dft_potential(name)
    return _from_ase(name)


def get_calculator(name: str) -> Any:
    """Return a ready ASE calculator by name; see `get_potential` for the names.

    Raises:
        MissingDependencyError: The package of the potential is not installed.
        InputError: No calculator has this name.
    """
    return get_potential(name).calculator()


def describe_calculator(name: str) -> str:
    """Return the version string of a potential without loading it, for resumable work.

    Raises:
        MissingDependencyError: The package of the potential is not installed.
        InputError: A code of density functional theory is not set up.
    """
    if name in _DFT:
        from matscreen.simulations.dft_calculators import describe_dft

        return describe_dft(name)
    package, extra = _package_of(name)
    try:
        return f"{package}-{version(package)}"
    except PackageNotFoundError:
        raise MissingDependencyError(package, extra) from None


def oxide_correction_of(name: str) -> float:
    """Return `Potential.oxide_correction` of a potential without loading it, eV per oxygen.

    Potentials trained on uncorrected GGA energies, and GGA itself, need the MP2020 shift; chgnet
    was trained on corrected energies; emt, lj and other toys are left alone.
    """
    uncorrected = name.startswith(("7net", "mace")) or name in _DFT
    return MP2020_OXIDE_CORRECTION if uncorrected else 0.0


def evidence_of(name: str) -> str:
    """Return `Potential.evidence` of a potential without loading it."""
    return "dft" if name in _DFT else "mlip"


def _package_of(name: str) -> tuple[str, str]:
    """Package of a potential and the extra that installs it."""
    if name.startswith("7net"):
        return "sevenn", "simulate"
    if name == "chgnet":
        return "chgnet", "second-opinion"
    if name.startswith("mace"):
        return "mace-torch", "second-opinion"
    return "ase", ""


def _sevennet(name: str) -> Potential:
    try:
        import torch
        from sevenn.calculator import SevenNetCalculator
    except ImportError:
        raise MissingDependencyError("sevenn", "simulate") from None
    import warnings

    # The multi-fidelity model answers as PBE, like the others, or as r2SCAN.
    modal = "PBE" if name.startswith("7net-mf-0") else None
    torch.set_num_threads(1)  # two threads gain 1.5x alone and lose 5x on a shared machine
    device = torch_device(torch)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            first = SevenNetCalculator(name, device=device, modal=modal)
        except ValueError as error:  # not the name of a checkpoint
            raise InputError(f"sevenn has no potential {name!r}; known: {_KNOWN}") from error

    def factory() -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return SevenNetCalculator(
                first.model,
                file_type="model_instance",
                device=device,
                modal=modal,
                sevennet_config=first.sevennet_config,
            )

    return Potential(
        name, describe_calculator(name), factory, oxide_correction=oxide_correction_of(name)
    )


def _chgnet() -> Potential:
    try:
        import torch
        from chgnet.model import CHGNet
        from chgnet.model.dynamics import CHGNetCalculator
    except ImportError:
        raise MissingDependencyError("chgnet", "second-opinion") from None
    from contextlib import redirect_stdout
    from io import StringIO

    torch.set_num_threads(1)
    device = torch_device(torch)
    with redirect_stdout(StringIO()):  # it prints a line for every calculator
        model = CHGNet.load(use_device=device, verbose=False)

    def factory() -> Any:
        with redirect_stdout(StringIO()):
            return CHGNetCalculator(model, use_device=device, on_isolated_atoms="ignore")

    return Potential("chgnet", describe_calculator("chgnet"), factory)


def _mace(name: str) -> Potential:
    try:
        import torch
        from mace.calculators import mace_mp  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        raise MissingDependencyError("mace-torch", "second-opinion") from None
    torch.set_num_threads(1)
    model = name.removeprefix("mace").lstrip("-") or "small"
    calculator = mace_mp(model=model, device=torch_device(torch), default_dtype="float64")

    def factory() -> Any:
        from copy import copy

        twin = copy(calculator)
        twin.atoms, twin.results = None, {}
        return twin

    return Potential(
        name, describe_calculator(name), factory, oxide_correction=oxide_correction_of(name)
    )


def _from_ase(name: str) -> Potential:
    from ase.calculators.calculator import get_calculator_class

    try:
        kind = get_calculator_class(name)
    except (ImportError, AttributeError, ValueError, KeyError) as error:
        raise InputError(
            f"unknown calculator {name!r}; known: {_KNOWN}, "
            "and every calculator name of ASE in lower case (emt, lj...)"
        ) from error
    return Potential(name, describe_calculator(name), kind)
