"""MLflow's registry (extra `mlflow`)."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from metier.errors import UserError, shortened
from metier.export.record import Record

URI = "MLFLOW_TRACKING_URI"


class Registry:
    """A registered model of an MLflow server.

    Raises `UserError` where the library or the server's address is missing, or the server refuses.
    """

    def __init__(self, name: str, public: bool = False) -> None:
        if public:
            raise UserError("`--public` is for the hub. Who reads an MLflow registry is set on its server.")
        try:
            from mlflow import MlflowClient
        except ImportError as error:
            raise UserError("MLflow is not installed. pip install 'metier[mlflow]', and push again.") from error
        if not (server := os.environ.get(URI)):
            raise UserError(f"Which MLflow server? Set {URI}, for example to http://127.0.0.1:5000.")
        self._name, self._client = name, MlflowClient(server)

    def send(self, folder: Path, record: Record) -> str:
        """Upload the folder to an MLflow run and make it a new version of the model; returns its address."""
        with _understood(self._name):
            version = _register(self._client, folder, record, self._name)
        return f"models:/{self._name}/{version}"


@contextmanager
def _understood(name: str) -> Iterator[None]:
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        said = shortened(" ".join(str(error).split()), 300)
        raise UserError(f"MLflow did not take '{name}': {said}. Check {URI} and what you may do there.") from error


def _register(client: Any, folder: Path, record: Record, name: str) -> str:
    """The number of the new version. The model is registered first: a name that is refused leaves no MLflow run."""
    if not client.search_registered_models(filter_string=f"name = '{name}'"):
        client.create_registered_model(name)
    tags = {
        "metier.verdict": record.decision,
        "metier.form": record.form,
        "metier.base_model": record.base_model.hub_id or record.base_model.name,
        **{f"metier.{of}_sha256": sha256 for of, sha256 in record.hashes.items()},
    }
    known = client.get_experiment_by_name(name)
    experiment = known.experiment_id if known else client.create_experiment(name)
    run_id = client.create_run(experiment, run_name=record.run, tags=tags).info.run_id
    try:
        client.log_artifacts(run_id, str(folder), "model")
        about = (folder / "README.md").read_text(encoding="utf-8").split("---", 2)[-1].strip()[:4000]
        version = client.create_model_version(
            name, source=f"runs:/{run_id}/model", run_id=run_id, tags=tags, description=about
        )
    except BaseException:
        client.set_terminated(run_id, "FAILED")
        raise
    client.set_terminated(run_id)
    return str(version.version)
