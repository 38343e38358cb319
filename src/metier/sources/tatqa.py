"""TAT-QA: questions with one number as the answer over a table of a financial report and its text."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from metier.errors import UserError
from metier.reading import FileSource
from metier.scorers.numeric import NUMBER
from metier.sources._dataset import Dataset


@dataclass
class Source(Dataset):
    """TAT-QA: questions with one number as the answer over a table of a financial report and its text."""

    name: str = "tatqa"
    folder: str = "finance/tatqa"
    licence: str = "CC-BY-4.0"
    citation: str = "Zhu et al. 2021, TAT-QA, ACL"
    url: str = "https://github.com/NExTplusplus/TAT-QA"
    columns: dict[str, str] = field(default_factory=lambda: {"id": "id", "text": "question"})

    def row(self, raw: dict[str, Any]) -> dict[str, Any] | None:
        answer = raw["answer"][0] if isinstance(raw["answer"], list) and len(raw["answer"]) == 1 else raw["answer"]
        if isinstance(answer, list) or NUMBER.fullmatch(str(answer).strip()) is None:
            return None
        report = self._reports[raw["doc_id"]]
        table = "\n".join(" | ".join(str(cell) for cell in line) for line in report["table"])
        fields = {"table": table, "paragraphs": " ".join(report["paragraphs"]), "scale": raw["scale"] or ""}
        fields |= {"answer_type": raw["answer_type"]}
        return {
            "id": raw["id"],
            "text": raw["question"],
            "label": str(answer),
            "group": raw["doc_id"],
            "fields": fields,
        }

    def fingerprint(self) -> str:
        return f"{super().fingerprint()} {self._reports_file().fingerprint()}"

    def _reports_file(self) -> FileSource:
        home = self._home()
        if home is None or not (home / "docs.jsonl").is_file():
            raise UserError(self._absent("the reports (docs.jsonl) are missing"))
        return FileSource(str(home / "docs.jsonl"), licence=self.licence)

    @cached_property
    def _reports(self) -> dict[str, dict[str, Any]]:
        return {raw["doc_id"]: raw for _, raw in self._reports_file().lines()}
