"""The adapter alone, as PEFT reads it."""

import json
import shutil
from dataclasses import dataclass

from metier.engine.models import loading, weights
from metier.engine.models.model_files import ADAPTER, TUNED_CONFIG, read_json
from metier.errors import UserError
from metier.export.forms import FOLDER, ExportLike, Order, Written
from metier.export.forms._ask import with_transformers
from metier.runs.files import write_text


@dataclass
class Export(ExportLike):
    """The LoRA adapter as PEFT reads it, with the tokenizer; the base model is named by its hub id or name."""

    def write(self, order: Order) -> Written:
        if weights.is_whole(order.tuned):
            raise UserError(f"{order.run.folder} trained all weights and has no adapter. Export it as `merged`.")
        for name in ADAPTER:
            shutil.copyfile(order.tuned / name, order.folder / name)
        base = order.origin.hub_id or order.origin.name
        config = {**read_json(order.folder / TUNED_CONFIG), "base_model_name_or_path": base}
        write_text(order.folder / TUNED_CONFIG, json.dumps(config, indent=2) + "\n")
        loading.tokenizer(weights.folder(order.run.recipe.model)).save_pretrained(order.folder)
        example = with_transformers(order.asked[0], base)
        write_text(order.folder / "ask.py", example)
        return Written("An adapter", "peft", f"python {FOLDER}/ask.py 'TEXT'", example, details={"base_model": base})
