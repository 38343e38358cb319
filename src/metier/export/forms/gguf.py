"""One GGUF file, for llama.cpp and what is built on it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metier.engine.models.gguf.writer import QUANTIZATIONS, write_gguf
from metier.export.forms import FOLDER, ExportLike, Order, Written


@dataclass
class Export(ExportLike):
    """One GGUF file for llama.cpp, in float16, bfloat16 or quantized to 8, 5 or 4 bits."""

    quantizations = QUANTIZATIONS

    def write(self, order: Order) -> Written:
        file = write_file(order)
        return Written(
            f"A GGUF file ({order.quantization})",
            "gguf",
            f"llama-server --model {FOLDER}/{file.name} --port 8080",
            _example(order),
            "sh",
            {"file": file.name, "bytes": file.stat().st_size},
        )


def write_file(order: Order) -> Path:
    """Write the tuned model as a GGUF file. It is merged in float32, so that it is rounded once."""
    import torch

    from metier.engine.models.model import load

    model = load(order.run.recipe.model, order.tuned, order.run.progress.warn, dtype=torch.float32)
    about = {
        "general.name": f"{order.name} ({order.origin.name}, tuned)",
        "general.basename": order.origin.name,
        **({"general.license": order.origin.license} if order.origin.license else {}),
        "metier.asked": json.dumps(list(order.asked), ensure_ascii=False),
    }
    file = order.folder / f"{order.name}-{order.quantization}.gguf"
    write_gguf(model.network, model.tokenizer, file, order.quantization, about, order.run.progress.say)
    return file


def _example(order: Order) -> str:
    """How the server is asked, with a grammar that allows the label set alone."""
    asked = order.asked[0]
    body: dict[str, Any] = {"prompt": asked["prompt"], "temperature": 0, "n_predict": asked["max_new_tokens"]}
    if asked["labels"]:
        options = [json.dumps(asked["answer_begins_with"] + label, ensure_ascii=False) for label in asked["labels"]]
        body["grammar"] = "root ::= " + " | ".join(options)
    else:
        body["stop"] = asked["stop"] or []
    text = json.dumps(body, ensure_ascii=False, indent=1).replace("'", "\\u0027")
    return f"curl http://127.0.0.1:8080/completion --json '{text}'"
