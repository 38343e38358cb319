"""The Hugging Face hub, or a server with its interface (HF_ENDPOINT)."""

import os
from pathlib import Path

from metier.errors import UserError, shortened
from metier.export.record import Record


def send_to_hub(folder: Path, record: Record, name: str) -> str:
    """Make a private repository, if there is none of this name, and commit the folder to it; returns its address.

    The token is the one of the environment (HF_TOKEN) or of `hf auth login`, and no other. Raises `UserError` where
    there is none, or the hub refuses.
    """
    from huggingface_hub import HfApi, get_token
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled

    if not (token := get_token()):
        raise UserError("There is no token for the hub. Set HF_TOKEN, or log in with `hf auth login`.")
    api = HfApi(endpoint=os.environ.get("HF_ENDPOINT"), token=token)
    try:
        repository = api.create_repo(name, private=True, exist_ok=True)
        api.upload_folder(
            repo_id=repository.repo_id,
            folder_path=folder,
            commit_message=f"{record.form} of {record.run}: {record.decision}",
        )
    except HFValidationError as error:
        raise UserError(f"The hub has no such name: {error}. Write OWNER/NAME.") from error
    except OfflineModeIsEnabled as error:
        raise UserError("HF_HUB_OFFLINE is set, so nothing can be sent to the hub. Unset it and push again.") from error
    except HfHubHTTPError as error:
        said = shortened(" ".join(str(error).split()), 300)
        raise UserError(f"The hub did not take '{name}': {said}. Check the name and what the token may do.") from error
    except Exception as error:  # whatever the transport raises, the answer for the user is the same
        if isinstance(error, OSError) and error.errno and error.filename:  # a file that cannot be read
            raise
        raise UserError(f"The hub cannot be reached ({type(error).__name__}). Nothing is known to be sent.") from error
    return str(repository)
