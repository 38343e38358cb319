"""Reinforcement learning of a LoRA adapter: sample answers, learn those that are worth more than their group."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal

from annotated_types import Interval

from metier.data.records import Question
from metier.data.records import questions as read_questions
from metier.engine.rl.rewards import Reward, of_benchmarks, of_costs, of_scorer
from metier.engine.training.context import TrainingContext
from metier.errors import Problems, UserError
from metier.evaluation.benchmark import Benchmark
from metier.evaluation.costs import cost_problems
from metier.evaluation.scorers.choice import Scorer as Choice
from metier.methods._tuning import LearningRate, Tuning
from metier.recipes.settings import PositiveCount, Weight
from metier.runs import distributed

if TYPE_CHECKING:
    from metier.engine.models.model import LanguageModel


@dataclass
class Method(Tuning):
    """GRPO (Shao et al. 2024) by TRL: of a group of answers to one question, those above the group's mean reward become
    likelier and the others less likely. The reward is any scorer, several of them, or what a mistake costs.

    Where all answers can be listed, the method `min_risk` computes the expected reward instead of sampling it.
    """

    steps: Annotated[int, Interval(ge=0, le=1_000_000)] = 100
    """Steps of `prompts_per_step` questions each; 0: as many as `epochs` takes."""
    prompts_per_step: Annotated[int, Interval(ge=1, le=10_000)] = 4
    """Questions per step."""
    num_generations: Annotated[int, Interval(ge=2, le=1_000)] = 8
    """Answers sampled to each question; at least 2, since an answer is judged beside the others."""
    rewards: list[Any] = field(default_factory=list)
    """Scorers that reward an answer: names, or {name: {setting: value}}. Default: that of the row's benchmark."""
    weights: list[Annotated[float, Interval(ge=-1_000_000, le=1_000_000)]] = field(default_factory=list)
    """Weight of each of `rewards`, in their order. Default: 1 each."""
    costs: dict[str, float] = field(default_factory=dict)
    """What mistakes cost, in your own units: `right -> said: 5` or `miss_LABEL: 20`. The reward is minus the cost, as a
    share of the most expensive mistake's cost."""
    scale_rewards: Literal["", "group", "batch", "none"] = ""
    """What advantages are divided by: the standard deviation of rewards in the `group`, or in the `batch` (questions of
    one pass), or `none`. Default: group; with `costs` none, so that expensive mistakes weigh more."""
    temperature: Annotated[float, Interval(gt=0, le=100)] = 1.0
    """Sampling temperature. Higher gives more varied answers."""
    beta: Weight = 0.0
    """Pull towards the model before this method (KL divergence). Above 0 it forgets less, and takes longer."""
    max_new_tokens: Annotated[int, Interval(ge=0, le=100_000)] = 0
    """Longest answer, in tokens; 0: as the benchmark's scorer says, or as the longest right answer needs."""
    lr: LearningRate = 5e-5
    """Peak learning rate, reached after the warm-up; how it falls then: `lr_scheduler`."""
    batch_tokens: PositiveCount = 4096
    """Tokens that are learned from at a time; a step takes several such passes where its questions are long."""
    save_steps: PositiveCount = 20
    """Steps between checkpoints, from which a killed run continues."""

    def train(self, context: TrainingContext) -> dict[str, Any]:
        from metier.engine.rl import rollouts

        if distributed.count() > 1:
            raise UserError("grpo trains in one process: call `metier train` without torchrun for this recipe.")
        model = self.load(context)
        questions = self.questions(context)
        kinds = {task: context.benchmarks[task] for task, _ in questions}
        self._advise(kinds, context)
        earned = self.earned(questions, kinds)
        examples = self.examples(model, context)
        longest = self.max_new_tokens or longest_answer(model, questions, kinds)
        chosen = {"scale_rewards": self.scale_rewards or ("none" if self.costs else "group"), "max_new_tokens": longest}
        settings = {**vars(self), **chosen, "stop": common_stops(kinds), "seed": context.seed}
        score = [(reward.name, reward.weight, _of_position(reward, questions)) for reward in earned]
        plan = self.plan(len(questions), context.seed)
        cost, log = rollouts.train(
            model, examples, score, plan, self.lora(), settings, context.folder, context.progress, context.adapter
        )
        return cost | self.summary(log, [reward.name for reward in earned], context)

    def questions(self, context: TrainingContext) -> list[tuple[str, Question]]:
        """(task, question) of each labeled row. Raises `UserError` where there is none."""
        labeled = context.rows.filter(context.rows["label"].is_valid())
        if not len(labeled):
            raise UserError("There are no labeled rows to ask about. Name a dataset with a `label` column.")
        return list(zip(labeled["task"].to_pylist(), read_questions(labeled), strict=True))

    def earned(self, questions: Sequence[tuple[str, Question]], kinds: Mapping[str, Benchmark]) -> list[Reward]:
        """What is rewarded. Raises `UserError` where a reward cannot score a row's right answer."""
        weights = self.weights or [1.0] * len(self.rewards)
        rewards = [of_scorer(use, weight) for use, weight in zip(self.rewards, weights, strict=True)]
        if self.costs:
            rewards.append(self._costs(questions, kinds))
        return [reward.checked(questions) for reward in rewards or [of_benchmarks(kinds)]]

    def _costs(self, questions: Sequence[tuple[str, Question]], kinds: Mapping[str, Benchmark]) -> Reward:
        from metier.evaluation import costs

        if len(kinds) > 1:
            raise UserError(
                f"`costs` belong to one set of labels, and these rows are of {len(kinds)} tasks: "
                f"{', '.join(sorted(kinds))}. Name the rows of one of them with `datasets`."
            )
        (benchmark,) = kinds.values()
        labels = benchmark.labels or sorted({question.answer for _, question in questions})
        prices = costs.matrix(labels, self.costs)
        return of_costs(kinds, prices / max(prices.max(), 1e-12), labels)  # shares, as in min_risk: any currency is one

    def examples(self, model: "LanguageModel", context: TrainingContext) -> list[Any]:
        """The labeled rows with their right answer, in the rows' order. Raises `UserError` where there is no room."""
        from metier.engine.trees.examples import Example

        questions = self.questions(context)
        room = self.max_length - (self.max_new_tokens or longest_answer(model, questions, context.benchmarks))
        if room < 1:
            raise UserError(f"Sampled answers leave no room for a prompt in max_length {self.max_length}. Raise it.")
        examples, cut = [], 0
        for task, question in questions:
            benchmark = context.benchmarks[task]
            _, prompt = model.read(benchmark.render(question), benchmark.chat_template)
            right = [*model.answer(question.answer, benchmark.chat_template), model.end_token]
            examples.append(Example(prompt[-room:], (right,)))
            cut += len(prompt) > room
        if cut:
            context.progress.say(f"  {cut:,} of {len(examples):,} prompts were truncated on the left at {room} tokens")
        return examples

    def seconds(self, model: "LanguageModel", context: TrainingContext, rows: int) -> float:
        """Estimated time of all steps, sampling and learning, from a few measured ones."""
        from metier.engine.rl.sampling import sampling_seconds
        from metier.engine.training.estimate import training_seconds
        from metier.engine.trees.examples import Example

        examples, questions = self.examples(model, context), self.questions(context)
        kinds = {task: context.benchmarks[task] for task, _ in questions}
        if not self.costs or all(benchmark.labels for benchmark in kinds.values()):
            self.earned(questions, kinds)  # raises what is wrong with them
        longest = self.max_new_tokens or longest_answer(model, questions, context.benchmarks)
        draw = random.Random(0)
        answers = [
            tuple([draw.randrange(3, 200) for _ in range(longest)] for _ in range(self.num_generations))
            for _ in examples
        ]
        groups = [Example(example.prompt, own) for example, own in zip(examples, answers, strict=True)]
        questions_asked = len(self.plan(rows, 0))
        sampling = sampling_seconds(model, [example.prompt for example in examples], self.num_generations, longest)
        share = questions_asked / len(groups) / self.epochs
        return questions_asked * sampling + training_seconds(model, groups, self.lora(), self, share)

    def summary(self, log: list[dict[str, Any]], names: Sequence[str], context: TrainingContext) -> dict[str, Any]:
        """What a finished training earned, from the trainer's own log; warns of what the user should know."""
        from metier.engine.rl.rollouts import NO_SIGNAL, SILENT, UNSCORED, history

        mean, silent, lengths = (history(log, name) for name in ("reward", SILENT, "completions/mean_length"))
        part, sampled = max(1, len(mean) // 5), len(mean) * self.prompts_per_step * self.num_generations
        result: dict[str, Any] = {
            "reward_first_fifth": round(sum(mean[:part]) / part, 4),
            "reward_last_fifth": round(sum(mean[-part:]) / part, 4),
            "answers": sampled,
            "answer_tokens": round(sampled * sum(lengths) / len(lengths)),
            "tokens": int(history(log, "num_tokens")[-1]),
            SILENT: round(sum(silent) / len(silent), 4),
        }
        for name in names:
            shares = history(log, f"{UNSCORED}/{name}")
            result[f"{UNSCORED}_{name}"] = count = round(sampled * sum(shares) / len(shares))
            if count:
                context.progress.say(f"  {count:,} of {sampled:,} answers were left unscored by '{name}' and earned 0")
        if min(silent) == 1:
            result["warning"] = f"No step carried a signal: {NO_SIGNAL}"
            context.progress.say(f"  {result['warning']}")
        return result

    def plan(self, rows: int, seed: int) -> list[int]:
        """Positions of the rows of all steps: epoch after epoch, each shuffled by the seed."""
        steps = self.steps or max(1, self.epochs * rows // self.prompts_per_step)
        positions: list[int] = []
        while len(positions) < steps * self.prompts_per_step:
            order = list(range(rows))
            random.Random(f"grpo:{seed}:{len(positions)}").shuffle(order)
            positions += order
        return positions[: steps * self.prompts_per_step]

    def _advise(self, kinds: Mapping[str, Benchmark], context: TrainingContext) -> None:
        listed = [task for task, benchmark in kinds.items() if isinstance(benchmark.build_scorer(), Choice)]
        if listed and not self.rewards:
            context.progress.say(
                f"  All answers of {', '.join(sorted(listed))} can be listed: the method min_risk computes the "
                "expected reward or cost over all of them, where grpo only samples it."
            )

    def problems(self) -> list[str]:
        problems = super().problems()
        if self.tune == "full":
            problems.append("tune: grpo trains an adapter, not all weights. Use lora or qlora.")
        if self.average_ratio:
            problems.append("average_ratio: grpo keeps its last weights. Leave it out.")
        problems += cost_problems(self.costs)
        if self.weights and len(self.weights) != len(self.rewards):
            problems.append(f"weights: there are {len(self.weights)} for {len(self.rewards)} rewards.")
        for use in self.rewards:
            try:
                of_scorer(use)
            except Problems as error:
                problems += error.problems
            except UserError as error:
                problems.append(str(error))
        return problems


def longest_answer(
    model: "LanguageModel", questions: Sequence[tuple[str, Question]], kinds: Mapping[str, Benchmark]
) -> int:
    """Tokens to sample: as many as a scorer of these tasks allows, or the longest right answer and its end."""
    scorers = {task: kinds[task].build_scorer() for task in {task for task, _ in questions}}
    limits = [written.max_new_tokens for scorer in scorers.values() if (written := scorer.free_text())]
    right = {(task, q.answer) for task, q in questions if not scorers[task].free_text()}
    return max(limits + [len(model.answer(answer, kinds[task].chat_template)) + 1 for task, answer in right])


def common_stops(kinds: Mapping[str, Benchmark]) -> list[str]:
    """Where every task's answers end; a task without stop strings ends with the end token alone."""
    written = [benchmark.build_scorer().free_text() for benchmark in kinds.values()]
    stops = [set(one.stop if one else ()) for one in written]
    return sorted(set.intersection(*stops))


def _of_position(reward: Reward, questions: Sequence[tuple[str, Question]]) -> Callable[[int, str], float | None]:
    def score(position: int, text: str) -> float | None:
        task, question = questions[position]
        return reward.score(task, text, question)

    return score
