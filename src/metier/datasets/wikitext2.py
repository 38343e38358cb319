"""WikiText-2: good articles of Wikipedia, as text."""

from metier.datasets import Benchmark, Dataset

DATASET = Dataset(
    "wikitext2",
    folder="general/wikitext2",
    license="CC-BY-SA-3.0",
    citation="Merity et al. 2016, Pointer Sentinel Mixture Models",
    url="https://huggingface.co/datasets/Salesforce/wikitext",
    labeled=False,
    columns={"id": "id", "text": "text"},
)
BENCHMARKS = [
    Benchmark(
        "wikitext2",
        "wikitext2",
        description="Loss on articles of Wikipedia: a check of general language modeling.",
        prompt="{text}",
        label=None,
        scorer="loss",
        metrics=["loss", "bits_per_byte", "perplexity"],
    ),
    Benchmark(
        "wikitext2_sample",
        "wikitext2",
        description="12 articles of wikitext2: a look at forgetting that costs little.",
        prompt="{text}",
        label=None,
        scorer="loss",
        metrics=["loss"],
        limit=12,
    ),
]
