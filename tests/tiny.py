"""Small inputs that the tests make themselves: the two-layer model, a scripted model, a team's own files."""

import copy
import csv
import json
import random
from pathlib import Path

import numpy as np

from metier.engine.trees.batches import by_length

DEPARTMENTS = {"cardiology": ["heart", "pulse", "chest"], "dermatology": ["skin", "rash", "itch"]}

RECIPE = """
industry: healthcare
model: fake
datasets: [{path: train.jsonl, text: note, label: department, license: proprietary, group: patient}]
steps: [normalize, dedup, decontaminate, {split: {by: group}}, select]
methods: [{sft: {lr: 0.01, r: 4, batch_tokens: 256, save_steps: 4}}]
benchmarks:
  - {name: triage, path: test.jsonl, text: note, label: department, prompt: "{note}\\nDepartment:", cluster: patient}
retention: {}
candidate: model
"""


def notes(n: int, seed: int, patients: str) -> list[dict]:
    """Rows of a triage desk; the department follows from one word of the note."""
    generator = random.Random(seed)
    rows = []
    for number in range(n):
        department = sorted(DEPARTMENTS)[number % 2]
        word = generator.choice(DEPARTMENTS[department])
        text = f"Case {seed}-{number}: {word} since {generator.randint(2, 30)} days"
        rows.append({"note": text, "department": department, "patient": f"{patients}{number // 2}"})
    return rows


def write_lines(path: Path, rows: list) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def write_triage(folder: Path, train: int = 60, test: int = 24) -> Path:
    """train.jsonl, test.jsonl and recipe.yaml; returns the recipe's path."""
    write_lines(folder / "train.jsonl", notes(train, 1, "a"))
    write_lines(folder / "test.jsonl", notes(test, 2, "b"))
    (folder / "recipe.yaml").write_text(RECIPE.replace("{note}", "{text}"), encoding="utf-8")
    return folder / "recipe.yaml"


def write_wards(folder: Path) -> Path:
    """train.csv, test.csv and recipe.yaml of two wards, told apart by a word; returns the recipe's path."""
    words = {"skin": "itch rash", "lung": "cough fever"}
    for name, numbers in (("train", range(40)), ("test", range(100, 120))):
        rows = [f"{words[label]} {n},{label}\n" for n in numbers for label in words]
        (folder / f"{name}.csv").write_text("text,label\n" + "".join(rows))
    (folder / "recipe.yaml").write_text(
        "model: fake\n"
        "datasets: [{path: train.csv, text: text, label: label, license: proprietary}]\n"
        "steps: [normalize, split]\n"
        "methods: [{sft: {lr: 0.01}}]\n"
        'benchmarks: [{name: desk, path: test.csv, prompt: "{text}\\nDesk:"}]\n'
        "retention: {}\n"
        "candidate: model\n"
    )
    return folder / "recipe.yaml"


def desk_rows(count: int = 120, seed: int = 0) -> list[dict]:
    """A triage desk's table with what a real one has besides: ids, dates, wards; three rows a patient."""
    generator = random.Random(seed)
    rows = []
    for number in range(count):
        department = sorted(DEPARTMENTS)[number % 2]
        word = generator.choice(DEPARTMENTS[department])
        rows.append(
            {
                "note id": f"n{number}",
                "patient": f"p{number // 3}",
                "date": f"2024-0{1 + number % 9}-11",
                "ward": "AB"[number % 2] if number % 3 else "C",
                "note": f"Case {number}: {word} since {generator.randint(2, 30)} days",
                "department": department,
            }
        )
    return rows


def write_csv(path: Path, rows: list[dict], delimiter: str = ",") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
    return path


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


class ScriptedModel:
    """A model whose log-likelihoods are written down: `script` maps a prompt to its favorite option."""

    end_token = 0
    context = 10_000

    def __init__(self, script: dict[str, str]) -> None:
        self.script = script

    def read(self, prompt: str, chat_template: bool = False) -> tuple[str, list[int]]:
        return prompt, list(prompt.encode())

    def answer(self, answer: str, chat_template: bool = False) -> list[int]:
        return list(f" {answer}".encode())

    def options(self, prompts: list[list[int]], options: list[list[list[int]]]) -> "ScriptedModel":
        self.prompts, self.given = prompts, options
        self.batches = by_length([len(prompt) for prompt in prompts], 64)
        return copy.copy(self)

    def texts(self, prompts: list[list[int]], max_new_tokens: int, stop: list[str]) -> "ScriptedTexts":
        return ScriptedTexts(self.script, [bytes(prompt).decode() for prompt in prompts])

    def score(self, batch: list[int]) -> list[np.ndarray]:
        found = []
        for position in batch:
            favorite = list(f" {self.script[bytes(self.prompts[position]).decode()]}".encode())
            own = self.given[position]
            found.append(np.array([0.0 if option[: len(favorite)] == favorite else -3.0 for option in own]))
        return found


class ScriptedTexts:
    """Answers in words, as written down."""

    def __init__(self, script: dict[str, str], prompts: list[str]) -> None:
        self.script, self.prompts = script, prompts
        self.batches = [[position] for position in range(len(prompts))]

    def score(self, batch: list[int]) -> list[tuple[str, int, bool]]:
        return [(self.script[self.prompts[position]], 1, True) for position in batch]


def remark(folder: Path, stage: str, **changed) -> None:
    """The mark of a stage as the stage itself would write it now: of its files as they are, with these results."""
    from metier.runs.files import file_sha256, write_json
    from metier.runs.marks import hashed, read_hashed

    path = folder / f"{stage}.done.json"
    mark = read_hashed(path, "")
    mark["files"] = {file: file_sha256(folder / file) for file in mark["files"]}
    mark["inputs"] = changed.pop("inputs", mark["inputs"])
    write_json(path, hashed({**mark, "result": {**mark["result"], **changed}}))
