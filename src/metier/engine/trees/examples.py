"""What is trained on: a prompt that stands once, and the answers behind it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Example:
    """Token lists: what the model reads, and the answers it learns or weighs, each with its end token.

    One answer in supervised tuning, two where one is preferred, a whole label set where risk is minimized. The prompt
    has at least one token, and so has each answer.
    """

    prompt: list[int]
    answers: tuple[list[int], ...]
    kind: str = ""
    """What the row is, in words that a reader of the loss curve knows: each kind has a curve of its own."""

    def __len__(self) -> int:
        """Tokens that the plain way reads: the prompt again for each answer."""
        return sum(len(self.prompt) + len(answer) for answer in self.answers)
