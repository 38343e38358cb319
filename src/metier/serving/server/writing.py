"""Texts as they are written: one decoder a model, and each text in pieces for who reads it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TYPE_CHECKING, Any

from metier.serving.server.errors import ApiError, as_api_error
from metier.serving.server.metrics import Metrics

if TYPE_CHECKING:
    from metier.engine.decoding.decoder import Decoder
    from metier.engine.decoding.pieces import Piece
    from metier.engine.decoding.sampling import Sampling
    from metier.engine.models.model import LanguageModel

DECODER_TOKENS = 65_536
"""Most tokens that the texts which are written at once have, prompts included; fewer where memory is short."""


class Pieces:
    """A text in pieces, as they are written. Close it when nobody reads on."""

    def __init__(
        self,
        name: str,
        model: "LanguageModel",
        prompt: Sequence[int],
        sampling: "Sampling",
        call_in_loop: Callable[[Callable[[], None]], None],
        leave: "Callable[[Pieces], None]",
    ) -> None:
        self.name, self.model, self.prompt, self.sampling = name, model, prompt, sampling
        self.finished = False
        """Written to its end, or nobody reads on."""
        self._call_in_loop, self._leave = call_in_loop, leave
        self._queue: asyncio.Queue[Any] = asyncio.Queue()

    def put(self, piece: "Piece | ApiError") -> None:
        """From the thread: what was written, or why nothing more comes."""
        self._call_in_loop(lambda: self._queue.put_nowait(piece))

    def __aiter__(self) -> AsyncIterator["Piece"]:
        return self

    async def __anext__(self) -> "Piece":
        if self.finished:
            raise StopAsyncIteration
        try:
            piece: Piece | ApiError = await self._queue.get()
        except BaseException:
            await self.aclose()
            raise
        if isinstance(piece, ApiError):
            await self.aclose()
            raise piece
        if piece.finish is not None:
            await self.aclose()
        return piece

    async def aclose(self) -> None:
        """End the work on it."""
        self.finished = True
        self._leave(self)


class Writer:
    """Writes all texts, a token each at a time. Used in the scheduler's thread alone."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._decoders: dict[int, Decoder] = {}
        """By the id of the network, which the benchmarks of a run have in common."""
        self._texts: dict[Pieces, int] = {}
        """Texts that are written, and the decoder of each."""

    @property
    def is_busy(self) -> bool:
        """Whether there is a text to go on with."""
        return any(len(decoder) for decoder in self._decoders.values())

    def write(self, arrived: Sequence[Pieces], left: Sequence[Pieces]) -> None:
        """One token more for each text, those that arrived included, without those that nobody reads any further."""
        for pieces in arrived:
            self._begin(pieces)
        for pieces in left:
            if (at := self._texts.pop(pieces, None)) is not None:
                self._decoders[at].cancel(pieces)
        for at, decoder in list(self._decoders.items()):
            if len(decoder):
                self._step(at, decoder)

    def _begin(self, pieces: Pieces) -> None:
        from metier.engine.decoding.decoder import Decoder
        from metier.engine.decoding.memory import fitting_tokens

        if pieces.finished:
            return
        network = pieces.model.network
        try:
            if (at := id(network)) not in self._decoders:
                self._decoders[at] = Decoder(pieces.model, min(DECODER_TOKENS, fitting_tokens(network)))
            self._decoders[at].add(pieces, pieces.prompt, pieces.sampling)
            self._texts[pieces] = at
        except BaseException as error:
            pieces.put(as_api_error(error))

    def _step(self, at: int, decoder: "Decoder") -> None:
        try:
            found = decoder.step()
        except BaseException as error:
            self._fail(at, as_api_error(error))
            return
        for key, piece in found:
            assert isinstance(key, Pieces)
            self._metrics.tokens.labels(key.name).inc(piece.new_tokens)
            key.put(piece)

    def _fail(self, at: int, error: ApiError) -> None:
        """A step that failed may have left any state behind: its texts end, and the next ones get a new decoder."""
        del self._decoders[at]
        for pieces in [one for one, own in self._texts.items() if own == at]:
            del self._texts[pieces]
            pieces.put(error)
