"""One GGUF file, for llama.cpp and what is built on it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metier.engine.models.gguf.writer import QUANTIZATIONS, write_gguf
from metier.export.forms import FOLDER, ExportLike, ExportRequest, Written


@dataclass
class Export(ExportLike):
    """One GGUF file for llama.cpp, in float16, bfloat16 or quantized to 8, 5 or 4 bits."""

    quantizations = QUANTIZATIONS

    def write(self, request: ExportRequest) -> Written:
        file = write_file(request)
        return Written(
            f"A GGUF file ({request.quantization})",
            "gguf",
            f"llama-server --model {FOLDER}/{file.name} --port 8080",
            _example(request),
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


def _example(request: ExportRequest) -> str:
    """How the server is asked, with a grammar that allows the label set alone."""
    prompting = request.prompting[0]
    body: dict[str, Any] = {"prompt": prompting["prompt"], "temperature": 0, "n_predict": prompting["max_new_tokens"]}
    if prompting["labels"]:
        options = [
            json.dumps(prompting["answer_begins_with"] + label, ensure_ascii=False) for label in prompting["labels"]
        ]
        body["grammar"] = "root ::= " + " | ".join(options)
    else:
        body["stop"] = prompting["stop"] or []
    text = json.dumps(body, ensure_ascii=False, indent=1).replace("'", "\\u0027")
    return f"curl http://127.0.0.1:8080/completion --json '{text}'"
