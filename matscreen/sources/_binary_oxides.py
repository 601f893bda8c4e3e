"""Binary oxide structure types: their archetypes and the ions that fit them."""

from __future__ import annotations

from typing import Final

from matscreen.sources._families import COINAGE, HEXAGONAL, RIGHT, Family, aflow, cubic, wyckoff

_SQUARE: Final = frozenset({"Cu", "Pd", "Pt", "Ni"})
_LONE_PAIR: Final = frozenset({"Pb", "Sn", "Ge"})

# Archetypes: AFLOW prototypes where the library has them, otherwise the coordinates of the named
# compound. The ranges keep ions far outside the type's known field away; they are wide on purpose,
# for the screen is to meet unusual members.
BINARY: Final = (
    # A2O
    Family(
        "antifluorite",
        cubic("antifluorite", 225, "antifluorite", "AO", 4.62),
        ((1,),),
        ((4, 0.5, 1.7),),
        1,
        (2,),
    ),
    Family(
        "cuprite",
        aflow("cuprite", 224, "A2B_cP6_224_b_a", Cu="A", O="O"),
        ((1,),),
        ((6, 0.7, 1.2),),
        1,
        (2,),
        first=COINAGE,
    ),
    # AO
    Family(
        "rocksalt",
        aflow("rocksalt", 225, "AB_cF8_225_a_b", Na="A", Cl="O"),
        ((2,),),
        ((6, 0.4, 1.6),),
        1,
    ),
    Family(
        "wurtzite",
        aflow("wurtzite", 186, "AB_hP4_186_b_b", Zn="A", S="O"),
        ((2,),),
        ((4, 0.2, 0.8),),
        1,
    ),
    Family(
        "zincblende",
        cubic("zincblende", 216, "zincblende", "AO", 4.6),
        ((2,),),
        ((4, 0.2, 0.7),),
        1,
        cost=1.0,
    ),
    Family(
        "tenorite",
        aflow("tenorite", 15, "AB_mC8_15_c_e", Cu="A", O="O"),
        ((2,),),
        ((6, 0.6, 0.9),),
        1,
        cost=1.0,
        first=_SQUARE,
    ),
    # PbO, red form.
    Family(
        "litharge",
        wyckoff(
            "litharge",
            129,
            (3.96, 3.96, 5.01, *RIGHT),
            ("A", (0.0, 0.5, 0.237)),
            ("O", (0.0, 0.0, 0.0)),
        ),
        ((2,),),
        ((6, 0.8, 1.3),),
        1,
        cost=0.5,
        first=_LONE_PAIR,
    ),
    # PdO.
    Family(
        "pdo",
        wyckoff(
            "pdo", 131, (3.03, 3.03, 5.33, *RIGHT), ("A", (0.0, 0.5, 0.0)), ("O", (0.0, 0.0, 0.25))
        ),
        ((2,),),
        ((6, 0.6, 0.9),),
        1,
        cost=1.0,
        first=_SQUARE,
    ),
    # A2O3
    Family(
        "corundum",
        aflow("corundum", 167, "A2B3_hR10_167_c_e", Al="A", O="O"),
        ((3,),),
        ((6, 0.5, 0.85),),
        3,
        (2,),
    ),
    Family(
        "bixbyite",
        aflow("bixbyite", 206, "AB3C6_cI80_206_a_d_e", Fe="A", Mn="A", O="O"),
        ((3,),),
        ((6, 0.6, 1.05),),
        3,
        (2,),
        0.5,
    ),
    # La2O3 (Koehler and Wollan 1953).
    Family(
        "la2o3",
        wyckoff(
            "la2o3",
            164,
            (3.94, 3.94, 6.13, *HEXAGONAL),
            ("A", (1 / 3, 2 / 3, 0.245)),
            ("O", (1 / 3, 2 / 3, 0.645)),
            ("O", (0.0, 0.0, 0.0)),
        ),
        ((3,),),
        ((6, 0.85, 1.1),),
        3,
        (2,),
    ),
    # AO2
    Family(
        "rutile",
        aflow("rutile", 136, "A2B_tP6_136_f_a", Ti="A", O="O"),
        ((4,),),
        ((6, 0.39, 0.9),),
        2,
    ),
    Family(
        "anatase",
        aflow("anatase", 141, "A2B_tI12_141_e_a", Ti="A", O="O"),
        ((4,),),
        ((6, 0.5, 0.8),),
        2,
    ),
    Family(
        "fluorite", cubic("fluorite", 225, "fluorite", "AO", 5.1), ((4,),), ((6, 0.55, 1.0),), 2
    ),
    Family(
        "baddeleyite",
        aflow("baddeleyite", 14, "A2B_mP12_14_2e_e", Zr="A", O="O"),
        ((4,),),
        ((6, 0.57, 0.9),),
        2,
    ),
    # Orthorhombic polar ZrO2 (Kisi et al. 1989), axes in the standard setting.
    Family(
        "hfo2-Pca2_1",
        wyckoff(
            "hfo2-Pca2_1",
            29,
            (5.260, 5.068, 5.077, *RIGHT),
            ("A", (0.030, 0.267, 0.250)),
            ("O", (0.361, 0.068, 0.106)),
            ("O", (0.229, 0.537, 0.000)),
        ),
        ((4,),),
        ((6, 0.57, 0.9),),
        2,
    ),
    # Tetragonal ZrO2 (Teufer 1962).
    Family(
        "zro2-P4_2nmc",
        wyckoff(
            "zro2-P4_2nmc",
            137,
            (3.64, 3.64, 5.27, *RIGHT),
            ("A", (0.75, 0.25, 0.75)),
            ("O", (0.25, 0.25, 0.4574)),
            setting=2,
        ),
        ((4,),),
        ((6, 0.57, 0.9),),
        2,
    ),
    Family(
        "quartz",
        aflow("quartz", 152, "A2B_hP9_152_c_a", Si="A", O="O"),
        ((4,),),
        ((4, 0.2, 0.5),),
        2,
        cost=0.5,
    ),
    Family(
        "cristobalite",
        aflow("cristobalite", 92, "A2B_tP12_92_b_a", Si="A", O="O"),
        ((4,),),
        ((4, 0.2, 0.4),),
        2,
        cost=1.0,
    ),
    # A2O5: V2O5 (Enjalbert and Galy 1986).
    Family(
        "v2o5",
        wyckoff(
            "v2o5",
            59,
            (11.512, 3.564, 4.368, *RIGHT),
            ("A", (0.10118, 0.25, 0.8917)),
            ("O", (0.1043, 0.25, 0.531)),
            ("O", (0.9311, 0.25, 0.003)),
            ("O", (0.25, 0.25, 0.001)),
            setting=2,
        ),
        ((5,),),
        ((6, 0.5, 0.7),),
        5,
        (2,),
    ),
    # AO3
    Family(
        "reo3",
        wyckoff(
            "reo3", 221, (3.75, 3.75, 3.75, *RIGHT), ("A", (0.0, 0.0, 0.0)), ("O", (0.5, 0.0, 0.0))
        ),
        ((6,),),
        ((6, 0.4, 0.7),),
        3,
    ),
    # High-temperature WO3, its tungsten off centre along c in alternating columns.
    Family(
        "wo3-P4nmm",
        wyckoff(
            "wo3-P4nmm",
            129,
            (5.25, 5.25, 3.915, *RIGHT),
            ("A", (0.25, 0.25, 0.066)),
            ("O", (0.25, 0.25, 0.53)),
            ("O", (0.5, 0.5, 0.0)),
            setting=2,
        ),
        ((6,),),
        ((6, 0.4, 0.7),),
        3,
    ),
)
