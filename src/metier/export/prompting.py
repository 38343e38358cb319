"""How a run asks its benchmarks, as plain values: what somebody needs who asks the model elsewhere."""

from typing import Any

from metier.evaluation.benchmark import Benchmark
from metier.evaluation.scoring import ModelLike

MOST_NEW_TOKENS = 32
"""For answers that are chosen among a row's own options."""


def prompting_of(benchmark: Benchmark, model: ModelLike) -> dict[str, Any]:
    """An entry of `prompting` in metier.json."""
    scorer, labels, chat = benchmark.build_scorer(), benchmark.label_set(), benchmark.chat_template
    free = scorer.free_text()
    answers = [model.answer(label, chat) for label in labels]
    ends = bool(labels) and scorer.ends(answers)
    shots = {
        kind: "".join(f"{example.render(benchmark.prompt)} {example.answer}\n\n" for example in solved)
        for kind, solved in benchmark.solved.items()
    }
    return {
        "name": benchmark.name,
        "questions": len(benchmark.questions()),
        "examples": shots.pop("", ""),
        "prompt": benchmark.prompt,
        "columns": sorted(benchmark.prompt_columns()),
        "fewshot": shots,
        "chat_template": chat,
        "scorer": benchmark.scorer,
        "labels": labels,
        "options": "of each row" if benchmark.chooses_among_own_options else "labels" if labels else "none",
        "length_adjustment": scorer.length_adjustment(),
        "answer_begins_with": "" if chat else " ",
        "scores_end_token": ends,
        "end_token": str(model.tokenizer.eos_token),
        "stop": list(free.stop) if free else None,
        "max_new_tokens": free.max_new_tokens if free else max(map(len, answers), default=MOST_NEW_TOKENS) + 1,
    }
