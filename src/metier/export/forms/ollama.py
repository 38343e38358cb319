"""A GGUF file with a Modelfile for Ollama."""

from dataclasses import dataclass

from metier.engine.models.context_length import context_of
from metier.engine.models.gguf.writer import QUANTIZATIONS
from metier.engine.models.model import LanguageModel, tokens_only
from metier.errors import UserError
from metier.export.forms import FOLDER, ExportLike, Order, Written
from metier.export.forms.gguf import write_file
from metier.runs.files import write_text

MARK = "metier-the-text-of-a-row"
"""Stands for the text while the run's prompt is rendered."""
MOST_CONTEXT = 8192
"""Ollama keeps memory for so many tokens from the start; a Modelfile can be edited."""


@dataclass
class Export(ExportLike):
    """A GGUF file with a Modelfile for Ollama: the run's prompt as template, stop texts, greedy answers."""

    quantizations = QUANTIZATIONS

    def write(self, order: Order) -> Written:
        model = tokens_only(order.run.recipe.model, order.run.progress.warn)
        template = _template(order, model)
        file = write_file(order)
        write_text(order.folder / "Modelfile", _modelfile(order, file.name, template, model))
        command = (
            f"ollama create {order.name.lower()} --file {FOLDER}/Modelfile && ollama run {order.name.lower()} 'TEXT'"
        )
        return Written(f"A GGUF file ({order.quantization}) for Ollama", "gguf", command, details={"file": file.name})


def _modelfile(order: Order, file: str, template: str, model: LanguageModel) -> str:
    asked = order.asked[0]
    stops = [*(asked["stop"] or ([] if asked["chat_template"] else ["\n"])), str(model.tokenizer.eos_token)]
    lines = [
        f"FROM ./{file}",
        f'TEMPLATE """{template}"""',
        "PARAMETER temperature 0",
        f"PARAMETER num_predict {asked['max_new_tokens']}",
        f"PARAMETER num_ctx {min(context_of(model.config, model.tokenizer), MOST_CONTEXT)}",
        *(f"PARAMETER stop {_quoted(stop)}" for stop in stops),
    ]
    if order.origin.license:
        lines.append(f'LICENSE """{order.origin.license}"""')
    return "\n".join(lines) + "\n"


def _template(order: Order, model: LanguageModel) -> str:
    """The run's prompt in Go's template language, with `.Prompt` where the text stands; of a prompt with several
    columns `.Prompt` alone: whoever asks fills them in."""
    benchmark, asked = order.benchmarks[0], order.asked[0]
    prompt = asked["prompt"].replace("{text}", MARK) if benchmark.prompt_columns() == {"text"} else MARK
    text, _ = model.read(prompt, benchmark.chat_template)
    begin = model.tokenizer.bos_token
    if begin and benchmark.chat_template and model.encode("a")[0] == model.tokenizer.bos_token_id:
        text = text.removeprefix(begin)  # llama.cpp puts it before every text
    if '"""' in text:
        raise UserError('The prompt holds """, which ends a template in a Modelfile. Export the run as `gguf`.')
    before, mark, after = text.partition(MARK)
    return _plain(before) + ("{{ .Prompt }}" if mark else "") + _plain(after)


def _plain(text: str) -> str:
    """Text that Go's templates show as it stands."""
    return text.replace("{{", '{{ "{{" }}')


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
