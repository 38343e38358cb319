"""The text of a recipe that `metier new` writes: what was found, and as comments what only its people know."""

import math
import os
import re
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from metier.data.dataset import MIRROR
from metier.data.redaction import PROFILES
from metier.recipes import plugins, strict_json, strict_yaml
from metier.recipes.scaffold.columns import Columns
from metier.recipes.schema import DEFAULT_INDUSTRY

if TYPE_CHECKING:
    from metier.industries import BaseIndustry

FIRST: list[Any] = [{"license": {"use": "commercial"}}, "normalize", "decontaminate"]
LAST: list[Any] = [{"split": {"by": "group"}}, {"select": {"rows": 17000}}]
"""Steps before and behind redaction and duplicates, which depend on what the answers are. A team's own rows are for its
work, so rows for research only stop the run."""

OTHERS = {"arc_easy_sample": "general/arc_easy", "wikitext2_sample": "general/wikitext2"}
"""Benchmark -> its folder in the mirror: 300 questions and 12 articles."""
MINUTES = 25
"""Of the search over settings and the training together."""
LONGEST_WRITTEN = 512
"""Tokens that a written answer is given at most."""


def recipe_text(
    name: str,
    folder: Path,
    industry: str | None,
    pack: "BaseIndustry",
    columns: Columns,
    counts: dict[str, int],
    doubts: list[str],
) -> str:
    """YAML with comments; every value is written by the YAML library, whatever the columns are called."""
    chosen = str(Path(industry).resolve()) if industry and industry.endswith(".py") else industry or DEFAULT_INDUSTRY
    head = [
        f"Written by `metier new {name}` from {folder.resolve()}. Next: metier check {name}/recipe.yaml",
        f"{counts['train']:,} rows to learn from, {counts['test']:,} to test on, {counts['documents']:,} documents as "
        "raw text; all are copies beside this file, so that no test row is learned from.",
    ]
    if counts["left_out"]:
        head.append(f"{counts['left_out']:,} pieces gave no row: left_out.jsonl says which and why.")
    steps = _steps(industry, pack, columns)
    parts = [_comment(head)]
    if doubts:
        parts += [_comment(["", "To be answered by you:", *(f"- {doubt}" for doubt in doubts)])]
    parts += [_yaml("industry", chosen)]
    parts += _datasets(pack, columns, counts)
    parts += [_yaml("steps", steps)]
    parts += _methods(pack, columns)
    if columns.label:
        if columns.options:
            parts += _chosen(name, columns, counts)
        elif columns.written:
            parts += _written(name, columns, counts, _redacts(industry, pack))
        else:
            parts += _benchmark(name, columns, counts)
        parts += _retention(pack)
    return "\n".join([*parts, _description(name)])


def _description(name: str) -> str:
    """The keys that only people can fill in, as comments, each with what belongs there."""
    keys = {
        "intended_use": "what the model is for, who uses its answers, and what it must not be used for",
        "owner": "who answers for the model, a person or a team",
        "reviewer": "who checks the verdict independently of the owner",
        "monitoring": f"the owner runs `metier monitor runs/{name} traces.jsonl` every week; exit code 2 is an alarm",
    }
    notes = [
        "Who answers for this model? Take away the `# ` before these keys and write your own texts. They stand on the "
        f"report and on every card, and `metier dossier runs/{name}` has them signed. They decide nothing, so they may "
        "be written or changed later too."
    ]
    # Quoted, since people write colons; each on its own line, however long.
    lines = [f"# {key}: {strict_json.dumps(text)}" for key, text in keys.items()]
    return "\n".join([_comment(notes), *lines]) + "\n"


def _steps(industry: str | None, pack: "BaseIndustry", columns: Columns) -> list[Any]:
    if not columns.label:
        return list(pack.steps)  # the pack's own rows are learned from, with the steps that suit them
    keep = {} if columns.written else {"labels": "keep"}
    redact = [{"redact": {"profile": pack.name, **keep}}] if _redacts(industry, pack) else []
    # Two wordings of an answer to one question are no contradiction.
    dedup: Any = "dedup" if columns.classes else {"dedup": {"contradictions": "keep"}}
    # Copies of a row would vouch for its label, so behind them.
    doubted = [] if not columns.classes else [{"label_noise": {"mode": "report"}}]
    return [*FIRST, *redact, dedup, *doubted, *LAST]


