"""Banking77: what a customer of an online bank wants, 77 intents."""

from dataclasses import dataclass, field

from metier.sources._dataset import Dataset


@dataclass
class Source(Dataset):
    """Banking77: what a customer of an online bank wants, 77 intents."""

    name: str = "banking77"
    folder: str = "finance/banking77"
    licence: str = "CC-BY-4.0"
    citation: str = "Casanueva et al. 2020, Efficient Intent Detection with Dual Sentence Encoders, NLP4ConvAI"
    url: str = "https://github.com/PolyAI-LDN/task-specific-datasets"
    hub: str = "PolyAI/banking77"
    columns: dict[str, str] = field(default_factory=lambda: {"id": "id", "text": "text", "label": "label"})
