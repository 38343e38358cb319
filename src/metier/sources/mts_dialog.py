"""MTS-Dialog: which section of the note does a piece of a doctor-patient dialogue belong to?"""

from dataclasses import dataclass, field

from metier.sources._dataset import Dataset

HEADERS = {
    "FAM/SOCHX": "Family and social history",
    "GENHX": "History of present illness",
    "PASTMEDICALHX": "Past medical history",
    "CC": "Chief complaint",
    "PASTSURGICAL": "Past surgical history",
    "ALLERGY": "Allergy",
    "ROS": "Review of systems",
    "MEDICATIONS": "Medications",
    "ASSESSMENT": "Assessment",
    "EXAM": "Exam",
    "DIAGNOSIS": "Diagnosis",
    "DISPOSITION": "Disposition",
    "PLAN": "Plan",
    "EDCOURSE": "Emergency department course",
    "IMMUNIZATIONS": "Immunizations",
    "IMAGING": "Imaging",
    "GYNHX": "Gynecologic history",
    "PROCEDURES": "Procedures",
    "OTHER_HISTORY": "Other history",
    "LABS": "Labs",
}


@dataclass
class Source(Dataset):
    """MTS-Dialog: which section of the note does a piece of a doctor-patient dialogue belong to?"""

    name: str = "mts_dialog"
    folder: str = "healthcare/mts_dialog"
    licence: str = "CC-BY-4.0"
    citation: str = (
        "Ben Abacha et al. 2023, An Empirical Study of Clinical Note Generation from Doctor-Patient Encounters, EACL"
    )
    url: str = "https://github.com/abachaa/MTS-Dialog"
    columns: dict[str, str] = field(default_factory=lambda: {"id": "id", "text": "dialogue", "label": "section_header"})
    label_names: dict[str, str] = field(default_factory=lambda: HEADERS)
