"""DDXPlus: which of 48 diseases does a synthetic patient have, by age, sex, complaint and three findings?"""

from metier.datasets import Benchmark, Dataset, tfidf

# The patients are made by a knowledge base and rules: a model that is good here has learned those rules. They know 49
# diseases, one of them in no row of the mirror. The mirror also has each whole interview, which is not read: with it
# TF-IDF has 98 % right, and models cannot be told apart.
DATASET = Dataset(
    "ddxplus_diagnosis",
    folder="healthcare/ddxplus_diagnosis",
    license="CC-BY",  # the words of its page; that the version is 4.0 was not checked
    citation="Fansi Tchango et al. 2022, DDXPlus: A New Dataset For Automatic Medical Diagnosis, NeurIPS Datasets",
    url="https://github.com/mila-iqia/ddxplus",
    # No code of the disease and no differential: they are the answer. The severity tells much of it, and stands here
    # only as a slice, for the key figure `severity`; no prompt names it.
    fields=["sex", "severity"],
)
BENCHMARKS = [
    Benchmark(
        "ddxplus_diagnosis",
        "ddxplus_diagnosis",
        description="The disease of a synthetic patient from a first complaint and three findings, 48 classes.",
        prompt="{text}\nDisease:",
        metrics=["accuracy", "macro_f1", "top_k"],
        slices=["sex", "severity"],
        majority=0.0667,
        references=[tfidf("accuracy", 0.8152)],
    )
]
