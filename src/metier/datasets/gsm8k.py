"""GSM8K: word problems of grade-school mathematics with worked solutions."""

from metier.datasets import Benchmark, Dataset, Record, Reference, Row


def to_row(record: Record, row: Row) -> Row:
    solution = record["answer"]
    final = record.get("final") or solution.rpartition("####")[2].strip()
    return {**row, "label": final, "fields": {"solution": solution}}


DATASET = Dataset(
    "gsm8k",
    folder="general/gsm8k",
    license="MIT",
    citation="Cobbe et al. 2021, Training Verifiers to Solve Math Word Problems",
    url="https://github.com/openai/grade-school-math",
    columns={"id": "id", "text": "question", "label": "final"},
    to_row=to_row,
    hub="openai/gsm8k",
    hub_config="main",
)
BENCHMARKS = [
    Benchmark(
        "gsm8k",
        "gsm8k",
        description="Word problems, judged by the final number.",
        prompt="Question: {text}\nAnswer:",
        scorer={"numeric": {"max_new_tokens": 256, "stop": ["\nQuestion:"]}},
        metrics=["exact_match"],
        references=[Reference("GPT-3 6B, tuned", "exact_match", 0.21, "Cobbe et al. 2021")],
    )
]
