"""Ternary and ordered quaternary oxide structure types, perovskites aside."""

from __future__ import annotations

from typing import Final

from matscreen.sources._families import COINAGE, HEXAGONAL, RIGHT, Family, aflow, wyckoff

_ALKALI: Final = frozenset({"Li", "Na", "K"})

TERNARY: Final = (
    Family(
        "spinel",
        aflow("spinel", 227, "A2BC4_cF56_227_d_a_e", Mg="A", Al="B", O="O"),
        ((2, 3), (4, 2)),
        ((4, 0.2, 0.7), (6, 0.5, 0.85)),
        4,
        (1, 2),
        1.5,
        0.7,
    ),
    # CaWO4 (Hazen et al. 1985).
    Family(
        "scheelite",
        wyckoff(
            "scheelite",
            88,
            (5.243, 5.243, 11.376, *RIGHT),
            ("A", (0.0, 0.25, 0.625)),
            ("B", (0.0, 0.25, 0.125)),
            ("O", (0.1507, 0.0086, 0.2106)),
            setting=2,
        ),
        ((2, 6), (3, 5), (4, 4)),
        ((8, 0.85, 1.5), (4, 0.2, 0.5)),
        4,
        (1, 1),
        1.0,
        0.6,
    ),
    Family(
        "zircon",
        aflow("zircon", 141, "A4BC_tI24_141_h_b_a", Zr="A", Si="B", O="O"),
        ((4, 4), (3, 5)),
        ((8, 0.75, 1.17), (4, 0.1, 0.4)),
        4,
        (1, 1),
        1.0,
        0.6,
    ),
    # Origin at the B site.
    Family(
        "pyrochlore",
        wyckoff(
            "pyrochlore",
            227,
            (10.2, 10.2, 10.2, *RIGHT),
            ("A", (0.5, 0.5, 0.5)),
            ("B", (0.0, 0.0, 0.0)),
            ("O", (0.328, 0.125, 0.125)),
            ("O", (0.375, 0.375, 0.375)),
            setting=2,
        ),
        ((3, 4), (2, 5)),
        ((8, 0.9, 1.3), (6, 0.52, 0.8)),
        7,
        (2, 2),
        1.5,
        0.45,
    ),
    Family(
        "k2nif4",
        wyckoff(
            "k2nif4",
            139,
            (3.85, 3.85, 12.7, *RIGHT),
            ("A", (0.0, 0.0, 0.355)),
            ("B", (0.0, 0.0, 0.0)),
            ("O", (0.0, 0.5, 0.0)),
            ("O", (0.0, 0.0, 0.160)),
        ),
        ((2, 4), (3, 2)),
        ((9, 1.15, 1.5), (6, 0.5, 0.75)),
        4,
        (2, 1),
        1.0,
        0.6,
    ),
    Family(
        "delafossite",
        wyckoff(
            "delafossite",
            166,
            (2.86, 2.86, 16.97, *HEXAGONAL),
            ("A", (0.0, 0.0, 0.0)),
            ("B", (0.0, 0.0, 0.5)),
            ("O", (0.0, 0.0, 0.110)),
        ),
        ((1, 3),),
        ((6, 0.7, 1.2), (6, 0.5, 0.9)),
        2,
        (1, 1),
        1.0,
        0.5,
        first=COINAGE,
    ),
    # Layered alpha-NaFeO2.
    Family(
        "nafeo2-R-3m",
        wyckoff(
            "nafeo2-R-3m",
            166,
            (3.02, 3.02, 16.1, *HEXAGONAL),
            ("A", (0.0, 0.0, 0.0)),
            ("B", (0.0, 0.0, 0.5)),
            ("O", (0.0, 0.0, 0.234)),
        ),
        ((1, 3),),
        ((6, 0.7, 1.4), (6, 0.5, 0.95)),
        2,
        (1, 1),
        1.0,
        0.5,
        first=_ALKALI,
    ),
    # Rock-salt ordered double perovskite A2BB'O6.
    Family(
        "double-perovskite",
        wyckoff(
            "double-perovskite",
            225,
            (7.9, 7.9, 7.9, *RIGHT),
            ("A", (0.25, 0.25, 0.25)),
            ("B", (0.0, 0.0, 0.0)),
            ("C", (0.5, 0.5, 0.5)),
            ("O", (0.255, 0.0, 0.0)),
        ),
        ((2, 2, 6), (2, 3, 5)),
        ((12, 1.3, 1.65), (6, 0.6, 0.95), (6, 0.55, 0.7)),
        6,
        (2, 1, 1),
        2.5,
        0.5,
    ),
)
