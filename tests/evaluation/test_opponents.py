"""What a recipe says of baselines: each has a folder of its own, and the seal holds what answers depend on."""

from metier.evaluation.opponents import BaselineUse, named_uses, sealed_uses

ENDPOINT = {"url": "https://example.org/v1", "model": "large", "key_env": "DESK_KEY", "price_in": 1.0}


def sealed(**settings):
    [found] = sealed_uses({"endpoint": BaselineUse("endpoint", {**ENDPOINT, **settings})})
    return found


def test_what_changes_no_answer_may_be_changed_after_the_plan_is_sealed():
    before = sealed(max_cost=1.0)
    how = {"retries": 9, "timeout_s": 9.0, "requests_per_minute": 9.0}
    assert before == sealed(max_cost=2.0, price_in=3.0, price_out=4.0, **how)
    assert before == sealed(key_env="OTHER_KEY") and "example.org" in before and "max_cost" not in before
    for changed in ({"model": "small"}, {"max_tokens": 9}, {"instruction": "Be brief."}, {"redact": True}):
        assert sealed(**changed) != before


def test_baselines_of_one_name_do_not_overwrite_each_other():
    found = named_uses(["a/mine.py", "b/mine.py", "tfidf", "local/tfidf.py", "local/tfidf-2.py", "c/Mine.py", "knn"])
    assert {name: use.plug_in for name, use in found.items()} == {
        "mine": "a/mine.py",
        "mine-2": "b/mine.py",
        "tfidf": "tfidf",
        "tfidf-2": "local/tfidf.py",
        "tfidf-2-2": "local/tfidf-2.py",
        "Mine-3": "c/Mine.py",
        "knn": "knn",
    }