def _datasets(pack: "BaseIndustry", columns: Columns, counts: dict[str, int]) -> list[str]:
    own: list[Any] = []
    if columns.label:
        named = {key: getattr(columns, key) for key in ("text", "label", "options", "group", "time", "id", "split")}
        settings = {key: column for key, column in named.items() if column}
        own.append({"path": "train.jsonl", **settings, "license": "proprietary"})
    if counts["documents"]:
        own.append({"path": "documents.jsonl", "license": "proprietary"})
    notes = ["May you train on these texts? `proprietary` is your word that they are yours to use."]
    if columns.label:
        notes.append("`use: commercial` below stops the run at other rows whose license is for research only.")
        return [_comment(notes), _yaml("datasets", [*own, "general"])]
    notes += [
        "There are no labeled rows among the files, so nothing below tests your own work: the pack's data and its "
        f"benchmarks ({', '.join(map(str, pack.benchmarks))}) are used until then. Missing: a table with a text "
        "and an answer in each row; the documents are learned as raw text beside the pack's rows.",
    ]
    return [_comment(notes), _yaml("datasets", [*own, *pack.datasets])]


def _benchmark(name: str, columns: Columns, counts: dict[str, int]) -> list[str]:
    prompt = f"{_shown(columns)}\n{_title(str(columns.label))}:"
    benchmark = _test_of(name, columns) | {"prompt": prompt, "metrics": ["accuracy", "macro_f1"]}
    notes = [
        "Does the prompt read as your people would put it? Are some answers rare and dear? Then `macro_f1` goes first."
    ]
    if columns.slices:
        notes.append(f"Which parts matter? `slices: [{', '.join(columns.slices)}]` shows results by them.")
    return [_comment(notes + _small(counts)), _yaml("benchmarks", [benchmark])]


def _retention(pack: "BaseIndustry") -> list[str]:
    """Text and questions by other authors than the replay's, where the mirror has them; none: the pack's own check."""
    mirror = os.environ.get(MIRROR)
    there = {name: "monitor" for name, folder in OTHERS.items() if mirror and (Path(mirror) / folder).is_dir()}
    if not there:
        return []
    own = {name: margin for name, margin in pack.retention.items() if margin != "monitor"}
    notes = [
        f"What must not be forgotten. `general` is by the author of the text that is replayed; {' and '.join(there)} "
        f"are by others, from {MIRROR}, and decide nothing until you write a margin in place of `monitor`."
    ]
    return [_comment(notes), _yaml("retention", own | there)]


def _shown(columns: Columns) -> str:
    """A line for each column that the model reads, with its name."""
    names = columns.shown or [str(columns.text)]
    return "\n".join(f"{_title(name)}: {{{'text' if name == columns.text else name}}}" for name in names)


def _chosen(name: str, columns: Columns, counts: dict[str, int]) -> list[str]:
    benchmark = _test_of(name, columns) | {"options": columns.options, "prompt": f"{_shown(columns)}\nAnswer:"}
    # Per byte, or a long option loses because it is long.
    benchmark |= {"scorer": {"choice": {"length": "byte"}}, "metrics": ["accuracy"]}
    notes = [
        "The model chooses among the options of each question, in full; no letters. Does the prompt read as your "
        "people would put it?"
    ]
    return [_comment(notes + _small(counts)), _yaml("benchmarks", [benchmark])]


def _test_of(name: str, columns: Columns) -> dict[str, Any]:
    settings = {"name": f"{name}-test", "path": "test.jsonl", "text": columns.text, "label": columns.label}
    further = {"cluster": columns.group, "time": columns.time}
    return settings | {key: value for key, value in further.items() if value}


def _small(counts: dict[str, int]) -> list[str]:
    if counts["test"] >= 100:
        return []
    return [f"The test has {counts['test']} rows: `metier check` says how large a gain it can show at all."]


