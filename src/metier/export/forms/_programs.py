"""Short programs that ask an artifact with the run's own prompt."""

import json
from typing import Any

TRANSFORMERS = '''"""Ask the model in this folder as the run asked it: python ask.py {argument}"""

import json
import re
import sys
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

FOLDER = Path(__file__).parent
EXAMPLES = {examples}  # solved examples before the question
PROMPT = {prompt}
LABELS = {labels}  # the answers to choose from; none: the model writes its answer
tokenizer = AutoTokenizer.from_pretrained(FOLDER)
model = {model}
columns = {columns}
text = EXAMPLES + re.sub(r"\\{{(\\w+)\\}}", lambda column: str(columns.get(column[1], "")), PROMPT)
{chat}ids = tokenizer(text, add_special_tokens={special})["input_ids"]


@torch.no_grad()
def score(label):
    """The log-probability of an answer{with_end}."""
    answer = tokenizer({lead} + label, add_special_tokens=False)["input_ids"]{end}
    logits = model(torch.tensor([ids + answer])).logits[0, len(ids) - 1 : -1]
    return float(torch.log_softmax(logits.float(), -1).gather(1, torch.tensor(answer)[:, None]).sum())


if LABELS:
    print(max(LABELS, key=score))
else:
    written = model.generate(torch.tensor([ids]), max_new_tokens={tokens}, do_sample=False)[0, len(ids) :]
    print(tokenizer.decode(written, skip_special_tokens=True){cut}.strip())
'''
OPENAI = '''"""Ask the model that `vllm serve` serves, as the run asked it: python ask.py {argument}"""

import json
import re
import sys

from openai import OpenAI

EXAMPLES = {examples}  # solved examples before the question
PROMPT = {prompt}
LABELS = {labels}  # the answers to choose from; none: the model writes its answer
client = OpenAI(base_url="http://127.0.0.1:8000/v1", api_key="none")
columns = {columns}
text = EXAMPLES + re.sub(r"\\{{(\\w+)\\}}", lambda column: str(columns.get(column[1], "")), PROMPT)
# vLLM below 0.12 calls this extra_body={{"guided_choice": [...]}}.
choice = {{"structured_outputs": {{"choice": [{lead} + label for label in LABELS]}}}} if LABELS else {{}}
{call}
print(answer.strip())
'''
CHAT = """answer = client.chat.completions.create(
    model={name},
    messages=[{{"role": "user", "content": text}}],
    max_tokens={tokens},
    temperature=0,
    stop={stop},
    extra_body=choice,
).choices[0].message.content"""
COMPLETION = """answer = client.completions.create(
    model={name}, prompt=text, max_tokens={tokens}, temperature=0, stop={stop}, extra_body=choice
).choices[0].text"""


def why_no_program(prompting: dict[str, Any]) -> str:
    """Why no short program asks as the run did; empty where one does."""
    if prompting["options"] == "of each row":
        why = "each question has its own options"
    elif prompting["fewshot"]:
        why = "the solved examples before a question depend on its row"
    elif prompting["length_adjustment"] != "none":
        why = f"the likelihoods of answers are corrected for their length ({prompting['length_adjustment']})"
    else:
        return ""
    return f"No example program is added: {why}. `metier serve` and `metier predict` ask the run that way."


def argument(prompting: dict[str, Any]) -> str:
    """What to type behind a program: the text, or an object where the prompt has further columns."""
    if _text_alone(prompting):
        return "'TEXT'"
    return "'" + json.dumps({column: column.upper() for column in prompting["columns"]}) + "'"


def with_transformers(prompting: dict[str, Any], base: str | None = None) -> str:
    """A program that asks a folder of weights; `base`: whose adapter the folder holds."""
    chat = prompting["chat_template"]
    turn = '[{"role": "user", "content": text}]'
    rendered = f"text = tokenizer.apply_chat_template({turn}, tokenize=False, add_generation_prompt=True)\n"
    return TRANSFORMERS.format(
        **_shared(prompting),
        model="AutoModelForCausalLM.from_pretrained(FOLDER)"
        if base is None
        else f"AutoModelForCausalLM.from_pretrained({_text(base)})\nmodel.load_adapter(str(FOLDER))",
        chat=rendered if chat else "",
        special=not chat,
        with_end=", its end token included" if prompting["scores_end_token"] else "",
        end=" + [tokenizer.eos_token_id]" if prompting["scores_end_token"] else "",
        tokens=prompting["max_new_tokens"],
        cut="".join(f".split({_text(stop)})[0]" for stop in prompting["stop"] or []),
    )


def with_openai(prompting: dict[str, Any], name: str) -> str:
    """A program that asks a server that speaks OpenAI's interface."""
    call = (CHAT if prompting["chat_template"] else COMPLETION).format(
        name=_text(name), tokens=prompting["max_new_tokens"], stop=json.dumps(prompting["stop"] or [])
    )
    return OPENAI.format(**_shared(prompting), call=call)


def _shared(prompting: dict[str, Any]) -> dict[str, str]:
    """What both programs hold."""
    row = "json.loads(sys.argv[1])  # a row as a JSON object"
    return {
        "argument": argument(prompting),
        "examples": _text(prompting["examples"]),
        "prompt": _text(prompting["prompt"]),
        "labels": json.dumps(prompting["labels"], ensure_ascii=False),
        "columns": '{"text": sys.argv[1]}' if _text_alone(prompting) else row,
        "lead": _text(prompting["answer_begins_with"]),
    }


def _text_alone(prompting: dict[str, Any]) -> bool:
    return set(prompting["columns"]) <= {"text"}


def _text(text: str) -> str:
    """A text as Python writes it."""
    return json.dumps(text, ensure_ascii=False)
