"""The adapter alone, as PEFT reads it."""

import json
import shutil
from dataclasses import dataclass

from metier.engine.models import loading, weights
from metier.engine.models.model_files import ADAPTER, TUNED_CONFIG, read_json
from metier.errors import UserError
from metier.export.forms import FOLDER, ExportLike, ExportRequest, Written
from metier.export.forms._programs import argument, why_no_program, with_transformers
from metier.runs.files import write_text

LOAD = f"cd {FOLDER} && python -c 'from peft import AutoPeftModelForCausalLM as Model; Model.from_pretrained(\".\")'"


@dataclass
class Export(ExportLike):
    """The LoRA adapter as PEFT reads it, with the tokenizer; the base model is named by its hub id or name."""

    def write(self, request: ExportRequest) -> Written:
        if weights.is_whole(request.tuned):
            raise UserError(f"{request.run.folder} trained all weights and has no adapter. Export it as `merged`.")
        for name in ADAPTER:
            shutil.copyfile(request.tuned / name, request.folder / name)
        base = request.origin.hub_id or request.origin.name
        config = {**read_json(request.folder / TUNED_CONFIG), "base_model_name_or_path": base}
        write_text(request.folder / TUNED_CONFIG, json.dumps(config, indent=2) + "\n")
        loading.tokenizer(weights.folder(request.run.recipe.model)).save_pretrained(request.folder)
        prompting, details = request.prompting[0], {"base_model": base}
        if note := why_no_program(prompting):
            return Written("An adapter", "peft", LOAD, note=note, details=details)
        example = with_transformers(prompting, base)
        write_text(request.folder / "ask.py", example)
        command = f"python {FOLDER}/ask.py {argument(prompting)}"
        return Written("An adapter", "peft", command, example, details=details)
