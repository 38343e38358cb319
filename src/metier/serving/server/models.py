"""What is served, as OpenAI's list of models with what was proven of each."""

from typing import Literal

from metier.serving.served import Served
from metier.serving.server.operations import Body, Call, Operation


class Model(Body):
    """One benchmark of a run."""

    id: str
    """The name to ask for."""
    object: Literal["model"] = "model"
    created: int
    """When the verdict was written, in seconds since 1970."""
    owned_by: Literal["metier"] = "metier"
    benchmark: str
    """The task that it was tested on."""
    kind: Literal["chosen", "written", "read"]
    """Whether its answers are chosen or written; `read`: it is only scored."""
    verdict: str
    """SHIP or HOLD."""
    sha256: str
    """Of the adapter, or of the baseline's model.json."""
    base_model: str | None
    """Null where the baseline answers."""
    labels: list[str]
    """All answers there are; empty where they are chosen among a row's own options, or written."""


class Models(Body):
    """All that is served."""

    object: Literal["list"] = "list"
    data: list[Model]


async def models(call: Call) -> Models:
    """Every name that a request may ask for."""
    return Models(data=[_model(one) for one in call.service.served.values()])


def _model(one: Served) -> Model:
    return Model(
        id=one.name,
        created=one.created,
        benchmark=one.benchmark.name,
        kind=one.kind,
        verdict=one.decision,
        sha256=one.sha256,
        base_model=one.run.recipe.model if one.predictor else None,
        labels=list(one.labels),
    )


OPERATIONS = [Operation("/v1/models", "GET", "What is served.", models, response=Models)]
