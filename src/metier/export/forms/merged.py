"""Merged weights: the tuned model as one set of safetensors."""

from dataclasses import dataclass

from metier.export.forms import FOLDER, ExportLike, Order, Written
from metier.export.forms._ask import with_transformers
from metier.runs.files import write_text


@dataclass
class Export(ExportLike):
    """The tuned model as safetensors with its tokenizer, in the type that it was evaluated in."""

    def write(self, order: Order) -> Written:
        dtype = write_merged(order)
        example = with_transformers(order.asked[0])
        write_text(order.folder / "ask.py", example)
        return Written(
            "Merged weights",
            "transformers",
            f"python {FOLDER}/ask.py 'TEXT'",
            example,
            details={"dtype": dtype},
        )


def write_merged(order: Order) -> str:
    """Write model and tokenizer; returns the type of the weights."""
    from metier.engine.models.model import load

    model = load(order.run.recipe.model, order.tuned, order.run.progress.warn)
    # The library writes down where it found the base model, which is a place on this machine.
    model.network.config._name_or_path = order.origin.hub_id or order.origin.name
    model.network.save_pretrained(order.folder, safe_serialization=True)
    model.tokenizer.save_pretrained(order.folder)
    return str(model.network.dtype).removeprefix("torch.")
