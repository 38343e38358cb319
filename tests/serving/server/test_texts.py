"""Chat, completions and extraction over loopback, asked by OpenAI's own client."""

import json
import time

import httpx2
import openai
import pytest
import torch
from openai import OpenAI

from tests.serving.server.texts_served import BENCHMARKS, TOKEN, made, serving

GOES_ON = {"max_tokens": 12, "temperature": 0}


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
    """(address, name -> what is served and what was saved)."""
    folder = tmp_path_factory.mktemp("texts")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("metier.engine.models.model.default_dtype", lambda: torch.float32)
        runs = {name: made(folder, name) for name in BENCHMARKS}
        with serving([one.served for one in runs.values()]) as address:
            yield address, runs


@pytest.fixture(scope="module")
def runs(everything):
    return everything[1]


@pytest.fixture(scope="module")
def client(everything):
    with OpenAI(base_url=f"{everything[0]}/v1", api_key=TOKEN, max_retries=0) as client:
        yield client


def refused(call, **asked):
    """The error object of a request that is not answered."""
    with pytest.raises(openai.UnprocessableEntityError) as error:
        call(**asked)
    assert set(error.value.body) == {"message", "type", "param", "code"}
    return error.value.body["message"]


def text_of(chunks):
    return "".join(choice.text for chunk in chunks for choice in chunk.choices)


@pytest.mark.parametrize("name", ["writes", "counts", "fields"])
def test_completions_give_the_saved_texts(name, client, runs):
    saved = runs[name].saved
    found = client.completions.create(model=name, prompt=[one.prompt for one in saved])
    assert [one.text for one in found.choices] == [one.completion for one in saved]
    assert [one.index for one in found.choices] == list(range(len(saved)))
    written = runs[name].served.benchmark.build_scorer().free_text()
    said = {"max_tokens": written.max_new_tokens, "temperature": 0, "stop": list(written.stop)}
    again = client.completions.create(model=name, prompt=saved[3].prompt, **said)
    assert again.choices[0].text == saved[3].completion
    assert again.model == name and again.model_sha256 == f"sha of {name}" and again.verdict == "SHIP"
    assert again.usage.total_tokens == again.usage.prompt_tokens + again.usage.completion_tokens
    assert again.usage.prompt_tokens == len(saved[3].prompt.encode())


def test_a_streamed_text_is_the_same_in_pieces(client, runs):
    prompt = runs["writes"].saved[0].prompt
    whole = client.completions.create(model="writes", prompt=prompt, logprobs=2, **GOES_ON)
    chunks = list(
        client.completions.create(
            model="writes", prompt=prompt, logprobs=2, stream=True, stream_options={"include_usage": True}, **GOES_ON
        )
    )
    assert text_of(chunks) == whole.choices[0].text and len(chunks) > 3
    assert chunks[-1].usage == whole.usage and not chunks[-1].choices
    assert [c.choices[0].finish_reason for c in chunks[:-1]][-1] == whole.choices[0].finish_reason
    for key in ("tokens", "token_logprobs", "text_offset", "top_logprobs"):
        parts = [part for chunk in chunks[:-1] for part in getattr(chunk.choices[0].logprobs, key)]
        if key in ("tokens", "text_offset"):
            assert parts == getattr(whole.choices[0].logprobs, key)


def test_several_streamed_texts_are_told_apart_by_their_index(client, runs):
    prompts = [one.prompt for one in runs["writes"].saved[:3]]
    chunks = list(client.completions.create(model="writes", prompt=prompts, stream=True))
    for index, one in enumerate(runs["writes"].saved[:3]):
        own = [c.choices[0] for c in chunks if c.choices[0].index == index]
        assert "".join(choice.text for choice in own) == one.completion and own[-1].finish_reason


def test_a_stop_string_ends_the_text_and_is_not_in_it(client, runs):
    prompt = runs["writes"].saved[0].prompt
    whole = client.completions.create(model="writes", prompt=prompt, **GOES_ON).choices[0]
    stop = whole.text[4:6]
    cut = client.completions.create(model="writes", prompt=prompt, stop=["never", stop], **GOES_ON).choices[0]
    assert cut.text == whole.text[: whole.text.find(stop)] and cut.finish_reason == "stop"
    chunks = client.completions.create(model="writes", prompt=prompt, stop=stop, stream=True, **GOES_ON)
    assert text_of(chunks) == cut.text
    assert client.completions.create(model="writes", prompt=prompt, **{**GOES_ON, "max_tokens": 2}).choices[0]
    assert "at most 16" in refused(
        client.completions.create, model="writes", prompt="a", stop=list("abcdefghijklmnopq")
    )


