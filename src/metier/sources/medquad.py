"""MedQuAD: answers of twelve NIH web sites to questions of patients, as text."""

from dataclasses import dataclass, field

from metier.sources._dataset import Dataset


@dataclass
class Source(Dataset):
    """MedQuAD: answers of twelve NIH web sites to questions of patients, as text."""

    name: str = "medquad"
    folder: str = "healthcare/medquad"
    licence: str = "CC-BY-4.0"
    citation: str = "Ben Abacha and Demner-Fushman 2019, BMC Bioinformatics 20"
    url: str = "https://github.com/abachaa/MedQuAD"
    labelled: bool = False
    # Not their `id`: four questions of the test file stand there twice under one.
    columns: dict[str, str] = field(default_factory=lambda: {"text": "answer"})
