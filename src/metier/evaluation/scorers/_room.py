"""Whether a question and its answer fit into what the model reads at once."""

from collections.abc import Sequence

from metier.errors import shown
from metier.evaluation.scoring import BenchmarkLike, ModelLike, TooLong


def fitted(
    model: ModelLike, benchmark: BenchmarkLike, ids: Sequence[str], prompts: Sequence[list[int]], answers: Sequence[int]
) -> tuple[list[list[int]], int]:
    """(the prompts in tokens, how many of them were truncated on the left).

    `answers`: the most tokens that stand behind each prompt, of which the last is predicted and not read. Raises
    `TooLong` where a prompt and its answer have more tokens than the model's context, unless the benchmark says
    `too_long: truncate`.
    """
    most = model.context + 1
    long = [at for at, tokens in enumerate(prompts) if len(tokens) + answers[at] > most]
    if not long:
        return list(prompts), 0
    worst = max(long, key=lambda at: len(prompts[at]) + answers[at])
    size = f"{len(prompts[worst]):,} tokens and {answers[worst]:,} for its answer"
    if benchmark.too_long != "truncate" or max(answers) >= most:
        raise TooLong(
            f"{len(long):,} of the {len(prompts):,} questions of benchmark '{benchmark.name}' do not fit into the "
            f"model's context of {model.context:,} tokens; the longest, {shown(ids[worst])}, has {size}. Shorten them, "
            "name a model with a longer context, or write `too_long: truncate` to cut their beginning."
        )
    # Counted from the front, for with no room left tokens[-0:] would be the whole prompt.
    starts = [max(0, len(tokens) + answer - most) for tokens, answer in zip(prompts, answers, strict=True)]
    return [tokens[start:] for tokens, start in zip(prompts, starts, strict=True)], len(long)
