"""Instruction and preference data of other tools: our columns come out, and what does not fit says why."""

import pytest

from metier.data.converter import ConversionError
from metier.recipes import plugins


def columns(name, row):
    return plugins.build("converters", name, {}).columns(row)


def turn(role, content):
    return {"role": role, "content": content}


ASKED, ANSWERED = turn("user", "Fever?"), turn("assistant", "38.5")


def test_a_question_that_stands_alone_is_its_own_text():
    assert columns("messages", {"messages": [ASKED, ANSWERED]}) == {
        "text": "Fever?",
        "label": "38.5",
        "messages": [ASKED, ANSWERED],
    }


def test_what_stands_before_the_last_answer_is_the_text():
    chat = [turn("system", "Be brief."), ASKED, ANSWERED, turn("user", "Since?"), turn("assistant", "Monday")]
    found = columns("messages", {"messages": chat})
    assert found["text"] == "System: Be brief.\nUser: Fever?\nAssistant: 38.5\nUser: Since?"
    assert found["label"] == "Monday" and found["messages"] == chat


@pytest.mark.parametrize(
    ("messages", "why"),
    [
        (None, "no list of turns in 'messages'"),
        ([], "no list of turns in 'messages'"),
        (["hello"], "turn 1 of 'messages' no object"),
        ([turn("robot", "x")], "turn 1 of 'messages' the role 'robot'. There are: system, user, assistant."),
        ([turn(["user"], "x")], "the role \\['user'\\]"),
        ([ASKED, turn("assistant", None)], "turn 2 of 'messages' no text"),
        ([turn("user", [{"type": "text", "text": "x"}])], "turn 1 of 'messages' no text"),
        ([ASKED], "has no answer"),
        ([ANSWERED], "nothing before its answer"),
        ([ASKED, turn("assistant", " ")], "empty answer"),
    ],
)
def test_messages_that_do_not_fit_say_why(messages, why):
    with pytest.raises(ConversionError, match=why):
        columns("messages", {"messages": messages})


def test_prompt_and_completion_come_as_texts_or_as_turns():
    assert columns("prompt_completion", {"prompt": "The sky is", "completion": " blue."}) == {
        "text": "The sky is",
        "label": " blue.",
    }
    found = columns("prompt_completion", {"prompt": [ASKED], "completion": [ANSWERED]})
    assert (found["text"], found["label"], found["messages"]) == ("Fever?", "38.5", [ASKED, ANSWERED])


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"prompt": "x"}, "no text in 'completion'"),
        ({"prompt": "x", "completion": " "}, "no text in 'completion'"),
        ({"prompt": [ASKED], "completion": "x"}, "no text in 'prompt'"),
        ({"prompt": [ASKED, ANSWERED], "completion": [ASKED]}, "no answer"),  # not the prompt's own answer
    ],
)
def test_prompts_without_a_completion_say_why(row, why):
    with pytest.raises(ConversionError, match=why):
        columns("prompt_completion", row)


def test_the_input_of_alpaca_stands_below_the_instruction():
    row = {"instruction": "Sum up.", "input": "Long text", "output": "Short"}
    assert columns("alpaca", row) == {"text": "Sum up.\n\nLong text", "label": "Short"}
    for empty in ("", " ", None):
        assert columns("alpaca", {**row, "input": empty})["text"] == "Sum up."


@pytest.mark.parametrize(
    ("change", "why"),
    [({"output": ""}, "'output'"), ({"instruction": 7}, "'instruction'"), ({"input": ["x"]}, "than text in 'input'")],
)
def test_alpaca_rows_that_do_not_fit_say_why(change, why):
    with pytest.raises(ConversionError, match=why):
        columns("alpaca", {"instruction": "Sum up.", "output": "Short", **change})


def test_sharegpt_becomes_messages():
    said = [{"from": "system", "value": "Be brief."}, {"from": "human", "value": "Fever?"}]
    found = columns("sharegpt", {"conversations": [*said, {"from": "gpt", "value": "38.5"}]})
    assert found == {
        "text": "System: Be brief.\nUser: Fever?",
        "label": "38.5",
        "messages": [turn("system", "Be brief."), ASKED, ANSWERED],
    }


@pytest.mark.parametrize(
    ("conversations", "why"),
    [
        ("hello", "no list of turns in 'conversations'"),
        ([], "no list of turns in 'conversations'"),
        ([{"from": "tool", "value": "x"}], "turn 1 of 'conversations' a turn from 'tool'. There are: human, gpt"),
        ([{"from": ["human"], "value": "x"}], "a turn from"),
        ([{"from": "human", "value": 3}], "turn 1 of 'conversations' no text"),
        ([{"from": "human", "value": "x"}], "has no answer"),
    ],
)
def test_sharegpt_rows_that_do_not_fit_say_why(conversations, why):
    with pytest.raises(ConversionError, match=why):
        columns("sharegpt", {"conversations": conversations})


WORSE = turn("assistant", "dunno")
PREFERRED = {"text": "Fever?", "chosen": "38.5", "rejected": "dunno"}


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "Fever?", "chosen": "38.5", "rejected": "dunno"},
        {"prompt": [ASKED], "chosen": [ANSWERED], "rejected": [WORSE]},
        {"chosen": [ASKED, ANSWERED], "rejected": [ASKED, WORSE]},
        {"prompt": "Fever?", "chosen": [ASKED, ANSWERED], "rejected": [ASKED, WORSE]},
    ],
    ids=["texts", "turns", "prompt within", "prompt twice"],
)
def test_preferences_come_in_four_ways(row):
    assert columns("preference", row) == PREFERRED


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"chosen": "The sky is blue", "rejected": "The sky is black"}, "no text in 'prompt'"),
        ({"prompt": "x", "chosen": "y"}, "no text in 'rejected'"),
        ({"prompt": "x", "chosen": [ASKED, ANSWERED], "rejected": "y"}, "no text in 'chosen'"),
        ({"chosen": [ASKED, ANSWERED], "rejected": [turn("user", "Pain?"), WORSE]}, "two different prompts"),
        ({"prompt": [ASKED, ANSWERED], "chosen": [ASKED], "rejected": [WORSE]}, "no answer"),
        ({"prompt": [ASKED], "chosen": [], "rejected": [WORSE]}, "no list of turns in 'chosen'"),
    ],
)
def test_preferences_that_do_not_fit_say_why(row, why):
    with pytest.raises(ConversionError, match=why):
        columns("preference", row)
