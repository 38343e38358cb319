"""Tasks for lm-evaluation-harness: the run's questions, for an independent check of its figures."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from metier.engine.models import weights
from metier.errors import UserError
from metier.evaluation.answers import TUNED, read_answers
from metier.evaluation.scoring import ModelLike, ScorerLike
from metier.export.forms import BASE, FOLDER, RUN, ExportLike, ExportRequest, Written
from metier.runs.files import write_text
from metier.runs.run import Run


@dataclass
class Export(ExportLike):
    """The run's benchmarks as tasks that lm-evaluation-harness 0.4.13 runs as they are, without a network."""

    holds_model = False

    def write(self, request: ExportRequest) -> Written:
        written = _tasks(request)
        return Written("The test questions", "lm-eval", written["commands"]["tuned"], details=written)


def _tasks(request: ExportRequest) -> dict[str, Any]:
    """Write the tasks; returns their names, which benchmarks were left out, and what to type.

    Every text is rendered already, so that no template, delimiter or few-shot draw of the harness comes between. Names
    begin with `metier_`: two tasks of one name would shadow each other there.
    """
    from metier.engine.models.model import tokens_only

    run, out = request.run, request.folder
    tasks, left_out = [], []
    base = weights.folder(run.recipe.model, run.progress.warn)
    model = tokens_only(run.recipe.model, run.progress.warn)
    for benchmark in request.benchmarks:
        answers = read_answers(run, TUNED, benchmark.name)
        if not answers or answers[0].log_likelihoods is None:
            left_out.append(benchmark.name)
            continue
        scorer = benchmark.build_scorer()
        if (setting := scorer.length_adjustment()) != "none":
            run.progress.say(f"  {benchmark.name}: the harness compares sums; ours are made up for length ({setting})")
        labels = benchmark.label_set()
        lead = "" if benchmark.chat_template else " "
        rows, ending = [], _Ending(scorer, model, benchmark.chat_template)
        for answer in answers:
            offered = list(answer.options or labels)
            choices = [f"{lead}{option}{ending.of(tuple(offered))}" for option in offered]
            gold = offered.index(answer.gold)
            rows.append({"id": answer.id, "prompt": answer.prompt, "choices": choices, "gold": gold})
        name = f"metier_{benchmark.name}"
        write_text(out / f"{name}.jsonl", "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
        write_text(out / f"{name}.yaml", yaml.safe_dump(_task(name), sort_keys=False))
        tasks.append(name)
    if not tasks:
        raise UserError("None of the run's benchmarks chooses among options, which is what can be exported as a task.")
    return {"tasks": tasks, "left_out": left_out, "commands": _commands(tasks, base, run, request.tuned)}


class _Ending:
    """The end token as text, behind options of which our scoring takes it for a part."""

    def __init__(self, scorer: ScorerLike, model: ModelLike, chat_template: bool) -> None:
        self.scorer, self.model, self.chat_template = scorer, model, chat_template
        self.known: dict[tuple[str, ...], str] = {}

    def of(self, offered: tuple[str, ...]) -> str:
        if offered not in self.known:
            ends = self.scorer.ends([self.model.answer(option, self.chat_template) for option in offered])
            self.known[offered] = str(self.model.tokenizer.eos_token) if ends else ""
        return self.known[offered]


def _task(name: str) -> dict[str, Any]:
    return {
        "task": name,
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": f"{name}.jsonl"}},
        "test_split": "test",
        "output_type": "multiple_choice",
        "doc_to_text": "prompt",
        "doc_to_choice": "choices",
        "doc_to_target": "gold",
        "target_delimiter": "",  # the space before an answer is part of the choice
        "num_fewshot": 0,
        "metric_list": [{"metric": "acc", "aggregation": "mean", "higher_is_better": True}],
        "metadata": {"version": 1},
    }


def _commands(tasks: list[str], base: Path, run: Run, adapter: Path) -> dict[str, str]:
    """What to type for the base model and for the adapter. No `--limit`: it would take the first questions.

    The tasks name their files without a folder, and the harness looks for them where it is started. Raises `UserError`
    for a path with a comma, at which it would part its arguments."""
    if comma := next((path for path in (base, adapter.resolve()) if "," in str(path)), None):
        raise UserError(f"The harness cannot read a path with a comma: {comma}. Move or link it to another one.")
    own = f"{RUN}/{adapter.relative_to(run.folder)}"
    tuned = f"{own},tokenizer={BASE}" if weights.is_whole(adapter) else f"{BASE},peft={own}"
    return {
        who: f"cd {FOLDER} && lm_eval --model hf --model_args pretrained={model},dtype=float32 "
        f"--tasks {','.join(tasks)} --include_path . --batch_size 8 --log_samples --output_path {who}"
        for who, model in (("base", BASE), ("tuned", tuned))
    }
