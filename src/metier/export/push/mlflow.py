"""MLflow's registry (extra `mlflow`)."""

import os
from pathlib import Path
from typing import Any

from metier.errors import UserError, shortened
from metier.export.record import Record

URI = "MLFLOW_TRACKING_URI"


def send_to_mlflow(folder: Path, record: Record, name: str) -> str:
    """Upload the folder to an MLflow run and register it as a new version of the model `name`; returns its address.

    Raises `UserError` where the library or the server's address is missing, or the server refuses.
    """
    try:
        from mlflow import MlflowClient
        from mlflow.exceptions import MlflowException
    except ImportError as error:
        raise UserError("MLflow is not installed. pip install 'metier[mlflow]', and push again.") from error
    if not (server := os.environ.get(URI)):
        raise UserError(f"Which MLflow server? Set {URI}, for example to http://127.0.0.1:5000.")
    try:
        version = _register(MlflowClient(server), folder, record, name)
    except MlflowException as error:
        said = shortened(" ".join(str(error).split()), 300)
        raise UserError(f"MLflow did not take '{name}': {said}. Check {URI} and what you may do there.") from error
    return f"models:/{name}/{version}"


def _register(client: Any, folder: Path, record: Record, name: str) -> str:
    tags = {
        "metier.verdict": record.decision,
        "metier.form": record.form,
        "metier.base_model": record.base_model.hub_id or record.base_model.name,
        **{f"metier.{of}_sha256": sha256 for of, sha256 in record.hashes.items()},
    }
    known = client.get_experiment_by_name(name)
    experiment = known.experiment_id if known else client.create_experiment(name)
    run_id = client.create_run(experiment, run_name=record.run, tags=tags).info.run_id
    client.log_artifacts(run_id, str(folder), "model")
    client.set_terminated(run_id)
    if not client.search_registered_models(filter_string=f"name = '{name}'"):
        client.create_registered_model(name)
    about = (folder / "README.md").read_text(encoding="utf-8").split("---", 2)[-1].strip()[:4000]
    version = client.create_model_version(
        name, source=f"runs:/{run_id}/model", run_id=run_id, tags=tags, description=about
    )
    return str(version.version)
