"""Ferroelectric switching: the polarization of a capacitor is reversed.

Which crystals can do it, and how their films do: fields and energies are those of
`polarization_reversal`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

from matscreen.mechanisms.base import (
    ELEMENTARY_CHARGE,
    MEV_PER_A3,
    MICROCOULOMB_PER_CM2,
    FloatArray,
    Gate,
    ModelError,
    SwitchingEnergy,
    check_application,
    floor_energy,
    gate_at_least,
    gate_at_most,
    thermal_barrier,
    value_or,
    volatile_gate,
)
from matscreen.mechanisms.device import Device
from matscreen.mechanisms.ground_state import ground_state_gates
from matscreen.mechanisms.polarization_reversal import (
    CALIBRATION_THICKNESS,
    LOG10_COERCIVE_FACTOR,
    NUCLEATION_TIME,
    WriteEnergy,
    field_at_thickness,
    intrinsic_coercive_field,
    mean_field_scaling,
    write_energy,
    write_field,
)

WELL_NOISE_MEV: Final = 15.0
"""Wells shallower than this per formula unit are noise of the potentials that yield them."""
SUPERTETRAGONAL: Final = 1.15
"""Axial ratio above which semilocal functionals are known to elongate the cell too far."""
CURIE_PER_WELL: Final = 530.0
"""Curie temperature over well depth, K per meV/Å³; see `matscreen.priors`."""
DEFAULT_PERMITTIVITY: Final = 100.0
_DEFAULT_UNIT_VOLUME = 60.0  # Å³, one perovskite formula unit
_LEAST_POLARIZATION = 1e-3  # C/m²; under it Ec = dU/Ps has no meaning, the read gate fails


class Ferroelectric:
    """Ferroelectric capacitor: FeRAM cell, gate of a FeFET, barrier of a tunnel junction.

    Three energies, each the floor common to all mechanisms plus a write:

    - ceiling: coherent reversal at the intrinsic field E_c = (8 / 3√3) dU / Ps, with the
      interlayer, the dead layers and the whole charge of the dielectric;
    - nominal: E_w = E_c s / √(1 + s²), s = η (d / d_cal)^(-2/3) ln(t_ref/t0) / ln(t/t0): the film's
      coercive field at this thickness and pulse length. Nucleated and coherent reversal are two
      paths, the easier one wins, and the form passes smoothly from one to the other. Without dead
      layers: the films behind η have them.

    The order holds by construction: s / √(1 + s²) < 1, so V_nominal < V_ceiling, a write grows with
    its voltage, and no write is negative.

    dU is the depth of the well under its nonpolar reference, on which η was calibrated. The barrier
    of rotating P through another polar phase is a few meV per formula unit in BaTiO3 or KNbO3, less
    than the noise of any potential, and a film clamped by its substrate does not take that path;
    where the inversion barrier exceeds the depth, the ceiling uses it. Without a well depth the
    barrier stands in for it.

    A synapse moves 1/N of the polarization with one pulse, but charges the whole dielectric.

    Not covered, hence gated: improper ferroelectrics, whose polarization is not the coordinate of
    the well. Gated as well: polar phases that the oxide does not take, because its octahedra tilt
    instead (`antiferrodistortive`) or another nonpolar polymorph is far more stable
    (`nonpolar_polymorph`).
    """

    name = "ferroelectric"
    title = "Ferroelectric reversal"
    requires: tuple[str, ...] = ("spontaneous_polarization", "well_depth")
    optional: tuple[str, ...] = (
        "polar_barrier",
        "relative_permittivity",
        "curie_temperature",
        "breakdown_field",
        "band_gap",
        "polar",
        "improper",
        "axial_ratio",
        "formula_unit_volume",
        "polymorph_gap",
        "tilted_gap",
        "tilted_spacegroup",
        "antiferroelectric",
    )
    # The coercive factor scatters by 0.49 dex from film to film, and leaving one out gives 0.52:
    # 0.4 of it from material to material. The rest is common: the mean factor (0.12), and carrying
    # millisecond loops of 70 nm films to nanosecond pulses on 10 nm.
    model_error = ModelError(shared=0.30, material=0.40)

    def energies(
        self, properties: Mapping[str, npt.ArrayLike], device: Device, application: str
    ) -> SwitchingEnergy:
        """Compute the energy of one event.

        Args:
            properties: Values in registry units, broadcastable to (n,) or (samples, n).
            device: The specification.
            application: `synapse`, `logic` or `neuron`.
        """
        check_application(application)
        shape = np.broadcast_shapes(*(np.shape(value) for value in properties.values()))
        levels, geometry = device.levels(application), device.ferroelectric
        barrier = value_or(properties, "polar_barrier", np.nan)
        well = np.maximum(value_or(properties, "well_depth", barrier), 0.0)
        depth = well * MEV_PER_A3
        highest = np.fmax(well, barrier) * MEV_PER_A3
        moment = np.asarray(properties["spontaneous_polarization"], float) * MICROCOULOMB_PER_CM2
        moment = np.maximum(moment, _LEAST_POLARIZATION)
        permittivity = value_or(properties, "relative_permittivity", DEFAULT_PERMITTIVITY)
        breakdown = value_or(properties, "breakdown_field", np.nan)
        curie = value_or(properties, "curie_temperature", CURIE_PER_WELL * well)

        reduction = 10.0**LOG10_COERCIVE_FACTOR * write_field(
            field_at_thickness(1.0, CALIBRATION_THICKNESS, device.thickness),
            device.switching_time,
            nucleation_time=min(NUCLEATION_TIME, 0.1 * device.switching_time),
            exponent=geometry.merz_exponent,
        )
        reduction = reduction / np.sqrt(1.0 + reduction**2)
        nominal_field = reduction * intrinsic_coercive_field(depth, moment)
        interlayer = geometry.interlayer_thickness / geometry.interlayer_permittivity
        dead = geometry.dead_layer_thickness / geometry.dead_layer_permittivity
        nominal_stack = device.thickness + interlayer * permittivity
        ceiling_stack = nominal_stack + dead * permittivity

        def write(voltage: FloatArray) -> WriteEnergy:
            return write_energy(
                moment,
                voltage,
                permittivity,
                area=device.area,
                thickness=device.thickness,
                loss=geometry.dielectric_loss,
                levels=levels,
            )

        nominal = write(nominal_field * nominal_stack)
        ceiling = write(intrinsic_coercive_field(highest, moment) * ceiling_stack)
        floor = floor_energy(device)
        gates = (
            volatile_gate(application),
            *_symmetry_gates(properties),
            *ground_state_gates(properties),
            *_well_gates(properties, device, well, curie),
            gate_at_least(
                "read_margin",
                2.0 * moment * device.area / levels / ELEMENTARY_CHARGE,
                device.read_electrons,
                "one level is {value:.0f} electrons, the reader needs {limit:.0f}",
            ),
            _breakdown(nominal_field, breakdown, 1.0, "breakdown"),
            gate_at_least(
                "metal",
                value_or(properties, "band_gap", np.nan),
                device.minimum_band_gap,
                "a gap of {value:.2f} eV leaks, {limit:.2f} eV are needed",
            ),
        )
        electrons = 2.0 * moment * device.area / ELEMENTARY_CHARGE
        diagnostics = {
            "write_voltage_V": nominal.voltage,
            "write_field_V_per_m": nominal_field,
            "endurance_margin": breakdown / np.maximum(nominal_field, 1.0),
            "on_off_decades": np.log10(electrons / device.read_electrons),
        }
        return SwitchingEnergy(
            floor_J=np.full(shape, floor),
            nominal_J=np.broadcast_to(floor + nominal.total, shape),
            ceiling_J=np.broadcast_to(floor + ceiling.total, shape),
            gates=gates,
            flags=(
                gate_at_most(
                    "supertetragonal",
                    value_or(properties, "axial_ratio", np.nan),
                    SUPERTETRAGONAL,
                    "c/a of {value:.2f} is over {limit:.2f}: elongation of the functional?",
                ),
                _breakdown(nominal_field, breakdown, 0.5, "near_breakdown"),
                gate_at_least(
                    "soft_rotation",
                    barrier * MEV_PER_A3 * device.volume,
                    _hold(device),
                    "the lowest barrier of a free cell, {value:.1e} J, is under the retention "
                    "barrier {limit:.1e} J",
                ),
            ),
            diagnostics={
                name: np.broadcast_to(values, shape) for name, values in diagnostics.items()
            },
            model_error=self.model_error,
        )


def _hold(device: Device) -> float:
    return thermal_barrier(
        device.retention_time, device.retention_temperature, attempt_time=device.attempt_time
    )


def _symmetry_gates(properties: Mapping[str, npt.ArrayLike]) -> tuple[Gate, ...]:
    return (
        gate_at_least(
            "nonpolar",
            value_or(properties, "polar", np.nan),
            0.5,
            "the point group allows no polarization",
        ),
        gate_at_most(
            "improper",
            value_or(properties, "improper", np.nan),
            0.5,
            "its polarization follows another distortion, the double well in P does not apply",
        ),
        gate_at_most(
            "antiferroelectric",
            value_or(properties, "antiferroelectric", np.nan),
            0.5,
            "films of it are antiferroelectric: no remanent polarization",
        ),
    )


def _well_gates(
    properties: Mapping[str, npt.ArrayLike], device: Device, well: FloatArray, curie: FloatArray
) -> tuple[Gate, ...]:
    _, left, _ = mean_field_scaling(device.retention_temperature, curie)
    # Above the Curie temperature that gate has said it already.
    left = np.where(curie < device.retention_temperature, 1.0, left)
    return (
        gate_at_least(
            "well_in_noise",
            well * value_or(properties, "formula_unit_volume", _DEFAULT_UNIT_VOLUME),
            WELL_NOISE_MEV,
            "a well of {value:.1f} meV per formula unit is under the noise of {limit:.0f} meV",
        ),
        gate_at_least(
            "curie_below_retention",
            curie,
            device.retention_temperature,
            "Curie temperature {value:.0f} K is under the retention temperature {limit:.0f} K",
        ),
        gate_at_least(
            "thermally_unstable",
            well * MEV_PER_A3 * left * device.volume,
            _hold(device),
            "the well of the whole cell, {value:.1e} J, is under the retention barrier "
            "{limit:.1e} J",
        ),
    )


def _breakdown(field: FloatArray, breakdown: FloatArray, share: float, code: str) -> Gate:
    return gate_at_most(
        code,
        field * 1e-8,
        share * breakdown * 1e-8,
        "the write field of {value:.2f} MV/cm is over {limit:.2f} MV/cm"
        + (" (half of breakdown)" if share < 1.0 else " (breakdown)"),
    )
