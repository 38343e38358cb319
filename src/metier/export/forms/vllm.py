"""Merged weights for vLLM."""

from dataclasses import dataclass

from metier.export.forms import FOLDER, ExportLike, Order, Written
from metier.export.forms._ask import with_openai
from metier.export.forms.merged import write_merged
from metier.runs.files import write_text


@dataclass
class Export(ExportLike):
    """Merged weights, the command that serves them with vLLM, and a program that asks with the label set."""

    def write(self, order: Order) -> Written:
        dtype = write_merged(order)
        example = with_openai(order.asked[0], order.name)
        write_text(order.folder / "ask.py", example)
        command = f"vllm serve {FOLDER} --served-model-name {order.name} --dtype {dtype}"
        return Written("Merged weights for vLLM", "vllm", command, example, details={"dtype": dtype})
