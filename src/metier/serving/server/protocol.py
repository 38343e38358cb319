"""uvicorn's HTTP/1.1 protocol, with a bound on how long a client may take for the head of a request.

Imported inside functions: it needs the extra `serve`.
"""

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol


def bounded(head_s: float) -> type[H11Protocol]:
    """The protocol; uvicorn itself waits for ever for the rest of a head that was begun, or never comes."""

    class Bounded(H11Protocol):
        head: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._wait()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            begun = self.conn.their_state is not h11.IDLE
            if begun and self.head is not None:
                self.head.cancel()
                self.head = None
            elif not begun and self.head is None and self.conn.trailing_data[0]:
                self._wait()

        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            if self.head is not None:
                self.head.cancel()

        def _wait(self) -> None:
            self.head = self.loop.call_later(head_s, self._late)

        def _late(self) -> None:
            self.head = None
            if self.conn.their_state is h11.IDLE and not self.transport.is_closing():
                self.transport.write(b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
                self.transport.close()

    return Bounded
