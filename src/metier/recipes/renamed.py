"""Names that settings, keys and verbs had before 0.2.0: an old one is answered by the new one."""

from collections.abc import Collection

from metier.errors import nearest

RENAMED: dict[str, dict[str, str]] = {
    "recipe": {"keep": "retention", "sources": "datasets"},
    "retention": {"watch": "monitor"},
    "dataset": {"licence": "license", "most_broken": "max_error_rate", "shape": "converter"},
    "benchmark": {
        "licence": "license",
        "shots": "num_fewshot",
        "shots_by": "fewshot_by",
        "rows": "limit",
        "template": "chat_template",
        "source": "dataset",
    },
    "scorer": {"max_tokens": "max_new_tokens"},
    "method": {
        "sources": "datasets",
        "replay_sources": "replay_datasets",
        "alpha": "lora_alpha",
        "targets": "target_modules",
        "dora": "use_dora",
        "look_every": "eval_steps",
        "look_rows": "eval_questions",
        "checkpoint_every": "save_steps",
        "warmup": "warmup_ratio",
        "schedule": "lr_scheduler",
        "track": "report_to",
        "tokens": "max_train_tokens",
        "balance": "class_balance",
        "repeat": "upsample",
        "block": "block_size",
        "anchor": "rpo_alpha",
        "normalise": "length_normalize",
        "group": "num_generations",
        "prompts": "prompts_per_step",
        "scale": "scale_rewards",
        "max_tokens": "max_new_tokens",
    },
    "step": {"licence": "license", "normalise": "normalize", "intended_use": "use"},
    "format": {"catalogue": "catalog"},
    "kind": {"sources": "datasets", "shapes": "converters", "highlights": "insights"},
    "verb": {"prove": "ablate", "check-lm-eval": "verify-lm-eval"},
    "option": {"--on": "--executor"},
}
"""Place -> old name -> new name. The place is `recipe`, a verb or an option, or the kind of plug-in whose setting it
is; of `step` and `format` it is the plug-in's own name."""


def hint(place: str, name: str, known: Collection[str]) -> str:
    """The sentence that follows an unknown name: what it is called now, else the nearest right one."""
    new = RENAMED.get(place, {}).get(name)
    return f" It is called '{new}' now." if new in known else nearest(name, known)
