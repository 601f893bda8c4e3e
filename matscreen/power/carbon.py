"""Grams of CO2 of a kWh: a number of the user's, codecarbon's yearly average of a region, unknown.

Never a guess: without a region and without a number nothing is said.
"""

from __future__ import annotations

import contextlib
import math
import os
from dataclasses import dataclass
from typing import Final

from matscreen.errors import InputError

REGION_VARIABLE: Final = "MATSCREEN_CARBON_REGION"
"""Environment variable with the region: GBR, USA:california, SWE:SE3, gcp:europe-west1."""

GRAMS_VARIABLE: Final = "MATSCREEN_CARBON_GRAMS"
"""Environment variable with the user's own carbon intensity, g/kWh; goes before the region's."""

J_PER_KWH: Final = 3.6e6
_CLOUDS: Final = ("gcp", "aws", "azure")
_NORDIC: Final = ("SWE", "NOR", "FIN", "DNK")


@dataclass(frozen=True)
class Intensity:
    """CO2 of electricity.

    Attributes:
        grams_per_kWh: gCO2/kWh; None where it is not known.
        region: Region, or an empty string.
        source: Where the number is from, or why there is none.
    """

    grams_per_kWh: float | None
    region: str
    source: str

    def grams(self, joules: float) -> float | None:
        """Return the CO2 of some energy, g; None where the intensity is not known."""
        return None if self.grams_per_kWh is None else joules / J_PER_KWH * self.grams_per_kWh


def intensity(region: str | None = None, grams_per_kWh: float | None = None) -> Intensity:
    """Return the carbon intensity that applies.

    Args:
        region: `GBR`, `USA:california`, `SWE:SE3`, `gcp:europe-west1`; that of the environment when
            not given.
        grams_per_kWh: The user's own number; that of the environment when neither is given.

    Raises:
        InputError: The number is out of range, or the table of codecarbon lacks the region.
    """
    if grams_per_kWh is not None:
        return Intensity(_checked(grams_per_kWh), region or "", "given by the user")
    given = os.environ.get(GRAMS_VARIABLE) if region is None else None
    where = region or os.environ.get(REGION_VARIABLE, "").strip()
    if given:
        return Intensity(_checked(given), where, f"given by {GRAMS_VARIABLE}")
    if not where:
        return Intensity(
            None, "", f"unknown: set {REGION_VARIABLE} (with the extra energy) or {GRAMS_VARIABLE}"
        )
    return _average(where)


def intensity_or_unknown() -> Intensity:
    """Return the intensity of the environment; a mistake in it is told, never raised.

    A run of hours must not end on a misspelt region after its work is done.
    """
    try:
        return intensity()
    except InputError as error:
        return Intensity(None, os.environ.get(REGION_VARIABLE, "").strip(), f"unknown: {error}")


def _checked(value: float | str) -> float:
    with contextlib.suppress(ValueError):
        number = float(value)
        if math.isfinite(number) and 0.0 <= number < 5000.0:
            return number
    raise InputError(f"a carbon intensity must lie between 0 and 5000 g/kWh, got {value!r}")


def _average(region: str) -> Intensity:
    try:
        from importlib.metadata import version

        import codecarbon  # noqa: F401 - asks whether it is there
    except ImportError:
        raise InputError(
            f"the yearly average of {region!r} is in the package codecarbon: pip install "
            f"'matscreen[energy]', or give the number (g/kWh) in {GRAMS_VARIABLE}"
        ) from None
    try:
        kg, words = _codecarbon(region)
    except Exception as error:
        raise InputError(
            f"codecarbon has no yearly average of {region!r}; give a country as GBR, a part of one "
            f"as USA:california or SWE:SE3, a cloud as gcp:europe-west1, or set {GRAMS_VARIABLE}"
        ) from error
    return Intensity(round(kg * 1000.0, 3), region, f"codecarbon {version('codecarbon')}, {words}")


def _codecarbon(region: str) -> tuple[float, str]:
    """Return kg CO2 of a kWh in a region, and what kind of average it is.

    Where codecarbon itself would take a wider average without a word, the region is refused.

    Raises:
        KeyError: codecarbon does not know the region.
    """
    from codecarbon.core.emissions import Emissions
    from codecarbon.core.units import Energy
    from codecarbon.external.geography import CloudMetadata, GeoMetadata
    from codecarbon.input import DataSource

    first, _, part = region.partition(":")
    data, one_kWh = DataSource(), Energy.from_energy(1.0)
    table = Emissions(data)
    if first.lower() in _CLOUDS:
        clouds = data.get_cloud_emissions_data()
        provider = first.lower()
        if not ((clouds["provider"] == provider) & (clouds["region"] == part)).any():
            raise KeyError(part)
        cloud = CloudMetadata(provider=provider, region=part)
        return float(table.get_cloud_emissions(one_kWh, cloud)), "cloud region"
    country = first.upper()
    mix = data.get_global_energy_mix_data()
    if country not in mix:
        raise KeyError(country)
    whole = table.get_country_emissions(one_kWh, GeoMetadata(country_iso_code=country))
    if not part:
        return float(whole), f"national average of {mix[country].get('year', 'an unstated year')}"
    name = part.upper() if country in _NORDIC else part.lower()
    kg = table.get_region_emissions(one_kWh, GeoMetadata(country_iso_code=country, region=name))
    if kg == whole:
        raise KeyError(part)
    return float(kg), "regional yearly average"
