"""What a team writes in an afternoon: transformers behind an HTTP server, one label scored after another.

    python plain_server.py FOLDER TASK.json PORT

FOLDER is a model as `metier export --to merged` writes it; TASK has `prompt_lead` pieces, labels and end token.
"""

import asyncio
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from transformers import AutoModelForCausalLM, AutoTokenizer


class Model:
    def __init__(self, folder: str, task: dict[str, Any]) -> None:
        self.network = AutoModelForCausalLM.from_pretrained(folder, dtype=getattr(torch, task["dtype"])).eval()
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.labels = task["labels"]
        encoded = [self.tokenizer(" " + label, add_special_tokens=False)["input_ids"] for label in self.labels]
        self.options = [[*option, *task["end"]] for option in encoded]

    @torch.no_grad()
    def answer(self, prompt: str) -> str:
        """The label with the largest sum of log-probabilities behind the prompt."""
        tokens, sums = self.tokenizer(prompt)["input_ids"], []
        for option in self.options:
            ids = torch.tensor([[*tokens, *option]])
            logits = self.network(input_ids=ids[:, :-1], logits_to_keep=len(option)).logits[0].float()
            sums.append(float(logits.log_softmax(-1).gather(1, ids[0, -len(option) :, None]).sum()))
        return self.labels[max(range(len(sums)), key=sums.__getitem__)]


def main() -> None:
    folder, task, port = sys.argv[1:]
    model, one_at_a_time = Model(folder, json.loads(Path(task).read_text())), ThreadPoolExecutor(1)

    async def classify(request: Request) -> JSONResponse:
        prompt = (await request.json())["prompt"]
        answer = await asyncio.get_running_loop().run_in_executor(one_at_a_time, model.answer, prompt)
        return JSONResponse({"answer": answer})

    app = Starlette(routes=[Route("/classify", classify, methods=["POST"])])
    uvicorn.run(app, host="127.0.0.1", port=int(port), log_level="warning")


if __name__ == "__main__":
    main()
