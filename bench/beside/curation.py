"""datasketch and data-selection on the texts of a JSON file, in an interpreter without metier; prints CPU seconds."""

import json
import re
import resource
import sys
from pathlib import Path


def cpu_seconds() -> float:
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(used.ru_utime + used.ru_stime for used in (own, children))


def signatures(texts: list[str]) -> tuple[float, float, int]:
    """(seconds of MinHash's signatures alone, of all from texts to rows dropped, rows dropped)."""
    from datasketch import MinHash, MinHashLSH

    whole = cpu_seconds()
    split = [re.findall(r"[^\s.,;:!?\"'()\[\]/-]+", text.casefold()) for text in texts]
    sets = [{" ".join(row[at : at + 5]).encode() for at in range(max(len(row) - 4, 1))} for row in split]
    began = cpu_seconds()
    hashes = MinHash.bulk(sets, num_perm=128)
    signed = cpu_seconds() - began
    index, dropped = MinHashLSH(threshold=0.85, num_perm=128, params=(16, 8)), 0
    for row, minhash in enumerate(hashes):
        if any(hashes[other].jaccard(minhash) >= 0.85 for other in index.query(minhash)):
            dropped += 1
        else:
            index.insert(row, minhash)
    return signed, cpu_seconds() - whole, dropped


def scores(texts: list[str], scratch: Path) -> tuple[float, list[float]]:
    import numpy as np
    from data_selection import HashedNgramDSIR

    for name, part in (("raw", texts), ("target", texts[: len(texts) // 4])):
        (scratch / f"{name}.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in part))
    files = [[str(scratch / f"{name}.jsonl")] for name in ("raw", "target")]
    began = cpu_seconds()
    selection = HashedNgramDSIR(*files, str(scratch / "cache"), num_proc=1, min_example_length=0)
    selection.fit_importance_estimator(num_tokens_to_fit="all")
    selection.compute_importance_weights()
    used = cpu_seconds() - began
    found = sorted((scratch / "cache" / "log_importance_weights").glob("*.npy"), key=lambda file: int(file.stem))
    return used, np.concatenate([np.load(file) for file in found]).tolist()


def main() -> None:
    work = json.loads(Path(sys.argv[1]).read_text())
    signed, whole, dropped = signatures(work["texts"])
    used, weights = scores(work["texts"], Path(work["scratch"]))
    figures = {"signatures_cpu_s": signed, "deduplication_cpu_s": whole, "dropped": dropped}
    print(json.dumps(figures | {"importance_cpu_s": used, "scores": weights}))


if __name__ == "__main__":
    main()
