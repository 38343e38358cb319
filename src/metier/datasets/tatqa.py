"""TAT-QA: questions with one number as the answer over a table of a financial report and its text."""

from dataclasses import dataclass
from functools import cached_property

from metier.data.reading import FileSource
from metier.datasets import Benchmark, Dataset, Record, Reference, Row
from metier.errors import UserError
from metier.evaluation.scorers.numeric import NUMBER


@dataclass
class Reports(Dataset):
    """TAT-QA: questions with one number as the answer over a table of a financial report and its text."""

    def row(self, record: Record) -> Row | None:
        answer = record["answer"]
        answer = answer[0] if isinstance(answer, list) and len(answer) == 1 else answer
        if isinstance(answer, list) or NUMBER.fullmatch(str(answer).strip()) is None:
            return None
        report = self._reports[record["doc_id"]]
        table = "\n".join(" | ".join(str(cell) for cell in line) for line in report["table"])
        fields = {"table": table, "paragraphs": " ".join(report["paragraphs"]), "scale": record["scale"] or ""}
        fields |= {"answer_type": record["answer_type"]}
        return {**self._by_columns(record), "label": str(answer), "fields": fields}

    def fingerprint(self) -> str:
        return f"{super().fingerprint()} {self._reports_file().fingerprint()}"

    def _reports_file(self) -> FileSource:
        home = self.home()
        if home is None or not (home / "docs.jsonl").is_file():
            raise UserError(self._absent("the reports (docs.jsonl) are missing"))
        return FileSource(str(home / "docs.jsonl"), license=self.license)

    @cached_property
    def _reports(self) -> dict[str, Record]:
        return {record["doc_id"]: record for _, record in self._reports_file().lines()}


DATASET = Reports(
    "tatqa",
    folder="finance/tatqa",
    license="CC-BY-4.0",
    citation="Zhu et al. 2021, TAT-QA, ACL",
    url="https://github.com/NExTplusplus/TAT-QA",
    columns={"id": "id", "text": "question", "group": "doc_id"},
)
BENCHMARKS = [
    Benchmark(
        "tatqa",
        "tatqa",
        description=(
            "One number over a table of a financial report and its text; `metier show scorer numeric` has the rules."
        ),
        prompt="{table}\n{paragraphs}\nQuestion: {text}\nAnswer:",
        scorer={"numeric": {"max_new_tokens": 24}},
        metrics=["exact_match"],
        slices=["answer_type"],
        references=[Reference("TagOp, all kinds of answers", "exact_match", 0.501, "Zhu et al. 2021")],
    )
]
