"""How much of the base model's weights goes back into tuned ones: what is kept of it, at no loss on the task.

WiSE-FT (Wortsman et al. 2022, CVPR): on the straight line from the base weights to the tuned ones the task is usually
learned well before its end, and what the base model knew is lost most towards the end.
"""

import shutil
from pathlib import Path

from metier.engine.training.context import TrainingContext
from metier.engine.training.evaluator import held_out, scores
from metier.runs import distributed

SHARES = (0.0, 0.15, 0.3, 0.5)
"""Of the base weights; the last one that answers the held-out rows as well as none of them is taken."""

FEWEST = 50
"""Held-out questions below which every share looks harmless."""


def largest_harmless(context: TrainingContext, adapter: Path, eval_questions: int) -> dict[float, float]:
    """Share of the base weights -> figure on held-out rows, higher is better; empty where fewer than `FEWEST` are.

    Larger shares are tried until one costs something.
    """
    from metier.engine.models.model import load

    questions_of, by_share = held_out(context, eval_questions), dict[float, float]()
    enough = sum(map(len, questions_of.values())) >= FEWEST
    for share in SHARES if enough else ():
        folder = _mixed(context, adapter, share)
        figures, by_share[share] = scores(load(context.model, folder), context, questions_of)
        listed = ", ".join(f"{name} {value:.3f}" for name, value in figures.items())
        context.progress.say(f"  {share:.0%} of the base weights, held-out rows: {listed}")
        if by_share[share] < by_share[0.0]:
            break
    shutil.rmtree(_scratch(context), ignore_errors=True)
    return by_share


def chosen(by_share: dict[float, float]) -> float:
    """The largest share that costs nothing on held-out rows; 0 where none was tried."""
    return max((share for share, score in by_share.items() if score >= by_share[0.0]), default=0.0)


def mix_in(context: TrainingContext, adapter: Path, share: float) -> None:
    """Replace the trained weights by the mix with the base model's. A kill leaves one or the other."""
    distributed.wait()  # until the first process has saved them
    if distributed.first():
        folder = _mixed(context, adapter, share)
        for file in sorted(folder.iterdir()):
            file.replace(adapter / file.name)
        shutil.rmtree(_scratch(context), ignore_errors=True)
    distributed.wait()


def _mixed(context: TrainingContext, adapter: Path, share: float) -> Path:
    """The folder of the mix; of the tuned weights alone their own."""
    from metier.engine.training.averaging import average

    if not share:
        return adapter
    folder = _scratch(context) / str(share)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    average(context.model, [adapter], folder, 1 - share)
    return folder


def _scratch(context: TrainingContext) -> Path:
    return context.folder / "base-share"
