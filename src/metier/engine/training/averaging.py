"""Several trainings from one start averaged into one model, at the cost of one when it is asked."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from metier.engine.models import loading, model_files, weights
from metier.errors import UserError


def average(model: str, trained: Sequence[Path], out: Path, scale: float = 1.0) -> None:
    """Write into the folder `out`, in the form that the tuned ones have, the base model and `scale` times the mean of
    what they changed: with 1 the uniform soup of Wortsman et al. 2022 ("Model soups", ICML), with other scales the task
    arithmetic of Ilharco et al. 2023 (ICLR).

    Adapters are laid side by side, so that the rank is the sum of theirs: the mean of products B A is not the product
    of the means. Not for adapters of DoRA, which have lengths beside their products.
    """
    if weights.is_whole(trained[0]):
        _whole(model, trained, out, scale)
    else:
        _adapters(model, trained, out, scale)


def _whole(model: str, trained: Sequence[Path], out: Path, scale: float) -> None:
    from metier.engine.models.model import load

    shutil.copytree(trained[0], out, ignore=shutil.ignore_patterns("*.safetensors"), dirs_exist_ok=True)
    base = load(model, dtype=torch.float32).network.state_dict()
    held = [model_files.shapes(weights.adapter_file(folder)) for folder in trained]
    for folder, mine in zip(trained, held, strict=True):
        if mine != held[0] or not mine.keys() <= base.keys():
            raise UserError(
                f"The weights in {folder} have other names or shapes than those of {trained[0]} or {model}."
            )
    files = [safe_open(weights.adapter_file(folder), "pt") for folder in trained]
    names, averaged = files[0].keys(), {}
    for name in names:
        mean = torch.stack([file.get_tensor(name).float() for file in files]).mean(0)
        start = base[name].to(mean.device)
        averaged[name] = (start + scale * (mean - start)).to(files[0].get_tensor(name).dtype)
    save_file(averaged, out / "model.safetensors", metadata={"format": "pt"})


def _adapters(model: str, trained: Sequence[Path], out: Path, scale: float) -> None:
    from metier.engine.models.model import load

    names = [f"training-{number}" for number in range(len(trained))]
    network: Any = loading.with_adapter(load(model, dtype=torch.float32).network, trained[0], name=names[0])
    for name, folder in zip(names[1:], trained[1:], strict=True):
        loading.add_adapter(network, folder, name)
    share = [scale / len(trained)] * len(trained)
    network.base_model.add_weighted_adapter(names, share, "averaged", combination_type="cat")
    network.save_pretrained(str(out), selected_adapters=["averaged"], safe_serialization=True)
    for file in (out / "averaged").iterdir():  # peft gives an adapter that has a name a folder of that name
        file.replace(out / file.name)
    (out / "averaged").rmdir()
