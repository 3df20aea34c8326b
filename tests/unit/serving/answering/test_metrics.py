from __future__ import annotations

from prometheus_client import CollectorRegistry, Histogram

from cuelight.serving.answering.metrics import _SECONDS, _Durations

SECONDS = (0.0, 0.0005, 0.0005001, 0.003, 0.003, 10.0, 10.1, 500.0)


def test_durations_counted_together_are_counted_as_each_would_be() -> None:
    """Every bucket, at its edges and beyond the last, the count and the sum."""
    together, apart = CollectorRegistry(), CollectorRegistry()
    many = _Durations("s", "…", ("m",), buckets=_SECONDS, registry=together).labels("x")
    one = Histogram("s", "…", ("m",), buckets=_SECONDS, registry=apart).labels("x")
    many.observe_all(SECONDS)
    for each in SECONDS:
        one.observe(each)

    def samples(registry: CollectorRegistry) -> list[tuple[str, str, float]]:
        found = [each for metric in registry.collect() for each in metric.samples if not each.name.endswith("created")]
        return [(each.name, each.labels.get("le", ""), round(each.value, 9)) for each in found]

    assert samples(together) == samples(apart)
