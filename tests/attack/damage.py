"""What can happen to a file between two calls: to its bytes, to the JSON in it, to its lines, to its tensors."""

import json
import random
from pathlib import Path
from typing import Any

import torch
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from tests.attack.strategies import hostile, placed, places

TEXTS = [b"null", b"[]", b"{}", b'"x"', b"NaN", b"[" * 5_000, b"\xff", b"\n", b"{}\n{}\n"]


class Damage:
    """A change of one file, which prints as what it is."""

    def __init__(self, kind: str, *details: Any) -> None:
        self.kind, self.details = kind, details

    def __repr__(self) -> str:
        return f"{self.kind}{self.details!r:.200}"

    def __call__(self, path: Path) -> None:
        getattr(self, f"_{self.kind}")(path, *self.details)

    def _gone(self, path: Path) -> None:
        path.unlink()

    def _folder(self, path: Path) -> None:
        path.unlink()
        path.mkdir()

    def _written(self, path: Path, content: bytes) -> None:
        path.write_bytes(content)

    def _garbage(self, path: Path, seed: int) -> None:
        path.write_bytes(random.Random(seed).randbytes(max(path.stat().st_size, 20)))

    def _cut(self, path: Path, where: float) -> None:
        content = path.read_bytes()
        path.write_bytes(content[: int(where * len(content))])

    def _flipped(self, path: Path, where: float, bits: int) -> None:
        content = bytearray(path.read_bytes() or b"x")
        content[int(where * len(content))] ^= bits
        path.write_bytes(content)

    def _inserted(self, path: Path, where: float, new: bytes) -> None:
        content = path.read_bytes()
        at = int(where * len(content))
        path.write_bytes(content[:at] + new + content[at:])

    def _forged(self, path: Path, where: float, new: Any) -> None:
        """Another value at one place of the JSON: of the whole file, or of one of its lines."""
        lines = (
            [path.read_text(encoding="utf-8")] if path.suffix == ".json" else path.read_text().splitlines() or ["{}"]
        )
        at = int(where * len(lines)) % len(lines)
        content = json.loads(lines[at])
        known = places(content)
        place = known[int(where * 7919) % len(known)]
        lines[at] = json.dumps(placed(content, place, new), default=str)
        path.write_text("\n".join(lines) + "\n", encoding="utf-8", errors="surrogatepass")

    def _forgotten(self, path: Path, where: float) -> None:
        """A key of the JSON taken out."""
        content = json.loads(path.read_text(encoding="utf-8"))
        known = [place for place in places(content) if place]
        *above, last = known[int(where * len(known))]
        at = content
        for key in above:
            at = at[key]
        del at[last]
        path.write_text(json.dumps(content), encoding="utf-8")

    def _lines(self, path: Path, how: str, where: float) -> None:
        lines = path.read_bytes().splitlines(keepends=True)
        at = int(where * len(lines))
        made = {
            "fewer": lines[:at],
            "without": lines[:at] + lines[at + 1 :],
            "twice": lines[: at + 1] + lines[at:],
            "reversed": lines[::-1],
            "shifted": lines[at:] + lines[:at],
            "blank": [*lines[:at], b"\n", *lines[at:]],
        }
        path.write_bytes(b"".join(made[how]))

    def _tensors(self, path: Path, how: str, where: float) -> None:
        tensors = load_file(path)
        names = sorted(tensors)
        name = names[int(where * len(names))]
        tensor = tensors[name].clone()
        if how == "without":
            del tensors[name]
        elif how == "renamed":
            tensors[f"{name}.x"] = tensors.pop(name)
        elif how == "added":
            tensors["extra.weight"] = tensor
        elif how == "reshaped":
            tensors[name] = torch.zeros(3, 5)
        elif how == "integers":
            tensors[name] = tensor.to(torch.int64)
        elif how == "emptied":
            tensors[name] = tensor[:0].clone()
        else:
            tensors[name] = torch.full_like(tensor, float(how))
        save_file(tensors, path, metadata={"format": "pt"})


part = st.floats(0, 1, exclude_max=True)

_bytes = st.one_of(
    st.sampled_from([Damage("gone"), Damage("folder"), Damage("written", b"")]),
    st.sampled_from(TEXTS).map(lambda new: Damage("written", new)),
    st.integers(0, 99).map(lambda seed: Damage("garbage", seed)),
    part.map(lambda where: Damage("cut", where)),
    st.tuples(part, st.integers(1, 255)).map(lambda found: Damage("flipped", *found)),
    st.tuples(part, st.sampled_from([b"\x00", b"\n", b"\xff", b"{", b" ", b"0"])).map(lambda f: Damage("inserted", *f)),
)
_value = st.one_of(hostile, st.sampled_from([0, 1, 1.0, "cardiology", "dermatology", None, float("nan")]))
_forged = st.tuples(part, _value).map(lambda found: Damage("forged", *found))
_forgotten = part.map(lambda where: Damage("forgotten", where))
_lines = st.tuples(st.sampled_from(["fewer", "without", "twice", "reversed", "shifted", "blank"]), part).map(
    lambda found: Damage("lines", *found)
)
_tensors = st.tuples(
    st.sampled_from(["without", "renamed", "added", "reshaped", "integers", "emptied", "nan", "inf", "0"]), part
).map(lambda found: Damage("tensors", *found))


def damages(name: str) -> st.SearchStrategy[Damage]:
    """What can happen to a file of this name."""
    path = Path(name)
    if path.suffix == ".json":
        return st.one_of(_bytes, _forged, _forgotten)
    if path.suffix == ".jsonl":
        return st.one_of(_bytes, _forged, _lines)
    return st.one_of(_bytes, _tensors) if path.suffix == ".safetensors" else _bytes
