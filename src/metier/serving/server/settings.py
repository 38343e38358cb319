"""Where the server listens, and every bound on what a client may ask."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ServerSettings:
    """All that a call of `metier serve` sets, besides the runs."""

    host: str = "127.0.0.1"
    port: int = 8000
    """0: a free one."""
    allowed_hosts: tuple[str, ...] = ()
    """Further names that a client may call the server by, without the port."""
    most_body_bytes: int = 8 * 1024 * 1024
    most_characters: int = 200_000
    """Of one text; the model's context is a bound of its own."""
    most_tokens: int = 262_144
    """Of all prompts of one request."""
    most_rows: int = 1_000
    """Of one request."""
    queue_rows: int = 10_000
    """Rows that wait at once, over all requests; a text to be written counts as one."""
    read_s: float = 10.0
    """For the head of a request, and again for its body."""
    request_s: float = 300.0
    """From a request's head to the last byte of its answer."""
    drain_s: float = 30.0
    """For what was accepted, once the server is asked to stop."""
    most_connections: int = 2_000
    trace: Path | None = None
    """The file that a line is appended to for each answered row; None: nothing is kept."""
    redact: bool = False
    """Whether identifiers of persons are taken out of the lines first."""
