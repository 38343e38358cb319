"""What the server counts, for Prometheus."""


class Metrics:
    """Counters of one server, in a registry of its own."""

    def __init__(self) -> None:
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

        self.registry = registry = CollectorRegistry()
        self.requests = Counter(
            "metier_requests", "Requests by path and status.", ["path", "status"], registry=registry
        )
        self.seconds = Histogram(
            "metier_request_seconds",
            "From a request's head to the end of its answer.",
            ["path"],
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120),
            registry=registry,
        )
        self.rows = Counter("metier_rows", "Rows answered, by model.", ["model"], registry=registry)
        self.queue = Gauge("metier_queue_rows", "Rows that wait for the model.", registry=registry)
        self.batches = Histogram(
            "metier_batch_rows",
            "Different questions that the model answered together.",
            buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512),
            registry=registry,
        )
        self.tokens = Counter("metier_generated_tokens", "Tokens written, by model.", ["model"], registry=registry)
        self.traces_lost = Counter(
            "metier_trace_lines_lost", "Trace lines that could not be written.", registry=registry
        )

    def text(self) -> bytes:
        """All of them, as Prometheus reads them."""
        from prometheus_client import generate_latest

        return generate_latest(self.registry)
