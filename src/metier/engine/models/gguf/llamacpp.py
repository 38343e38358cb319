"""llama.cpp itself, by the library `xllamacpp` (extra `llamacpp`): how it splits texts, and what it writes."""

import json
import secrets
import urllib.request
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import torch

from metier.engine.models.model_files import understood

TIMEOUT_S = 60.0


def is_installed() -> bool:
    return find_spec("xllamacpp") is not None


class LlamaCpp:
    """A GGUF file in llama.cpp, one answer at a time, on as many threads as torch.

    The library serves what it has no function for on a port of the loopback interface: it is asked with a key that
    nobody else has.
    """

    def __init__(self, file: Path, context: int) -> None:
        import xllamacpp

        self._key = secrets.token_hex()
        settings = xllamacpp.CommonParams()
        settings.model.path = str(file)
        settings.n_ctx = context
        settings.n_parallel = 1
        settings.n_gpu_layers = 0
        # Its threads wait by spinning: one more than there are free cores makes it several times slower.
        settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = torch.get_num_threads()
        settings.warmup = False
        settings.ui = False
        settings.cache_ram_mib = 0
        settings.verbosity = -1
        settings.api_keys = [self._key]
        with understood(f"llama.cpp does not open {file}", file):
            self._server = xllamacpp.Server(settings)

    def tokens(self, text: str, special: bool = True) -> list[int]:
        """The tokens of a text. `special`: with begin and end tokens where the file asks for them."""
        body = json.dumps({"content": text, "add_special": special, "parse_special": True}).encode()
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self._key}"}
        request = urllib.request.Request(f"{self._server.listening_address}/tokenize", body, headers)
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
            return [int(token) for token in json.load(answer)["tokens"]]

    def write(self, prompt: Sequence[int], max_new_tokens: int, stop: Sequence[str] = ()) -> str:
        """The most likely text behind a prompt, token by token."""
        asked = {"prompt": list(prompt), "temperature": 0, "max_tokens": max_new_tokens, "repeat_penalty": 1.0}
        given = self._server.handle_completions({**asked, "stop": list(stop), "cache_prompt": False})
        if "choices" not in given:
            raise RuntimeError(f"llama.cpp gives no answer: {given}")
        return str(given["choices"][0]["text"])
