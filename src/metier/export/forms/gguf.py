"""One GGUF file, for llama.cpp and what is built on it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metier.engine.models.gguf.writer import QUANTIZATIONS, write_gguf
from metier.export.forms import FOLDER, ExportLike, ExportRequest, Written
from metier.export.forms._programs import why_no_program


@dataclass
class Export(ExportLike):
    """One GGUF file for llama.cpp, in float16, bfloat16 or quantized to 8, 5 or 4 bits."""

    quantizations = QUANTIZATIONS

    def write(self, request: ExportRequest) -> Written:
        file, prompting = write_file(request), request.prompting[0]
        note = why_no_program(prompting)
        return Written(
            f"A GGUF file ({request.quantization})",
            "gguf",
            f"llama-server --model {FOLDER}/{file.name} --port 8080",
            "" if note else _example(prompting),
            note,
            "sh",
            {"file": file.name, "bytes": file.stat().st_size},
        )


def write_file(request: ExportRequest) -> Path:
    """Write the tuned model as a GGUF file. It is merged in float32, so that it is rounded once."""
    import torch

    from metier.engine.models.model import load

    model = load(request.run.recipe.model, request.tuned, request.run.progress.warn, dtype=torch.float32)
    about = {
        "general.name": f"{request.name} ({request.origin.name}, tuned)",
        "general.basename": request.origin.name,
        **({"general.license": request.origin.license} if request.origin.license else {}),
        "metier.prompting": json.dumps(list(request.prompting), ensure_ascii=False),
    }
    file = request.folder / f"{request.name}-{request.quantization}.gguf"
    write_gguf(model.network, model.tokenizer, file, request.quantization, about, request.run.progress.say)
    return file


def _example(prompting: dict[str, Any]) -> str:
    """How the server is asked, with a grammar that allows the label set alone. A name in braces is a column."""
    body: dict[str, Any]
    text, tokens = prompting["examples"] + prompting["prompt"], prompting["max_new_tokens"]
    if prompting["chat_template"]:
        path, body = "v1/chat/completions", {"messages": [{"role": "user", "content": text}], "max_tokens": tokens}
    else:
        path, body = "completion", {"prompt": text, "n_predict": tokens}
    body["temperature"] = 0
    if prompting["labels"]:
        lead = prompting["answer_begins_with"]
        body["grammar"] = "root ::= " + " | ".join(_literal(lead + label) for label in prompting["labels"])
    else:
        body["stop"] = prompting["stop"] or []
    sent = json.dumps(body, ensure_ascii=False, indent=1).replace("'", "\\u0027")
    return f"curl http://127.0.0.1:8080/{path} --json '{sent}'"


def _literal(text: str) -> str:
    """A text as llama.cpp's grammars write it."""
    return json.dumps(text, ensure_ascii=False)
