"""Sections of the Code of the District of Columbia."""

from dataclasses import dataclass, field

from metier.sources._dataset import Dataset


@dataclass
class Source(Dataset):
    """Sections of the Code of the District of Columbia."""

    name: str = "dc_code_text"
    folder: str = "legal/dc_code_text"
    licence: str = "public-domain"
    citation: str = "Council of the District of Columbia"
    url: str = "https://github.com/DCCouncil/law-xml"
    labelled: bool = False
    tested: str = "dev"
    columns: dict[str, str] = field(default_factory=lambda: {"id": "id", "text": "text"})
