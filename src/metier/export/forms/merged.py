"""Merged weights: the tuned model as one set of safetensors."""

from dataclasses import dataclass

from metier.export.forms import FOLDER, ExportLike, ExportRequest, Written
from metier.export.forms._programs import argument, why_no_program, with_transformers
from metier.runs.files import write_text

LOAD = (
    f"cd {FOLDER} && python -c 'from transformers import AutoModelForCausalLM as Model; Model.from_pretrained(\".\")'"
)


@dataclass
class Export(ExportLike):
    """The tuned model as safetensors with its tokenizer, in the type that it was evaluated in."""

    def write(self, request: ExportRequest) -> Written:
        dtype = write_merged(request)
        prompting, details = request.prompting[0], {"dtype": dtype}
        if note := why_no_program(prompting):
            return Written("Merged weights", "transformers", LOAD, note=note, details=details)
        example = with_transformers(prompting)
        write_text(request.folder / "ask.py", example)
        command = f"python {FOLDER}/ask.py {argument(prompting)}"
        return Written("Merged weights", "transformers", command, example, details=details)


def write_merged(request: ExportRequest) -> str:
    """Write model and tokenizer; returns the type of the weights."""
    from metier.engine.models.model import load

    model = load(request.run.recipe.model, request.tuned, request.run.progress.warn)
    # The library writes down where it found the base model, which is a place on this machine.
    model.network.config._name_or_path = request.origin.hub_id or request.origin.name
    model.network.save_pretrained(request.folder, safe_serialization=True)
    model.tokenizer.save_pretrained(request.folder)
    return str(model.network.dtype).removeprefix("torch.")
