"""The report of a finished screen: one self-contained HTML file."""

from __future__ import annotations

from matscreen.report.document import render_report, write_report
from matscreen.report.result import ScreenInfo, ScreenResult

__all__ = ["ScreenInfo", "ScreenResult", "render_report", "write_report"]
