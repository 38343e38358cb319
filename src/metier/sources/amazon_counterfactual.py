"""Amazon reviews: does a sentence say what did not happen ("I wish it had a lid")?"""

from dataclasses import dataclass, field

from metier.sources._dataset import Dataset


@dataclass
class Source(Dataset):
    """Amazon reviews: does a sentence say what did not happen ("I wish it had a lid")?"""

    name: str = "amazon_counterfactual"
    folder: str = "retail/amazon_counterfactual"
    licence: str = "CC-BY-SA-4.0"
    citation: str = "O'Neill et al. 2021, I Wish I Would Have Loved This One, But I Didn't, EMNLP"
    url: str = "https://github.com/amazon-science/amazon-multilingual-counterfactual-dataset"
    hub: str = "mteb/amazon_counterfactual"
    columns: dict[str, str] = field(default_factory=lambda: {"id": "id", "text": "sentence", "label": "label"})
    hub_config: str | None = "en-ext"  # as in the mirror; `en` has half the rows
    hub_columns: dict[str, str] = field(default_factory=lambda: {"sentence": "text", "label": "label_text"})
