"""Merged weights for vLLM."""

from dataclasses import dataclass

from metier.export.forms import FOLDER, ExportLike, ExportRequest, Written
from metier.export.forms._programs import why_no_program, with_openai
from metier.export.forms.merged import write_merged
from metier.runs.files import write_text


@dataclass
class Export(ExportLike):
    """Merged weights, the command that serves them with vLLM, and a program that asks with the label set."""

    def write(self, request: ExportRequest) -> Written:
        dtype = write_merged(request)
        prompting = request.prompting[0]
        note = why_no_program(prompting)
        example = "" if note else with_openai(prompting, request.name)
        if example:
            write_text(request.folder / "ask.py", example)
        command = f"vllm serve {FOLDER} --served-model-name {request.name} --dtype {dtype}"
        return Written("Merged weights for vLLM", "vllm", command, example, note, details={"dtype": dtype})
