"""Reviews of women's clothing: is it recommended, how many stars has it, and from which department is it?

Its license was read on another page than its own, so the step `license` stops at it until the recipe allows it by these
very words.
"""

from dataclasses import dataclass
from typing import Literal

from metier.datasets import Benchmark, Dataset, Record, Row, tfidf

ANSWERS = {"recommendation": "label", "rating": "rating", "department": "department"}
"""What may be asked -> the mirror's column with the answer."""
DEPARTMENTS = ["Tops", "Dresses", "Bottoms", "Intimate", "Jackets", "Trend"]


@dataclass
class Reviews(Dataset):
    """Reviews of women's clothing: is it recommended, how many stars has it, and from which department is it?"""

    asked: Literal["recommendation", "rating", "department"] = "recommendation"
    """What the label says: recommendation, rating (1 to 5 stars) or department."""

    def row(self, record: Record) -> Row | None:
        # The shop knows the department; whether it is recommended would give the stars away, and the other way round.
        fields = {} if self.asked == "department" else {"department": str(record["department"])}
        text = "\n".join(part for part in (record["title"], record["text"]) if part)
        label = str(record[ANSWERS[self.asked]])
        return {**self._by_columns(record), "text": text, "label": label, "fields": fields}


DATASET = Reviews(
    "clothing_reviews",
    folder="retail/clothing_reviews",
    license="CC0-1.0, Kaggle page to check",
    citation="Women's E-Commerce Clothing Reviews, Kaggle (nicapotato); Agarap 2018",
    url="https://www.kaggle.com/datasets/nicapotato/womens-ecommerce-clothing-reviews",
    # The reviews of a product stand on one side of a split, and are one draw.
    columns={"id": "id", "text": "text", "label": "label", "group": "clothing_id"},
)
BENCHMARKS = [
    Benchmark(
        "clothing_reviews",
        "clothing_reviews",
        description="Does the reviewer recommend the garment? One in five or six does not.",
        prompt="Review: {text}\nThe reviewer's verdict:",
        labels=["recommended", "not recommended"],
        metrics=[{"f1": {"positive": ["not recommended"]}}, "mcc", "accuracy"],
        slices=["department"],
        references=[tfidf("f1 (not recommended)", 0.6486)],
    ),
    Benchmark(
        "clothing_reviews_rating",
        {"clothing_reviews": {"asked": "rating"}},
        description="How many stars does the reviewer give, from 1 to 5?",
        prompt="Review: {text}\nStars:",
        labels=["1", "2", "3", "4", "5"],
        metrics=["macro_f1", "accuracy"],
        slices=["department"],
    ),
    Benchmark(
        "clothing_reviews_department",
        {"clothing_reviews": {"asked": "department"}},
        description="From which department of the shop is the reviewed garment? Six classes.",
        prompt="Review: {text}\nDepartment:",
        labels=DEPARTMENTS,
        metrics=["accuracy", "macro_f1"],
        majority=0.4053,
        references=[tfidf("accuracy", 0.8627)],
    ),
]
