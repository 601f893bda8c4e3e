"""Small models that score where the data is: distil, calibrate, export, measure.

`compress` distils a surrogate into small students and grades them on rows that neither they nor
their teacher saw; `write_graded` writes one as a folder that needs only numpy and onnxruntime;
`compare` sets accuracy against size, latency and energy.
"""

from __future__ import annotations

from matscreen.edge.bundle import MAX_BYTES, size_on_disk, write_bundle
from matscreen.edge.compression import Compression, Graded, compress, fit_like
from matscreen.edge.measuring import Comparison, compare, save_comparison, write_graded
from matscreen.edge.presenting import comparison_figure, comparison_table, write_figure
from matscreen.edge.task import Task, make_task
from matscreen.edge.variants import VARIANTS, Variant, get_variants

__all__ = [
    "MAX_BYTES",
    "VARIANTS",
    "Comparison",
    "Compression",
    "Graded",
    "Task",
    "Variant",
    "compare",
    "comparison_figure",
    "comparison_table",
    "compress",
    "fit_like",
    "get_variants",
    "make_task",
    "save_comparison",
    "size_on_disk",
    "write_bundle",
    "write_figure",
    "write_graded",
]
