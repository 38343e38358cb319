"""Is it the same language? Cross-entropy of words, divergence of n-grams, domain terms, tokens a word."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, CountVectorizer, HashingVectorizer

from metier.data.representativeness.measure import Draws, Measure, interval, ratio
from metier.data.representativeness.passages import WORD, WORDS, Side
from metier.errors import UserError
from metier.evaluation.stats import Floats

SMOOTHING = 0.5
"""Added to every count (Krichevsky & Trofimov 1981, IEEE IT 27): a word that was never seen is rare, not impossible."""
BUCKETS = 2**20
"""DSIR (Xie et al. 2023, NeurIPS), whose KL reduction this is, has 10,000. With so few, collisions flatten all
sides: medquad came out farther from pubmedqa than Wikipedia by 0.11 bits; with 2**20, nearer by 0.20."""
TERMS = 200
CRITICAL = 10.83
"""Of the log-likelihood ratio, p = 0.001 at one degree of freedom."""
IN_DOCUMENTS = 5
"""A term occurs in so many target texts at least: otherwise one text's names would be domain terms."""
OFTEN = 3
"""From so many occurrences on, a term counts as found."""


def log_shares(counts: Floats) -> Floats:
    """log2 of the smoothed share of each word (or bucket)."""
    shares: Floats = np.log2((counts + SMOOTHING) / (counts.sum() + SMOOTHING * len(counts)))
    return shares


def cross_entropy(target: Side, candidate: Side, baseline: Side, draws: Draws) -> Measure:
    """Bits a word of the target under a word model of each side, over the vocabulary of all three."""
    count = CountVectorizer(token_pattern=WORDS).fit([*target.texts, *candidate.texts, *baseline.texts])
    own, *sides = (count.transform(part.texts) for part in (target, candidate, baseline))
    bits = _bits(own, sides)
    return _paired("cross_entropy", "Bits a word", "bits a word", bits, draws, "lower")


def divergence(target: Side, candidate: Side, baseline: Side, draws: Draws) -> Measure:
    """KL divergence of the target's hashed words and word pairs from each side's."""
    count = HashingVectorizer(
        n_features=BUCKETS, ngram_range=(1, 2), token_pattern=WORDS, alternate_sign=False, norm=None
    )
    own, *sides = (count.transform(part.texts) for part in (target, candidate, baseline))
    counts = _total(own)
    shares = counts[counts > 0] / counts.sum()
    entropy = -float((shares * np.log2(shares)).sum())
    # The target's entropy stands on both sides: it moves the figures and cancels in their difference.
    return _paired("kl", "Divergence of words and word pairs", "bits", _bits(own, sides), draws, "lower", less=entropy)


def _bits(own: csr_matrix, sides: Sequence[csr_matrix]) -> Floats:
    """(passages, 3) bits under the candidate, bits under the baseline, words."""
    models = [-(own @ log_shares(_total(counts))) for counts in sides]
    return np.column_stack([*models, np.asarray(own.sum(1)).ravel()])


def _paired(
    name: str, title: str, unit: str, bits: Floats, draws: Draws, better: str, less: float = 0.0, **further: Any
) -> Measure:
    """A measure that is a mean over the target under both sides, from (n, 3): candidate, baseline, weight."""
    candidate, baseline = bits[:, 0].sum() / bits[:, 2].sum() - less, bits[:, 1].sum() / bits[:, 2].sum() - less
    difference = np.column_stack([bits[:, 0] - bits[:, 1], bits[:, 2]])
    gain = interval(candidate - baseline, draws.values(difference, ratio), draws.effective)
    return Measure(name, title, unit, better, float(candidate), float(baseline), gain, further)


def keyness(target: Floats, reference: Floats, n: Floats, m: float) -> Floats:
    """Log-likelihood ratio (Dunning 1993, Computational Linguistics 19) of each word; 0 where the target has less.

    `target`: (draws, words) counts out of `n` (draws, 1) words in all; `reference`: (words,) out of `m`.
    """
    expected = (target + reference) / (n + m)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.nan_to_num(target * np.log(target / (expected * n)))
        ratios += np.nan_to_num(reference * np.log(reference / (expected * m)))
        return np.where(target / n > reference / m, 2 * ratios, 0.0)


