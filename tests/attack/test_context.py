"""Questions and rows longer than what the model reads at once are refused before training, or counted."""

from dataclasses import replace

import pytest

from metier.data.records import Question
from metier.engine.models.context_length import STATED_LIMIT, context_of
from metier.engine.models.model import load, tokens_only
from metier.errors import Problems, UserError
from metier.evaluation.context_check import check_context
from metier.evaluation.scorers._room import fitted
from metier.recipes import plugins
from metier.recipes.schema import load as load_recipe
from tests.tiny import write_lines, write_triage

LONG = "skin rash " * 400
"""4,000 tokens of the fake model, which reads 2,048."""

LABELS = ["cardiology", "dermatology"]


@pytest.fixture
def recipe(tmp_path):
    """A recipe whose test holds one question that does not fit."""
    path = write_triage(tmp_path)
    rows = [{"note": LONG, "department": "dermatology", "patient": "z"}]
    rows += [{"note": f"heart {n}", "department": "cardiology", "patient": f"y{n}"} for n in range(4)]
    write_lines(tmp_path / "test.jsonl", rows)
    return load_recipe(path)


def asked(recipe, **settings):
    [benchmark] = recipe.build_benchmarks()
    benchmark = replace(benchmark, **settings)
    return [(benchmark, benchmark.questions(), LABELS)]


def test_questions_that_do_not_fit_are_refused_with_their_number(recipe):
    with pytest.raises(Problems, match="1 of the 5 questions of benchmark 'triage' do not fit.*2,048 tokens"):
        check_context(tokens_only("fake"), recipe.build_methods(), asked(recipe))


def test_questions_that_are_cut_are_counted(recipe):
    truncated = asked(recipe, too_long="truncate")
    assert check_context(tokens_only("fake"), recipe.build_methods(), truncated) == {"triage": 1}


@pytest.mark.parametrize("scorer", ["label", "generate"])
def test_a_prompt_is_cut_at_its_beginning_and_the_answer_keeps_its_room(recipe, scorer):
    [(benchmark, questions, _)] = asked(recipe, too_long="truncate", scorer=scorer)
    model = load("fake")
    asking = benchmark.build_scorer().ask(model, benchmark, questions, LABELS)
    whole = model.read(benchmark.render(questions[0]))[1]
    prompts, cut = fitted(model, benchmark, ["a"], [whole], [12])
    assert (asking.truncated, cut) == (1, 1)
    assert prompts == [whole[len(whole) - 2049 + 12 :]]
    answers = [answer for batch in asking.batches for answer in asking.answer(batch)]
    assert len(answers) == 5


def test_an_answer_longer_than_the_context_cannot_be_made_to_fit(recipe):
    [(benchmark, _, _)] = asked(recipe, too_long="truncate")
    with pytest.raises(UserError, match="do not fit"):
        fitted(tokens_only("fake"), benchmark, ["a"], [[1, 2]], [2049])


def test_rows_longer_than_the_context_are_refused_before_training(recipe):
    [(name, method)] = recipe.build_methods()
    method.max_length = 4096
    with pytest.raises(Problems, match=r"'sft' learns from rows of up to 4,096 tokens.*max_length: 2048"):
        check_context(tokens_only("fake"), [(name, method)], [])


def test_a_text_longer_than_the_context_has_a_loss_in_pieces():
    model = load("fake")
    model.config.max_position_embeddings = 64
    scorer = model.losses([list(range(1, 200))])
    [(nats, tokens)] = scorer.score([0])
    assert tokens == 198 and nats > 0 and scorer.window == 64


def test_a_model_that_states_no_context_has_the_stated_limit():
    class Config:
        max_position_embeddings: object = None
        model_max_length = 10**30

        def get_text_config(self):
            return self

    assert context_of(Config(), Config()) == STATED_LIMIT
    for nonsense in (-5, 0, True, "many"):
        Config.max_position_embeddings = nonsense
        assert context_of(Config(), Config()) == STATED_LIMIT
    Config.model_max_length = 512
    assert context_of(Config(), Config()) == 512


def test_training_says_what_does_not_fit_before_it_begins(recipe, tmp_path):
    from metier.runs.progress import Progress
    from metier.runs.run import open_run
    from metier.stages.curate import curate
    from metier.stages.train import train

    run = open_run(tmp_path / "run", recipe, Progress())
    curate(run)
    with pytest.raises(Problems, match="do not fit"):
        train(run)
    assert not list((tmp_path / "run" / "train").glob("01-*/adapter"))


def test_other_words_for_too_long_are_refused(recipe):
    [(benchmark, _, _)] = asked(recipe)
    with pytest.raises(Problems, match="cannot take too_long: 'cut'. There are: refuse, truncate."):
        plugins.construct(benchmark, "benchmark 'triage'", {"too_long": "cut"})


def test_a_question_of_a_megabyte_is_counted_and_not_computed(recipe):
    [(benchmark, _, _)] = asked(recipe)
    question = Question("a", "x" * 1_000_000, "cardiology")
    with pytest.raises(Problems, match="1 of the 1 questions"):
        check_context(tokens_only("fake"), [], [(benchmark, [question], LABELS)])
