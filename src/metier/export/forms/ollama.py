"""A GGUF file with a Modelfile for Ollama."""

from dataclasses import dataclass

from metier.engine.models.context_length import context_of
from metier.engine.models.gguf.writer import QUANTIZATIONS
from metier.engine.models.model import LanguageModel, tokens_only
from metier.errors import UserError
from metier.export.forms import FOLDER, ExportLike, ExportRequest, Written
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

    def write(self, request: ExportRequest) -> Written:
        model = tokens_only(request.run.recipe.model, request.run.progress.warn)
        template = _template(request, model)
        file = write_file(request)
        write_text(request.folder / "Modelfile", _modelfile(request, file.name, template, model))
        name = request.name.lower()
        command = f"ollama create {name} --file {FOLDER}/Modelfile && ollama run {name} 'TEXT'"
        return Written(f"A GGUF file ({request.quantization}) for Ollama", "gguf", command, details={"file": file.name})


def _modelfile(request: ExportRequest, file: str, template: str, model: LanguageModel) -> str:
    prompting = request.prompting[0]
    stops = [*(prompting["stop"] or ([] if prompting["chat_template"] else ["\n"])), str(model.tokenizer.eos_token)]
    lines = [
        f"FROM ./{file}",
        f'TEMPLATE """{template}"""',
        "PARAMETER temperature 0",
        f"PARAMETER num_predict {prompting['max_new_tokens']}",
        f"PARAMETER num_ctx {min(context_of(model.config, model.tokenizer), MOST_CONTEXT)}",
        *(f"PARAMETER stop {_quoted(stop)}" for stop in stops),
    ]
    if request.origin.license:
        lines.append(f'LICENSE """{request.origin.license}"""')
    return "\n".join(lines) + "\n"


def _template(request: ExportRequest, model: LanguageModel) -> str:
    """The run's prompt in Go's template language, with `.Prompt` where the text stands; of a prompt with several
    columns, or with examples that depend on the row, `.Prompt` alone: whoever asks fills them in."""
    benchmark, prompting = request.benchmarks[0], request.prompting[0]
    alone = prompting["columns"] == ["text"] and not prompting["fewshot"]
    prompt = prompting["examples"] + prompting["prompt"].replace("{text}", MARK) if alone else MARK
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
    """As Ollama quotes a value itself (its parser/parser.go). Its parser knows no escapes."""
    if '"""' in text:
        raise UserError('A stop text holds """, which ends a value in a Modelfile. Export the run as `gguf`.')
    return f'"""{text}"""' if '"' in text else f'"{text}"'
