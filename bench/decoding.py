"""Many texts written together against one after another, and what it saves to read common beginnings once.

    python bench/decoding.py [--model smollm2-135m] [--texts 16] [--shared 200] [--own 40] [--new 32]

Each prompt begins with the same `shared` tokens and goes on with `own` tokens of its own; `new` tokens are written
behind each. Prints the seconds, and how many texts are the same as those that transformers' `generate` writes for one
prompt at a time.
"""

import argparse
import json
import random
import time
from collections.abc import Callable

import torch

from metier.engine.decoding.decoder import Decoder
from metier.engine.decoding.sampling import Sampling
from metier.engine.models.model import load


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", default="smollm2-135m")
    for name, value in (("texts", 16), ("shared", 200), ("own", 40), ("new", 32)):
        parser.add_argument(f"--{name}", type=int, default=value)
    asked = parser.parse_args()
    model = load(asked.model, dtype=torch.float32)
    draw = random.Random(0)
    words = range(1000, 20_000)
    shared = draw.choices(words, k=asked.shared)
    prompts = [shared + draw.choices(words, k=asked.own) for _ in range(asked.texts)]
    decoder = Decoder(model, 1 << 20)
    alone, alone_s = timed(lambda: [model.texts([prompt], asked.new).score([0])[0][0] for prompt in prompts])
    apart, apart_s = timed(lambda: together(Decoder(model, 1 << 20, kept_tokens=0), prompts, asked.new))
    once, once_s = timed(lambda: together(decoder, prompts, asked.new))
    _, again_s = timed(lambda: one_by_one(decoder, prompts, asked.new))
    _, fresh_s = timed(lambda: one_by_one(Decoder(model, 1 << 20, kept_tokens=0), prompts, asked.new))
    print(
        json.dumps(
            {
                "generate_one_by_one_s": round(alone_s, 2),
                "together_nothing_kept_s": round(apart_s, 2),
                "together_s": round(once_s, 2),
                "one_by_one_kept_s": round(again_s, 2),
                "one_by_one_nothing_kept_s": round(fresh_s, 2),
                "same_texts": [sum(map(str.__eq__, alone, other)) for other in (apart, once)],
                "of": len(alone),
            }
        )
    )


def timed(work: Callable[[], list[str]]) -> tuple[list[str], float]:
    started = time.monotonic()
    result = work()
    return result, time.monotonic() - started


def together(decoder: Decoder, prompts: list[list[int]], new: int) -> list[str]:
    """All texts; the prompts join at one step."""
    for number, prompt in enumerate(prompts):
        decoder.add(number, prompt, Sampling(new))
    texts = [""] * len(prompts)
    while len(decoder):
        for key, piece in decoder.step():
            texts[int(str(key))] += piece.text
    return texts


def one_by_one(decoder: Decoder, prompts: list[list[int]], new: int) -> list[str]:
    return [together(decoder, [prompt], new)[0] for prompt in prompts]


if __name__ == "__main__":
    main()
