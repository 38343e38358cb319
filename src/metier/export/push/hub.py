"""The Hugging Face hub, or a server with its interface (HF_ENDPOINT)."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from metier.errors import UserError, shortened
from metier.export.record import Record

if TYPE_CHECKING:
    from huggingface_hub import HfApi


class Hub:
    """A repository of the hub; made as a private one with the first push.

    The token is the one of the environment (HF_TOKEN) or of `hf auth login`, and no other. Raises `UserError` where
    there is none, the hub refuses, or the repository is there and everybody can read it (`public`: all the same).
    """

    def __init__(self, name: str, public: bool = False) -> None:
        from huggingface_hub import HfApi, get_token

        if not (token := get_token()):
            raise UserError("There is no token for the hub. Set HF_TOKEN, or log in with `hf auth login`.")
        self._name, self._api = name, HfApi(endpoint=os.environ.get("HF_ENDPOINT"), token=token)
        with _understood(name):
            if not public and _is_public(self._api, name):
                raise UserError(
                    f"Everybody can read '{name}' on the hub. Make the repository private, name another one, or push "
                    "with `--public`."
                )

    def send(self, folder: Path, record: Record) -> str:
        """Commit the folder; returns the repository's address. Files of an earlier push are removed by it."""
        with _understood(self._name):
            repository = self._api.create_repo(self._name, private=True, exist_ok=True)
            self._api.upload_folder(
                repo_id=repository.repo_id,
                folder_path=folder,
                commit_message=f"{record.form} of {record.run}: {record.decision}",
                delete_patterns="*",
            )
        return str(repository)


def _is_public(api: "HfApi", name: str) -> bool:
    """Whether there is a repository of this name, and it is not private."""
    from huggingface_hub.errors import RepositoryNotFoundError

    try:
        return not api.model_info(name).private
    except RepositoryNotFoundError:
        return False


@contextmanager
def _understood(name: str) -> Iterator[None]:
    """What the hub or the way there refuses, as `UserError`; everything else stays as it is."""
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled

    # HTTPError of the HTTP library, which is another one from version 2 of the hub's client on.
    transport: type[Exception] = HfHubHTTPError.__mro__[1]
    try:
        yield
    except HFValidationError as error:
        raise UserError(f"The hub has no such name: {error}. Write OWNER/NAME.") from error
    except OfflineModeIsEnabled as error:
        raise UserError("HF_HUB_OFFLINE is set, so nothing can be sent to the hub. Unset it and push again.") from error
    except HfHubHTTPError as error:
        said = shortened(" ".join(str(error).split()), 300)
        raise UserError(f"The hub did not take '{name}': {said}. Check the name and what the token may do.") from error
    except (transport, ConnectionError, TimeoutError) as error:
        raise UserError(f"The hub cannot be reached ({type(error).__name__}). Nothing is known to be sent.") from error
