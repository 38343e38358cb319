"""MTS-Dialog: which section of the note does a piece of a doctor-patient dialogue belong to?"""

from metier.datasets import Benchmark, Dataset, Reference, tfidf

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

DATASET = Dataset(
    "mts_dialog",
    folder="healthcare/mts_dialog",
    license="CC-BY-4.0",
    citation=(
        "Ben Abacha et al. 2023, An Empirical Study of Clinical Note Generation from Doctor-Patient Encounters, EACL"
    ),
    url="https://github.com/abachaa/MTS-Dialog",
    columns={"id": "id", "text": "dialogue", "label": "section_header"},
    label_names=HEADERS,
)
BENCHMARKS = [
    Benchmark(
        "mts_dialog",
        "mts_dialog",
        description="Section header of a note for a piece of a doctor-patient dialogue, 20 classes.",
        prompt="{text}\nSection of the note:",
        labels=list(HEADERS.values()),
        metrics=["accuracy", "macro_f1"],
        majority=0.225,
        references=[
            tfidf("accuracy", 0.68),
            Reference("MEDIQA-Chat 2023 Task A, best", "accuracy", 0.78, "Ben Abacha et al. 2023, ClinicalNLP"),
        ],
    )
]
