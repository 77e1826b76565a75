"""The instruments whose results the export carries: names and weights, no item texts of licensed questionnaires.

SLEDAI-2K: Gladman 2002, 24 items, 105 points. BILAG-2004: nine systems, of which the grades alone are kept.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Item:
    """An item of the SLEDAI-2K: its field is ``sledai_<name>``."""

    name: str
    label: str
    weight: int

    @property
    def field(self) -> str:
        """The name of its field in the export."""
        return f"sledai_{self.name}"


SLEDAI = (
    Item("seizure", "Seizure", 8),
    Item("psychosis", "Psychosis", 8),
    Item("organic_brain_syndrome", "Organic brain syndrome", 8),
    Item("visual_disturbance", "Visual disturbance", 8),
    Item("cranial_nerve", "Cranial nerve disorder", 8),
    Item("lupus_headache", "Lupus headache", 8),
    Item("cva", "Cerebrovascular accident", 8),
    Item("vasculitis", "Vasculitis", 8),
    Item("arthritis", "Arthritis", 4),
    Item("myositis", "Myositis", 4),
    Item("urinary_casts", "Urinary casts", 4),
    Item("hematuria", "Hematuria", 4),
    Item("proteinuria", "Proteinuria", 4),
    Item("pyuria", "Pyuria", 4),
    Item("rash", "Rash", 2),
    Item("alopecia", "Alopecia", 2),
    Item("mucosal_ulcers", "Mucosal ulcers", 2),
    Item("pleurisy", "Pleurisy", 2),
    Item("pericarditis", "Pericarditis", 2),
    Item("low_complement", "Low complement", 2),
    Item("increased_dna_binding", "Increased DNA binding", 2),
    Item("fever", "Fever", 1),
    Item("thrombocytopenia", "Thrombocytopenia", 1),
    Item("leukopenia", "Leukopenia", 1),
)

BILAG_SYSTEMS = (
    "constitutional",
    "mucocutaneous",
    "neuropsychiatric",
    "musculoskeletal",
    "cardiorespiratory",
    "gastrointestinal",
    "ophthalmic",
    "renal",
    "haematological",
)


@dataclass(frozen=True, slots=True)
class Analyte:
    """A laboratory test: its field is ``lab_<name>``. ``low`` and ``high`` are synthetic limits of detection.

    ``mean`` and ``deviation`` describe somebody without active disease, in ``unit`` (UCUM); no value lies below
    ``floor``.
    """

    name: str
    label: str
    unit: str
    decimals: int
    mean: float
    deviation: float
    floor: float = 0.0
    low: float | None = None
    high: float | None = None

    @property
    def field(self) -> str:
        """The name of its field in the export."""
        return f"lab_{self.name}"

    @property
    def may_be_limited(self) -> bool:
        """Whether a result can read ``<0.5`` or ``>300``, so that the field takes text."""
        return self.low is not None or self.high is not None


ANALYTES = (
    Analyte("creatinine", "Creatinine, serum", "mg/dL", 2, 0.78, 0.12),
    Analyte("alt", "Alanine aminotransferase, serum", "U/L", 0, 22, 6),
    Analyte("ast", "Aspartate aminotransferase, serum", "U/L", 0, 23, 5),
    Analyte("bilirubin", "Bilirubin, total, serum", "mg/dL", 1, 0.5, 0.12),
    Analyte("albumin", "Albumin, serum", "g/dL", 1, 4.1, 0.2),
    Analyte("crp", "C-reactive protein, serum", "mg/L", 1, 2.2, 1.3, floor=0.1, low=0.5),
    Analyte("haemoglobin", "Haemoglobin, blood", "g/dL", 1, 12.4, 0.9, floor=8.3),
    Analyte("leukocytes", "Leukocytes, blood", "10*3/uL", 1, 5.9, 1.1, floor=2.1),
    Analyte("neutrophils", "Neutrophils, blood", "10*3/uL", 2, 3.4, 0.3),
    Analyte("lymphocytes", "Lymphocytes, blood", "10*3/uL", 2, 1.3, 0.15),
    Analyte("platelets", "Platelets, blood", "10*3/uL", 0, 245, 42, floor=60),
    Analyte("upcr", "Protein/creatinine ratio, urine", "mg/g", 0, 110, 35, floor=10, low=50),
    Analyte("c3", "Complement C3, serum", "mg/dL", 0, 118, 11, floor=25),
    Analyte("c4", "Complement C4, serum", "mg/dL", 1, 22, 3, floor=2),
    Analyte("dsdna", "Anti-dsDNA antibody, serum", "[iU]/mL", 1, 14, 5, floor=2, low=10, high=200),
)
