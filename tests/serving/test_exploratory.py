"""An exploratory SHIP is no SHIP for those who put a model to work."""

import pytest

from metier.errors import UserError
from metier.evaluation.results import read_verdict
from metier.runs.progress import Progress
from metier.runs.run import saved_run
from metier.serving import job, served


@pytest.mark.parametrize("exploratory", [(), ("ship.alpha was changed.",)])
def test_an_exploratory_ship_is_not_served_and_predict_says_so(finished_run, monkeypatch, capsys, exploratory):
    folder = finished_run[1]
    verdict = read_verdict(folder).model_copy(update={"decision": "SHIP", "exploratory": exploratory})
    for module in (served, job):
        monkeypatch.setattr(module, "read_verdict", lambda folder: verdict)
    run = saved_run(folder, Progress())
    [benchmark] = served.open_samples(run).benchmarks
    job._warn_without_ship(run, benchmark, "tuned")
    assert ("is exploratory SHIP, not SHIP" in capsys.readouterr().err) == bool(exploratory)
    if exploratory:
        with pytest.raises(UserError, match="is exploratory SHIP, not SHIP: ship.alpha was changed"):
            served.check([folder], served.ServeOptions())
    [checked] = served.check([folder], served.ServeOptions(anyway=True))
    assert checked.decision == ("exploratory SHIP" if exploratory else "SHIP")
