"""Does this dataset represent my industry's language and tasks? Asked before anybody pays for a fine-tune."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from metier.data.representativeness.measure import Draws, Measure
from metier.data.representativeness.neighbors import Topic
from metier.data.representativeness.passages import MOST, Side, passage_length, side
from metier.errors import UserError

FEWEST, ENOUGH = 50, 200
"""Target examples: below the first nothing is said, below the second only with caution."""


@dataclass(frozen=True)
class Representation:
    """What was measured: the candidate and an equal amount of general text, each against the target."""

    measures: dict[str, Measure]
    topics: list[Topic]
    """The least covered first."""
    sizes: dict[str, Any]
    """What was given (different texts) and what of it was drawn."""
    curation: dict[str, Any] = field(default_factory=dict)
    """Duplicates, leaks, personal data and licenses, as curate wrote them down."""

    @property
    def gaps(self) -> list[Topic]:
        return [topic for topic in self.topics if topic.gap]

    def to_json(self) -> dict[str, Any]:
        """Plain values for json.dump."""
        return {
            "measures": {name: asdict(measure) for name, measure in self.measures.items()},
            "topics": [{**asdict(topic), "gap": topic.gap} for topic in self.topics],
            "sizes": self.sizes,
            "curation": self.curation,
        }


def compare(
    candidate: Sequence[str],
    target: Sequence[str],
    reference: Sequence[str],
    *,
    labels: Sequence[str] | None = None,
    target_labels: Sequence[str] | None = None,
    terms: Sequence[str] | None = None,
    tokenizer: Any = None,
    steps: Sequence[Mapping[str, Any]] = (),
    licenses: Mapping[str, int] | None = None,
    seed: int = 0,
    embedding: str | None = None,
) -> Representation:
    """The candidate (training data) compared with the target (200 or more texts of the domain, never the test).

    The baseline is a random draw from `reference` (general text) with as many words as the candidate has. Long texts
    of every side are cut into passages of the target's median length first. At most 2,000 documents and 2,000 passages
    a side; where the reference has fewer words, the candidate is drawn down to it, so that amount decides nothing.
    `tokenizer` has `tokenize(text)`; `steps` and `licenses` are curate's, and are passed on as they are.
    """
    distinct = [list(dict.fromkeys(text for text in texts if text.strip())) for texts in (candidate, target, reference)]
    _check(distinct, labels, target_labels)
    length = passage_length(distinct[1])
    drawn = [side(texts, length, np.random.default_rng([seed, number])) for number, texts in enumerate(distinct)]
    theirs, mine, baseline = (
        part.draw(MOST, np.random.default_rng([seed, 3 + number])) for number, part in enumerate(drawn)
    )
    words = min(theirs.words, baseline.words)
    theirs, baseline = (part.draw(MOST, np.random.default_rng([seed, 6]), words) for part in (theirs, baseline))
    near, topics = _nearness(mine, theirs, baseline, seed, embedding)
    measures = _language(mine, theirs, baseline, drawn[2], terms, tokenizer, seed) + near
    measures += _shapes(mine, theirs, baseline, labels, target_labels, seed)
    sizes: dict[str, Any] = {"passage_words": length, "seed": seed, "embedding": embedding or "TF-IDF and SVD"}
    for who, given, part in zip(("candidate", "target", "baseline"), distinct, (theirs, mine, baseline), strict=True):
        sizes[who] = _size(given, part)
    return Representation({measure.name: measure for measure in measures}, topics, sizes, _curation(steps, licenses))


def _language(
    mine: Side, theirs: Side, baseline: Side, general: Side, terms: Sequence[str] | None, tokenizer: Any, seed: int
) -> list[Measure]:
    from metier.data.representativeness import language

    draws = Draws.of(mine.document, seed)
    measures = [
        language.cross_entropy(mine, theirs, baseline, draws),
        language.divergence(mine, theirs, baseline, draws),
        language.domain_terms(mine, theirs, baseline, general, draws, terms),
    ]
    return measures if tokenizer is None else [*measures, language.fertility(mine, theirs, baseline, tokenizer, seed)]


def _nearness(
    mine: Side, theirs: Side, baseline: Side, seed: int, embedding: str | None
) -> tuple[list[Measure], list[Topic]]:
    from metier.data.representativeness import classifier, neighbors

    draws, embedded = Draws.of(mine.document, seed), neighbors.embed(mine, theirs, baseline, seed, embedding)
    measures = [neighbors.neighbors(embedded, draws), neighbors.nearer(embedded, draws)]
    told_apart = classifier.separability(mine, theirs, baseline, seed)
    measures += [told_apart] if told_apart else []
    return measures, neighbors.topics(mine, embedded, seed)


def _shapes(
    mine: Side,
    theirs: Side,
    baseline: Side,
    labels: Sequence[str] | None,
    target_labels: Sequence[str] | None,
    seed: int,
) -> list[Measure]:
    from metier.data.representativeness import distributions

    measures = [measure(mine, theirs, baseline, seed) for measure in (distributions.lengths, distributions.formats)]
    if labels is not None and target_labels is not None:
        measures.append(distributions.labels(target_labels, labels, seed))
    return measures


def _check(texts: list[list[str]], labels: Sequence[str] | None, target_labels: Sequence[str] | None) -> None:
    candidate, target, reference = texts
    if len(target) < FEWEST:
        raise UserError(
            f"The target has {len(target)} different texts; from {FEWEST} on something can be said, from {ENOUGH} on "
            "without a caution. Add texts of your domain: training rows, never test rows."
        )
    for name, given in (("training data", candidate), ("general text", reference)):
        if len(given) < FEWEST:
            raise UserError(f"The {name} has {len(given)} different texts; at least {FEWEST} are needed. Add texts.")
    if (labels is None) != (target_labels is None):
        raise UserError("Labels can only be compared where both sides have them. Give `labels` and `target_labels`.")


def _size(given: Sequence[str], drawn: Side) -> dict[str, int]:
    return {
        "given": len(given),
        "documents": len(set(drawn.document.tolist())),
        "passages": len(drawn.texts),
        "words": drawn.words,
    }


def _curation(steps: Sequence[Mapping[str, Any]], licenses: Mapping[str, int] | None) -> dict[str, Any]:
    kept = [{key: step[key] for key in ("step", "rows", "kept", "dropped")} for step in steps]
    return {"steps": kept, "licenses": dict(licenses or {})}
