"""Texts that keep to a grammar, by llguidance: before each token, which ones are allowed."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from metier.errors import UserError, shortened

if TYPE_CHECKING:
    from llguidance import LLMatcher, LLTokenizer

MOST_CHARACTERS = 100_000
"""Of a JSON schema; a larger one could keep the model waiting for seconds."""
WHITE_SPACE = r"[ \n]{0,8}"
"""Between the parts of a JSON text. Bounded: some models write spaces without end where nothing else is allowed."""
PANIC = "PanicException"
"""What a bug in llguidance raises, which is no `Exception`; 1.9.1 does over some schemas with letters beyond ASCII."""
ANY_OBJECT = {"type": "object"}


@dataclass(frozen=True)
class Grammar:
    """What a text must keep to."""

    source: str
    """As llguidance reads it."""

    @classmethod
    def of_schema(cls, schema: Mapping[str, Any]) -> "Grammar":
        """JSON by a schema. Raises `UserError` where the schema is invalid, too large, or asks for what llguidance
        cannot hold a text to."""
        from llguidance import LLMatcher

        try:
            text = json.dumps(schema)
        except RecursionError as error:
            raise UserError("The JSON schema is nested too deeply. Give a flatter one.") from error
        if len(text) > MOST_CHARACTERS:
            raise UserError(
                f"The JSON schema has {len(text):,} characters, and at most {MOST_CHARACTERS:,} are taken. Give a "
                "smaller one."
            )
        try:
            source = LLMatcher.grammar_from_json_schema(text, overrides={"whitespace_pattern": WHITE_SPACE})
            fault = LLMatcher.validate_grammar(source, None, limits=_limits())
        except ValueError as error:
            raise _invalid(str(error)) from error
        except BaseException as error:
            if type(error).__name__ != PANIC:
                raise
            raise _invalid("it is no JSON schema that can be read") from error
        if fault:
            raise _invalid(fault)
        return cls(source)

    @classmethod
    def of_json(cls) -> "Grammar":
        """Any JSON object."""
        return cls.of_schema(ANY_OBJECT)


class Constraint:
    """One text that grows by a grammar."""

    def __init__(self, matcher: "LLMatcher", rows: int) -> None:
        self.matcher, self.rows = matcher, rows

    def allowed(self) -> torch.Tensor | None:
        """(vocabulary,) whether each token may come next; None where the grammar got too complex (`error`)."""
        bits = np.frombuffer(self.matcher.compute_bitmask(), dtype=np.uint8)
        if self.matcher.is_error():
            return None
        mask = np.zeros(self.rows, dtype=bool)
        known = np.unpackbits(bits, bitorder="little")[: self.rows]
        mask[: len(known)] = known
        return torch.from_numpy(mask)

    def take(self, token: int) -> bool:
        """Whether the token could be taken; `error` says why not."""
        return bool(self.matcher.consume_token(token))

    @property
    def error(self) -> str | None:
        """Why the text cannot go on."""
        return str(_invalid(self.matcher.get_error())) if self.matcher.is_error() else None

    @property
    def is_complete(self) -> bool:
        """Whether nothing can come behind the text but its end."""
        return bool(self.matcher.is_stopped())


class Constraints:
    """Grammars over one model's tokens. `rows`: tokens that the model gives logits for."""

    def __init__(self, tokenizer: Any, rows: int) -> None:
        self.tokenizer, self.rows = tokenizer, rows

    @cached_property
    def _tokens(self) -> "LLTokenizer":
        """Takes a second with 50,000 tokens, so it is made when the first grammar comes."""
        from llguidance.hf import from_tokenizer

        try:
            return from_tokenizer(self.tokenizer, n_vocab=max(self.rows, len(self.tokenizer)))
        except ValueError as error:
            raise UserError(
                f"The tokenizer of this model cannot be held to a grammar: {error}. Ask without a JSON schema."
            ) from error

    def begin(self, grammar: Grammar) -> Constraint:
        """Raises `UserError` where the grammar is invalid or too large."""
        from llguidance import LLMatcher

        matcher = LLMatcher(self._tokens, grammar.source, log_level=0, limits=_limits())
        if matcher.is_error():
            raise _invalid(matcher.get_error())
        return Constraint(matcher, self.rows)


def _limits() -> Any:
    """llguidance's own bounds on time and memory, without the state of the parser in messages."""
    from llguidance import LLParserLimits

    return LLParserLimits(verbose_errors=False)


def _invalid(fault: str) -> UserError:
    return UserError(f"The JSON schema cannot be used: {shortened(' '.join(fault.split()), 300)}. Give another one.")
