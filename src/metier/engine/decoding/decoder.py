"""Texts of many sequences, a token a step; sequences join and leave between any two steps."""

from collections import deque
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

import torch

from metier.engine.decoding.batch import Batch, PaddedBatch, SingleSequences
from metier.engine.decoding.grammar import Constraint, Constraints
from metier.engine.decoding.pieces import Piece, TokenScore, Written
from metier.engine.decoding.sampling import Chooser, Sampling, choose
from metier.engine.models.model import LanguageModel
from metier.engine.scoring.likelihood import TOLERANCE, in_float32, takes_trees
from metier.engine.trees.batches import by_length
from metier.errors import UserError

TOKENS_A_BATCH = 4096
"""Prompt tokens that are read in one pass; more prompts that join at one step are read in several."""
KEPT_TOKENS = 4096
"""Tokens of earlier prompts whose keys and values are kept, for prompts that begin alike: 190 MB for smollm2-135m in
float32."""
PROBE = 12
"""Tokens of the longest text by which padded batches are checked."""


@dataclass
class _Sequence:
    key: Hashable
    prompt: list[int]
    sampling: Sampling
    chooser: Chooser
    written: Written
    constraint: Constraint | None

    @property
    def most_tokens(self) -> int:
        return len(self.prompt) + self.sampling.max_new_tokens


class Decoder:
    """Continues prompts. Greedy, a prompt gets the text that `Generator` gives it alone, whatever stands beside it, as
    far as the rounding of sums allows.

    `most_tokens`: of all sequences that are in the batch together, prompts and longest texts, each counted as long as
    the longest one, since a batch is padded; the others wait in their order. `kept_tokens`: of earlier prompts, kept
    for those that begin alike.
    """

    def __init__(self, model: LanguageModel, most_tokens: int, kept_tokens: int = KEPT_TOKENS) -> None:
        self.model, self.most_tokens = model, most_tokens
        self.batch = _batch(model, kept_tokens)
        self.active: list[_Sequence] = []
        self.waiting: deque[_Sequence] = deque()
        self.vocabulary = int(model.network.get_input_embeddings().weight.shape[0])
        self.constraints = Constraints(model.tokenizer, self.vocabulary)

    def __len__(self) -> int:
        """Sequences that are not finished, in the batch or waiting."""
        return len(self.active) + len(self.waiting)

    def add(self, key: Hashable, prompt: Sequence[int], sampling: Sampling) -> None:
        """A sequence that joins at the next step, or as soon as there is room.

        Raises `UserError` where it could never be answered: it is too long, or its grammar cannot be used.
        """
        if any(one.key == key for one in (*self.active, *self.waiting)):
            raise ValueError(f"the key {key!r} stands for another sequence")
        self._check(prompt, sampling)
        constraint = self.constraints.begin(sampling.grammar) if sampling.grammar else None
        written = Written(self.model.tokenizer, sampling.stop)
        self.waiting.append(_Sequence(key, list(prompt), sampling, Chooser(sampling), written, constraint))

    def cancel(self, key: Hashable) -> None:
        """The sequence leaves; nothing where it is finished already."""
        self.waiting = deque(one for one in self.waiting if one.key != key)
        self._leave([one for one in self.active if one.key == key])

    @torch.no_grad()
    def step(self) -> list[tuple[Hashable, Piece]]:
        """One token more for each sequence in the batch, those that join now included. Finished ones leave."""
        tables = [self.batch.advance([one.written.tokens[-1] for one in self.active])] if self.active else []
        for group in self._joining():
            tables.append(self.batch.join([one.prompt for one in group]))
            self.active += group
        if not self.active:
            return []
        logits = torch.cat(tables).float()
        tokens = choose(self._allowed(logits), [one.chooser for one in self.active])
        scores = self._scores(logits, tokens)
        pieces = [(one, self._piece(one, score)) for one, score in zip(self.active, scores, strict=True)]
        self._leave([one for one, piece in pieces if piece.finish])
        return [(one.key, piece) for one, piece in pieces]

    def _check(self, prompt: Sequence[int], sampling: Sampling) -> None:
        total = len(prompt) + sampling.max_new_tokens
        most = min(self.most_tokens, self.model.context + 1)  # the last token is predicted and never read
        if not prompt:
            raise UserError("The prompt is empty. Give at least one token.")
        if not all(0 <= token < self.vocabulary for token in prompt):
            raise UserError(
                f"The prompt has a token that the model does not know. Tokens are 0 to {self.vocabulary - 1}."
            )
        if sampling.max_new_tokens < 1:
            raise UserError(f"{sampling.max_new_tokens} new tokens are asked for. Ask for at least 1.")
        if total > most:
            raise UserError(
                f"The prompt has {len(prompt):,} tokens and {sampling.max_new_tokens:,} more are asked for, and at "
                f"most {most:,} fit together. Shorten the prompt or ask for fewer."
            )

    def _joining(self) -> Iterator[list[_Sequence]]:
        """Those for which there is room, in groups that are read together."""
        taken: list[_Sequence] = []
        longest = max((one.most_tokens for one in self.active), default=0)
        while self.waiting:
            longest = max(longest, self.waiting[0].most_tokens)
            if longest * (len(self.active) + len(taken) + 1) > self.most_tokens:
                break
            taken.append(self.waiting.popleft())
        for group in by_length([len(one.prompt) for one in taken], TOKENS_A_BATCH):
            yield [taken[place] for place in group]

    def _allowed(self, logits: torch.Tensor) -> torch.Tensor:
        """The logits with what a grammar rules out at minus infinity."""
        if not any(one.constraint for one in self.active):
            return logits
        allowed = logits.clone()
        for row, one in enumerate(self.active):
            if one.constraint is None:
                continue
            mask = one.constraint.allowed()
            if mask is not None:
                allowed[row, ~mask.to(allowed.device)] = -torch.inf
        return allowed

    def _scores(self, logits: torch.Tensor, tokens: list[int]) -> list[TokenScore]:
        """Of the model as it is: before temperature, nucleus and grammar."""
        logs = torch.log_softmax(logits, -1)
        chosen = logs.gather(1, torch.tensor(tokens, device=logs.device)[:, None])[:, 0].tolist()
        most = max(one.sampling.top_logprobs for one in self.active)
        values, places = (part.tolist() for part in logs.topk(min(most, logs.shape[1]), -1))
        return [
            TokenScore(
                token,
                self._text(token),
                chosen[row],
                tuple(
                    (self._text(place), value)
                    for value, place in zip(values[row], places[row], strict=True)
                )[: self.active[row].sampling.top_logprobs],
            )
            for row, token in enumerate(tokens)
        ]  # fmt: skip

    def _text(self, token: int) -> str:
        text: str = self.model.tokenizer.decode([token])
        return text

    def _piece(self, one: _Sequence, score: TokenScore) -> Piece:
        if one.constraint and one.constraint.error:  # its neighbors go on
            return Piece("", (), "stop", error=one.constraint.error)
        if score.token == self.model.end_token:
            text, tokens = one.written.end()
            return Piece(text, (*tokens, score), "stop")
        text, tokens, stopped = one.written.add(score)
        if stopped:
            return Piece(text, tokens, "stop")
        if one.constraint and not one.constraint.take(score.token):
            return Piece(text, tokens, "stop", error=one.constraint.error)
        complete = one.constraint is not None and one.constraint.is_complete
        if not complete and len(one.written.tokens) < one.sampling.max_new_tokens:
            return Piece(text, tokens, None)
        rest, others = one.written.end()
        return Piece(text + rest, tokens + others, "stop" if complete else "length")

    def _leave(self, gone: Sequence[_Sequence]) -> None:
        if gone:
            rows = [row for row, one in enumerate(self.active) if not any(one is other for other in gone)]
            self.active = [self.active[row] for row in rows]
            self.batch.keep(rows)