def test_a_seed_repeats_a_drawn_text(client):
    def drawn(seed, **how):
        asked = {"model": "writes", "prompt": "say", "max_tokens": 20, "temperature": 1.5, "seed": seed, **how}
        return client.completions.create(**asked).choices[0].text

    assert drawn(1) == drawn(1) != drawn(2)
    assert drawn(1, top_p=0.5) == drawn(1, top_p=0.5)


def test_what_lm_evaluation_harness_sends_gives_the_saved_log_likelihoods(client, runs):
    """The request of its `local-completions`, and how it reads the answer: `token_logprobs[ctxlen:-1]`."""
    run = runs["triage"]
    model, scorer = run.served.predictor.model, run.served.benchmark.build_scorer()
    for saved in run.saved[:4]:
        context = model.encode(saved.prompt)
        options = [model.answer(label) for label in run.served.labels]
        if scorer.ends(options):
            options = [[*option, model.end_token] for option in options]
        asked = {"temperature": 0, "max_tokens": 1, "logprobs": 1, "seed": 1234, "echo": True}
        found = client.completions.create(model="triage", prompt=[context + option for option in options], **asked)
        for option, wanted, choice in zip(options, saved.log_likelihoods, found.choices, strict=True):
            told = choice.logprobs
            assert told.token_logprobs[0] is None and told.top_logprobs[0] is None
            assert len(told.tokens) == len(context) + len(option) + 1
            assert sum(told.token_logprobs[len(context) : -1]) == pytest.approx(wanted, abs=1e-3)
            for value, top in zip(told.token_logprobs[1:], told.top_logprobs[1:], strict=True):
                assert value <= max(top.values())
        none = client.completions.create(
            model="triage", prompt=context + options[0], max_tokens=0, echo=True, logprobs=1
        ).choices[0]  # fmt: skip
        assert none.logprobs.token_logprobs == pytest.approx(found.choices[0].logprobs.token_logprobs[:-1], nan_ok=True)
        assert none.finish_reason == "length" and none.text == saved.prompt + " " + run.served.labels[0]


def test_echo_puts_the_prompt_before_the_text(client, runs):
    prompt = "é " + runs["writes"].saved[0].prompt
    asked = {"model": "writes", "prompt": prompt, "logprobs": 0, **GOES_ON}
    plain = client.completions.create(**asked).choices[0]
    echoed = client.completions.create(echo=True, **asked).choices[0]
    assert echoed.text == prompt + plain.text
    offsets = echoed.logprobs.text_offset
    assert offsets[:4] == [0, 0, 1, 2] and offsets == sorted(offsets) and offsets[-1] <= len(echoed.text)
    behind = echoed.logprobs.token_logprobs[len(prompt.encode()) :]
    assert behind == pytest.approx(plain.logprobs.token_logprobs, abs=1e-4)
    chunks = list(client.completions.create(echo=True, stream=True, **asked))
    assert text_of(chunks) == echoed.text
    assert [n for c in chunks for n in c.choices[0].logprobs.text_offset] == offsets


def test_a_chat_gives_the_saved_texts(client, runs):
    benchmark = runs["chats"].served.benchmark
    for question, one in zip(benchmark.questions()[:3], runs["chats"].saved, strict=False):
        messages = [{"role": "user", "content": benchmark.render(question)}]
        found = client.chat.completions.create(model="chats", messages=messages)
        assert found.choices[0].message.content == one.completion and found.choices[0].message.role == "assistant"
        assert found.model_sha256 == "sha of chats" and found.usage.completion_tokens > 0
        parts = [{"role": "user", "content": [{"type": "text", "text": benchmark.render(question)}]}]
        chunks = list(client.chat.completions.create(model="chats", messages=parts, stream=True))
        assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == one.completion
        assert chunks[0].choices[0].delta.role == "assistant" and chunks[-1].choices[0].finish_reason


