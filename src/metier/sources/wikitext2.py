"""WikiText-2: good articles of Wikipedia, as text."""

from dataclasses import dataclass, field

from metier.sources._dataset import Dataset


@dataclass
class Source(Dataset):
    """WikiText-2: good articles of Wikipedia, as text."""

    name: str = "wikitext2"
    folder: str = "general/wikitext2"
    licence: str = "CC-BY-SA-3.0"
    citation: str = "Merity et al. 2016, Pointer Sentinel Mixture Models"
    url: str = "https://huggingface.co/datasets/Salesforce/wikitext"
    labelled: bool = False
    columns: dict[str, str] = field(default_factory=lambda: {"id": "id", "text": "text"})
