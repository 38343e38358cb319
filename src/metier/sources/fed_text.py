"""Minutes and speeches of the Federal Reserve, 1996 to 2022."""

from dataclasses import dataclass, field

from metier.sources._dataset import Dataset


@dataclass
class Source(Dataset):
    """Minutes and speeches of the Federal Reserve, 1996 to 2022."""

    name: str = "fed_text"
    folder: str = "finance/fed_text"
    licence: str = "CC-BY-NC-4.0"
    citation: str = "Federal Reserve; collection of Shah et al. 2023, ACL"
    url: str = "https://github.com/gtfintechlab/fomc-hawkish-dovish"
    labelled: bool = False
    tested: str = "dev"
    columns: dict[str, str] = field(default_factory=lambda: {"id": "id", "text": "text"})
