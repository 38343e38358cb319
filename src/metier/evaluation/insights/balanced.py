"""How good it is on rare classes: macro-F1 and Matthews correlation, which a common class cannot dominate."""

from metier.evaluation.insight import NO_LABELS, Insight, InsightContext, measured, within
from metier.evaluation.metrics import macro_f1, mcc


def rows(context: InsightContext) -> list[Insight]:
    """Macro-F1 (each class alike) and MCC (Gorodkin 2004), each beside the base model's."""
    if not context.labels:
        return [Insight("Macro-F1 and MCC", None, NO_LABELS)]
    insights = []
    for what, metric in (("Macro-F1", macro_f1.Metric()), ("MCC", mcc.Metric())):
        tuned, base = (measured(metric, table, context.seed) for table in (context.tuned, context.base))
        insights.append(Insight(what, tuned.value, f"{within(tuned)}; base model {base.value:.3f}."))
    return insights