def domain_terms(
    target: Side, candidate: Side, baseline: Side, reference: Side, draws: Draws, given: Sequence[str] | None
) -> Measure:
    """Share of the domain terms that each side has at least 3 times.

    `further`: the terms, those missing, and `of_lacking`: of the terms that the baseline lacks, the share that the
    candidate has. A given list is resampled by term, terms found by keyness with the target's texts they come from.
    """
    if given:
        return _given_terms(list(dict.fromkeys(term.casefold() for term in given)), candidate, baseline)
    count = CountVectorizer(token_pattern=WORDS)
    own = count.fit_transform(target.texts)
    names = count.get_feature_names_out()
    words = np.array([n[0].isalpha() and len(n) > 2 and n not in ENGLISH_STOP_WORDS for n in names])
    words &= np.asarray((own > 0).sum(0)).ravel() >= IN_DOCUMENTS
    general, *sides = (_total(count.transform(p.texts))[words] for p in (reference, candidate, baseline))
    has = np.column_stack([counts >= OFTEN for counts in sides])
    # The last column: all words of the passage.
    counted = np.column_stack([own[:, words].toarray(), np.asarray(own.sum(1))])
    drawn = np.vstack([counted.sum(0), draws.values(counted, lambda sums: sums)])
    names, key = names[words], keyness(drawn[:, :-1], general, drawn[:, -1:], reference.words)
    top = np.argsort(-key, axis=1, kind="stable")[:, :TERMS]
    surely = np.take_along_axis(key, top, 1) > CRITICAL
    if not surely[0].any():
        raise UserError(
            f"No word stands out in {IN_DOCUMENTS} or more target texts. Is the target about one domain, in a language "
            "that writes spaces between words? Add texts, or give the terms."
        )
    shares = (has[top] * surely[:, :, None]).sum(1) / np.maximum(1, surely.sum(1))[:, None]
    chosen = top[0][surely[0]]
    return _coverage(list(names[chosen]), has[chosen], shares[1:, 0] - shares[1:, 1], draws.effective)


def _given_terms(terms: list[str], candidate: Side, baseline: Side) -> Measure:
    longest = max(len(WORD.findall(term)) for term in terms)
    split = [" ".join(WORD.findall(term)) for term in terms]
    count = CountVectorizer(token_pattern=WORDS, ngram_range=(1, longest), vocabulary=sorted(set(split)))
    place = [count.vocabulary.index(term) for term in split]
    has = np.column_stack([_total(count.transform(p.texts))[place] >= OFTEN for p in (candidate, baseline)])
    draws = Draws.of(range(len(terms)), 0)
    difference = np.column_stack([has[:, 0].astype(float) - has[:, 1], np.ones(len(terms))])
    return _coverage(terms, has, draws.values(difference, ratio), draws.effective)


def _coverage(terms: list[str], has: Any, drawn: Floats, clusters: float) -> Measure:
    candidate, baseline = has.mean(0)
    lacking = ~has[:, 1]
    further = {
        "terms": [str(term) for term in terms],
        "missing": [str(term) for term, present in zip(terms, has[:, 0], strict=True) if not present],
        "lacking": int(lacking.sum()),
        "of_lacking": float(has[lacking, 0].mean()) if lacking.any() else 1.0,
    }
    difference = interval(candidate - baseline, drawn, clusters)
    return Measure(
        "terms", "Domain terms found", "share", "higher", float(candidate), float(baseline), difference, further
    )


def fertility(target: Side, candidate: Side, baseline: Side, tokenizer: Any, seed: int) -> Measure:
    """Tokens a word, by the model's own tokenizer; `further` has the target's."""
    sides = [_tokens(part, tokenizer) for part in (candidate, baseline, target)]
    values = [float(ratio(counts.sum(0))) for counts in sides]
    drawn = [Draws.of(part.document, seed + i) for i, part in enumerate((candidate, baseline))]
    spread = drawn[0].values(sides[0], ratio) - drawn[1].values(sides[1], ratio)
    difference = interval(values[0] - values[1], spread, min(side.effective for side in drawn))
    further = {"target": values[2]}
    return Measure("fertility", "Tokens a word", "tokens a word", None, values[0], values[1], difference, further)


def _tokens(part: Side, tokenizer: Any) -> Floats:
    """(passages, 2) tokens, words."""
    counts = [(len(tokenizer.tokenize(text)), len(WORD.findall(text))) for text in part.texts]
    return np.array(counts, dtype=np.float64)


def _total(counts: csr_matrix) -> Floats:
    return np.asarray(counts.sum(0), dtype=np.float64).ravel()
