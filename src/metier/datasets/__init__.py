"""Datasets: one file each, which says where its rows come from, under what terms, and what benchmarks are made of it.

A file defines `DATASET`, `BENCHMARKS` (a list), or both; its docstring is what `metier list datasets` shows.
"""

from metier.data.dataset import BaseDataset, Dataset, PackagedDataset, Record, Row
from metier.evaluation.benchmark import Benchmark, Reference, text_loss, tfidf

__all__ = [
    "BaseDataset",
    "Benchmark",
    "Dataset",
    "PackagedDataset",
    "Record",
    "Reference",
    "Row",
    "text_loss",
    "tfidf",
]