def _batch(model: LanguageModel, kept_tokens: int) -> Batch:
    """Padded rows where the model takes them and answers as it does alone; one sequence after another elsewhere."""
    if not takes_trees(model.network.config):
        model.warn("This model has layers that cannot look through a mask: texts are written one by one, more slowly.")
        return SingleSequences(model.network)
    if not pads_well(model.network):
        model.warn("Padded batches do not fit this model: texts are written one by one, more slowly.")
        return SingleSequences(model.network)
    return PaddedBatch(model.network, kept_tokens)


@torch.no_grad()
def pads_well(network: torch.nn.Module) -> bool:
    """Whether sequences of unequal lengths, one of which joins later, get the logits that each gets alone. A mask that
    a model passes over gives wrong texts without any error."""
    tokens = [3 + place % 7 for place in range(PROBE)]
    texts = [tokens, tokens[: PROBE // 2], tokens[1:PROBE]]
    with in_float32(network):  # type: ignore[arg-type]
        batch = PaddedBatch(network, 0)
        batch.join([text[:-1] for text in texts[:2]])
        batch.advance([text[-1] for text in texts[:2]])
        batch.join([texts[2]])
        found = batch.advance([5] * 3).float().log_softmax(-1)
        for row, text in enumerate(texts):
            ids = torch.tensor([[*text, 5]], device=found.device)
            alone = network(input_ids=ids, use_cache=False).logits[0, -1].float().log_softmax(-1)
            tolerance = 10 * TOLERANCE.get(network.dtype, 5e-2)  # type: ignore[call-overload]
            # Not `>`: a NaN must not pass.
            if not float((found[row] - alone).abs().mean()) <= tolerance:
                return False
    return True