def _written(name: str, columns: Columns, counts: dict[str, int], redacted: bool) -> list[str]:
    # Three times the average answer: four characters make a token of English.
    tokens = min(LONGEST_WRITTEN, 32 * math.ceil(3 * columns.written / 4 / 32))
    benchmark = _test_of(name, columns) | {"prompt": _asked(columns), "chat_template": True}
    benchmark |= {"scorer": {"generate": {"max_new_tokens": tokens, "stop": []}}, "metrics": ["rouge_l"]}
    notes = [
        "How do you know a good answer? `rouge_l` counts the words that it shares with yours, in order: a first look, "
        "and no judge of truth. Where they are numbers, JSON fields or short phrases, `metier list scorers` has better "
        f"ones. Are some longer than {tokens} tokens? Then raise `max_new_tokens`."
    ]
    if redacted:
        notes.append(
            "`redact` works on what is learned, answers included, and not on test.jsonl: a name in a right answer "
            "there counts against a model that learned to write [NAME]."
        )
    return [_comment(notes + _small(counts)), _yaml("benchmarks", [benchmark])]


def _asked(columns: Columns) -> str:
    """The question as it stands, behind what it is asked about."""
    return _shown(columns) if len(columns.shown) > 1 else "{text}"


def _methods(pack: "BaseIndustry", columns: Columns) -> list[str]:
    """A search where answers are chosen: a pack's settings were found for its own data. Where they are written, an
    evaluation writes hundreds of answers, and the search would take longer than the training."""
    if columns.label and not columns.written:
        why = "A few settings are tried on held-out rows, and the best one is trained on; `minutes` is for all of it."
        return [_comment([why]), _yaml("methods", [{"auto": {"minutes": MINUTES}}])]
    methods = _without_repeat(pack.methods)
    return [_yaml("methods", methods)] if columns.label and methods != pack.methods else []


def _without_repeat(methods: list[Any]) -> list[Any]:
    """The pack's methods without what they say of its own datasets by name."""
    kept = [
        (name, {key: value for key, value in settings.items() if key != "upsample"})
        for name, settings in map(plugins.named, methods)
    ]
    return [{name: settings} if settings else name for name, settings in kept]


def general_doubts(industry: str | None, pack: "BaseIndustry") -> list[str]:
    """What is asked whatever the folder holds."""
    doubts = [
        "What is the model for, who owns it, and who reviews it? The keys `intended_use`, `owner`, `reviewer` and "
        "`monitoring` at the end say it."
    ]
    if not industry:
        doubts.append(
            f"Which industry is this? Its pack sets what is not set here: `{DEFAULT_INDUSTRY}` (used now), "
            "finance, legal, retail, or a file of your own."
        )
    if not _redacts(industry, pack):
        profiles = ", ".join(sorted(PROFILES))
        doubts.append(
            f"Do the texts name persons? Then put {{redact: {{profile: ...}}}} behind `decontaminate`: {profiles}."
        )
    return doubts


def _redacts(industry: str | None, pack: "BaseIndustry") -> bool:
    return industry is not None and pack.name in PROFILES


def _title(column: str) -> str:
    """A column's name as the words of a prompt: `claim_note` -> `Claim note`."""
    words = " ".join(re.findall(r"[^\W_]+", column))
    return (words[:1].upper() + words[1:]) or "Text"


def _comment(lines: list[str]) -> str:
    plain = [UNREADABLE.sub("\ufffd", line) for line in lines]
    wrapped = [part for line in plain for part in (textwrap.wrap(" ".join(line.split()), 116) or [""])]
    return "\n".join(f"# {line}".rstrip() for line in wrapped)


UNREADABLE = re.compile("[^\t\n\r -~\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What YAML does not take even in a comment, such as the C1 characters of a text in the wrong encoding."""


class _Plain(strict_yaml.Dumper):
    """Line breaks as \\n, as people write a prompt; the library's own choice spreads it over three lines."""


_Plain.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"' if "\n" in text else None),
)


def _yaml(key: str, value: Any) -> str:
    flow = None if isinstance(value, list) else False
    return yaml.dump(
        {key: value}, Dumper=_Plain, sort_keys=False, allow_unicode=True, default_flow_style=flow, width=1000
    )
