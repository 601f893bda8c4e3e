"""Real hourly years of two grids, from a package that the user may install; not shipped here.

The package `python-microgrid` (LGPL-3.0) carries hourly carbon intensities of the balancing
authorities CISO (California) and DUK (Duke Energy Carolinas). Its README says: from the
gridemissions data of J. de Chalendar (J. A. de Chalendar, J. Taggart, S. M. Benson, PNAS 116,
25497, 2019). It states neither the year nor the time zone. The noon dip of solar power in CISO lies
at hours 19 to 21, so the hours are taken as UTC; both grids have their weekly minimum on days 5 and
6, so the year is taken to begin on a Tuesday, as 2019 did. Only dates shown depend on either.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from matscreen.errors import InputError
from matscreen.power.trace_files import read_values
from matscreen.power.traces import Trace

PACKAGES: Final = ("python-microgrid", "pymgrid")
GRIDS: Final = {"ciso": "co2_caiso.csv", "duk": "co2_duke.csv"}
_NAMES: Final = {"ciso": "California (CISO)", "duk": "Duke Energy Carolinas (DUK)"}
_HOW: Final = "pip install --no-deps python-microgrid"


@dataclass(frozen=True)
class MeasuredYear:
    """A year of hourly carbon intensities out of an installed package.

    Attributes:
        grid: `ciso` or `duk`.
    """

    grid: str

    @property
    def name(self) -> str:
        """What it is, in words."""
        return (
            f"{_NAMES[self.grid]}, one measured year of hours (gridemissions, de Chalendar et al. "
            "2019, by way of the package python-microgrid; year not stated, taken as 2019)"
        )

    def year(self) -> Trace:
        """Return all hours.

        Raises:
            InputError: The grid is unknown, or no package that carries it is installed.
        """
        if self.grid not in GRIDS:
            raise InputError(f"no measured year of {self.grid!r}; there are {', '.join(GRIDS)}")
        return read_values(
            _installed(GRIDS[self.grid]),
            unit="kg/kWh",
            start=datetime(2019, 1, 1, tzinfo=UTC),
            step=timedelta(hours=1),
            name=self.name,
        )

    def read(self, begin: datetime, end: datetime) -> Trace:
        """Return the hours of a span of that year.

        Raises:
            InputError: The span lies outside the year, or the package is absent.
        """
        return self.year().cut(begin, end)


def _installed(name: str) -> Path:
    from importlib.metadata import PackageNotFoundError, distribution

    for package in PACKAGES:
        try:
            found = distribution(package)
        except PackageNotFoundError:
            continue
        for file in found.files or ():
            if file.name == name:
                return Path(str(found.locate_file(file)))
    raise InputError(f"the measured year {name} comes with the package python-microgrid: {_HOW}")
