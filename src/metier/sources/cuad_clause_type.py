"""CUAD: the type of a clause of a commercial contract, 36 classes."""

from dataclasses import dataclass, field

from metier.sources._dataset import Dataset


@dataclass
class Source(Dataset):
    """CUAD: the type of a clause of a commercial contract, 36 classes."""

    name: str = "cuad_clause_type"
    folder: str = "legal/cuad_clause_type"
    licence: str = "CC-BY-4.0"
    citation: str = (
        "Hendrycks et al. 2021, CUAD: An Expert-Annotated NLP Dataset for Legal Contract Review, NeurIPS Datasets"
    )
    url: str = "https://www.atticusprojectai.org/cuad"
    columns: dict[str, str] = field(default_factory=lambda: {"id": "id", "text": "text", "label": "label"})
