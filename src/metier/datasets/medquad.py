"""MedQuAD: answers of twelve NIH web sites to questions of patients, as text."""

from metier.datasets import Dataset, text_loss

DATASET = Dataset(
    "medquad",
    folder="healthcare/medquad",
    license="CC-BY-4.0",
    citation="Ben Abacha and Demner-Fushman 2019, BMC Bioinformatics 20",
    url="https://github.com/abachaa/MedQuAD",
    labeled=False,
    columns={"text": "answer"},  # not their `id`: four questions of the test file stand there twice under one
)
BENCHMARKS = [
    text_loss(
        "medquad_text",
        "medquad",
        "Loss on answers of NIH web sites to patients: how well the language of the domain is modeled.",
    )
]