def test_several_turns_go_through_the_template(client, runs):
    model = runs["chats"].served.predictor.model
    turns = [("developer", "be brief"), ("user", "a"), ("assistant", "b"), ("user", "c")]
    messages = [{"role": role, "content": content} for role, content in turns]
    asked = {"temperature": 0, "logprobs": True, "top_logprobs": 2, "seed": 5, "user": "x", "metadata": {"a": "b"}}
    found = client.chat.completions.create(model="chats", messages=messages, max_completion_tokens=5, **asked)
    prompt = model.tokenizer("<system>be brief<user>a<assistant>b<user>c<assistant>")["input_ids"]
    assert found.choices[0].message.content == model.texts([prompt], 5).score([0])[0][0]
    assert found.usage.prompt_tokens == len(prompt)
    told = found.choices[0].logprobs.content
    assert len(told) == 5 and all(len(one.top_logprobs) == 2 for one in told)
    assert all(one.logprob == pytest.approx(one.top_logprobs[0].logprob) for one in told), "greedy"
    assert all(one.bytes is None or bytes(one.bytes).decode() == one.token for one in told)


def test_the_models_turn_may_be_sent_back_as_it_came(client):
    messages = [{"role": "user", "content": "a"}]
    messages.append(client.chat.completions.create(model="chats", messages=messages, max_tokens=3).choices[0].message)
    messages.append({"role": "user", "content": "b"})
    found = client.chat.completions.create(model="chats", messages=messages, max_tokens=3)
    assert found.choices[0].message.content is not None
    extras = {"refusal": None, "tool_calls": [], "function_call": None, "audio": None, "annotations": []}
    messages[1] = {"role": "assistant", "content": "c", **extras}
    assert client.chat.completions.create(model="chats", messages=messages, max_tokens=3).choices
    messages[1]["tool_calls"] = [{"id": "1"}]
    assert "tool_calls" in refused(client.chat.completions.create, model="chats", messages=messages)


def test_a_schema_is_kept_to_in_chat_and_completions(client):
    schema = {
        "type": "object",
        "properties": {"a": {"enum": ["x", "yz"]}, "n": {"type": "integer", "minimum": 0, "maximum": 9}},
        "required": ["a", "n"],
        "additionalProperties": False,
    }
    form = {"type": "json_schema", "json_schema": {"name": "it", "schema": schema, "strict": True}}
    hot = {"temperature": 1.8, "max_tokens": 150, "response_format": form}
    for seed in range(3):
        found = client.chat.completions.create(
            model="chats", messages=[{"role": "user", "content": "give"}], seed=seed, **hot
        ).choices[0]  # fmt: skip
        it = json.loads(found.message.content)
        assert found.finish_reason == "stop" and it["a"] in ("x", "yz") and it["n"] in range(10) and len(it) == 2
    asked = {"model": "writes", "prompt": "give", "extra_body": {"response_format": {"type": "json_object"}}}
    assert client.completions.create(max_tokens=30, **asked).choices[0].text.startswith("{")
    bad = {"type": "json_schema", "json_schema": {"name": "it", "schema": {"type": "objekt"}}}
    message = refused(client.completions.create, model="writes", prompt="a", extra_body={"response_format": bad})
    assert "JSON schema cannot be used" in message


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"n": 2}, "one text a prompt"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "`tools` is not supported"),
        ({"logit_bias": {"5": 1}}, "`logit_bias` is not supported"),
        ({"presence_penalty": 0.5}, "`presence_penalty` is not supported"),
        ({"top_logprobs": 3}, "needs `logprobs: true`"),
        ({"max_tokens": 3, "max_completion_tokens": 3}, "mean the same"),
        ({"max_tokens": 100_000}, "fit together"),
        ({"extra_body": {"top_k": 3}}, "top_k"),
        ({"extra_body": {"temperature": 3}}, "temperature"),
    ],
)
def test_what_would_change_the_text_and_is_not_supported_is_refused(asked, message, client):
    turn = [{"role": "user", "content": "a"}]
    assert message in refused(client.chat.completions.create, model="chats", messages=turn, **asked)


def test_a_run_without_chat_template_says_what_to_use(client):
    turn = [{"role": "user", "content": "a"}]
    assert "/v1/completions" in refused(client.chat.completions.create, model="triage", messages=turn)
    harmless = {"n": 1, "presence_penalty": 0, "user": "me", "logit_bias": {}, "max_tokens": 2}
    assert client.completions.create(model="triage", prompt="a", **harmless).choices[0].text is not None


@pytest.mark.parametrize(
    ("prompt", "message"),
    [([], "empty"), ([[]], "empty"), ("", "empty"), ([999], "Tokens are 0 to 256"), ("x" * 3000, "fit together")],
)
def test_prompts_that_cannot_be_read_are_told(prompt, message, client):
    for how in ({}, {"stream": True}, {"echo": True, "logprobs": 1}):
        told = refused(client.completions.create, model="writes", prompt=prompt, **how)
        assert message in told or "reads 2,048" in told


def test_prompts_are_scored_in_groups_and_keep_their_order(client, runs, monkeypatch):
    prompts = [f"{n} " * 20 for n in (3, 1, 2, 1)]
    asked = {"model": "writes", "max_tokens": 0, "echo": True, "logprobs": 0}
    together = client.completions.create(prompt=prompts, **asked)
    monkeypatch.setattr("metier.engine.decoding.prompt_scores.TOKENS_A_TREE", 50)
    apart = client.completions.create(prompt=prompts, **asked)
    for one, other, prompt in zip(together.choices, apart.choices, prompts, strict=True):
        assert one.text == other.text == prompt
        assert one.logprobs.token_logprobs[1:] == pytest.approx(other.logprobs.token_logprobs[1:], abs=1e-4)


def test_the_tokens_of_a_request_are_bounded(client):
    prompts = [[1] * 1000] * 263
    for how in ({}, {"echo": True, "logprobs": 1}):
        assert "more than 262,144 tokens" in refused(client.completions.create, model="writes", prompt=prompts, **how)


def test_rows_become_objects_by_the_schema_of_the_right_answers(client, runs):
    texts = [question.text for question in runs["fields"].served.benchmark.questions()[:3]]
    found = client.post("/extract", body={"model": "fields", "texts": texts}, cast_to=object)
    properties = found["schema"]["properties"]
    assert found["schema_from"] == "right answers" and found["schema"]["required"] == ["size", "count", "tags"]
    assert properties["size"] == {"type": "string"} and properties["count"] == {"type": "number"}
    assert properties["tags"] == {"type": "array", "items": {"type": "string"}}
    assert len(found["answers"]) == 3 and found["verdict"] == "SHIP"
    assert all(one["answer"] or "did not end within 60 tokens" in one["reason"] for one in found["answers"])


def test_a_schema_of_ones_own_is_kept_to(client):
    schema = {
        "type": "object",
        "properties": {"size": {"enum": [8, 9]}, "new": {"type": "boolean"}},
        "required": ["size", "new"],
        "additionalProperties": False,
    }
    rows = [{"text": "a"}, {"text": "b"}]
    found = client.post("/extract", body={"model": "fields", "rows": rows, "schema": schema}, cast_to=object)
    assert found["schema"] == schema and found["schema_from"] == "request"
    assert all(one["answer"]["size"] in (8, 9) and one["answer"]["new"] in (True, False) for one in found["answers"])
    for body, message in (
        ({"model": "triage", "texts": ["a"]}, "Use /v1/classify"),
        ({"model": "fields", "texts": ["a"], "schema": {"type": "string"}}, "JSON objects"),
        ({"model": "fields", "texts": ["a"], "rows": rows}, "either"),
        ({"model": "fields", "rows": [{"words": "a"}]}, "no column 'text'"),
    ):
        assert message in refused(client.post, path="/extract", body=body, cast_to=object)


def test_a_reader_who_leaves_ends_the_work(client, everything):
    stream = client.completions.create(model="writes", prompt="a", max_tokens=1500, stream=True)
    next(iter(stream))
    stream.close()
    for _ in range(100):
        metrics = httpx2.get(f"{everything[0]}/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).text
        (waiting,) = [line.split()[-1] for line in metrics.splitlines() if line.startswith("metier_queue_rows ")]
        if float(waiting) == 0:
            break
        time.sleep(0.05)
    assert float(waiting) == 0
