"""`/metrics` for Prometheus: what the relay has counted, read when it is asked for; nothing is counted for it alone.

From this machine without a proof, from elsewhere with an API bearer. Touches no store but to check that bearer.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Iterator

from aiohttp import hdrs, web
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from broadcast import Hop, RelayFigures, StreamFigures
from web.policy import Access
from web.routes import Route, node_of
from web.version import VERSION

_TOTALS = {
    "packets_in": ("received_packets", "RTP packets that came in, repeats too"),
    "octets_in": ("received_bytes", "Bytes of these, without protection"),
    "lost": ("lost_packets", "Packets that never came, though they were asked for again"),
    "recovered": ("recovered_packets", "Packets that came late or again"),
    "nacks_sent": ("nacks_sent", "Packets asked for again, at the publisher or the parent"),
    "keyframe_requests": ("keyframe_requests", "Keyframe requests sent to the publisher or the parent"),
    "packets_out": ("sent_packets", "RTP packets sent to all viewers"),
    "octets_out": ("sent_bytes", "Bytes of these, without protection"),
    "nacks_received": ("nacks_received", "Packets that viewers asked for again"),
    "retransmissions": ("retransmitted_packets", "Packets sent to viewers again"),
    "stalls": ("stalls", "Times that a viewer lost the picture up to the next keyframe: the kernel would take no more"),
}


class RelayCollector(Collector):
    """One relay's figures as metrics; `figures` is called at each scrape."""

    def __init__(self, figures: Callable[[], RelayFigures]) -> None:
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        figures = self._figures()
        yield InfoMetricFamily("tongtang", "The program", value={"version": VERSION})
        yield CounterMetricFamily(
            "tongtang_stranger_datagrams", "Datagrams on the media port that belong to no session", figures.strangers
        )
        yield CounterMetricFamily(
            "tongtang_dropped_datagrams",
            "Datagrams that could not be protected or that the kernel would not take",
            figures.dropped,
        )
        sessions = GaugeMetricFamily("tongtang_sessions", "Media sessions that others opened here", labels=["state"])
        sessions.add_metric(["open"], figures.open)
        sessions.add_metric(["half_open"], figures.half_open)
        yield sessions
        for field, (name, help_text) in _TOTALS.items():
            family = CounterMetricFamily(f"tongtang_{name}", help_text, labels=["lecture"])
            for stream in figures.streams:
                family.add_metric([stream.lecture], getattr(stream.totals, field))
            yield family
        yield from _gauges(figures.streams)


def _gauges(streams: Iterable[StreamFigures]) -> Iterator[Metric]:
    """What is not known is left out."""

    def gauge(name: str, help_text: str, value: Callable[[StreamFigures], float | None]) -> Metric:
        family = GaugeMetricFamily(f"tongtang_{name}", help_text, labels=["lecture"])
        for stream in streams:
            known = value(stream)
            if known is not None:
                family.add_metric([stream.lecture], known)
        return family

    def hop(read: Callable[[Hop], float | None], scale: float = 1.0) -> Callable[[StreamFigures], float | None]:
        def value(stream: StreamFigures) -> float | None:
            known = read(stream.status.hop) if stream.status.hop else None
            return None if known is None else known * scale

        return value

    yield gauge("live", "1 while media arrives", lambda s: float(s.status.live))
    yield gauge("viewers", "Screens and browsers that watch here", lambda s: s.status.viewers)
    yield gauge("child_nodes", "Nodes below that pull from here", lambda s: s.status.nodes)
    yield gauge(
        "viewer_round_trip_median_seconds",
        "Round trip to viewers and nodes below, by RTCP",
        lambda s: statistics.median(s.round_trips_s) if s.round_trips_s else None,
    )
    yield gauge(
        "viewer_round_trip_max_seconds",
        "The longest round trip to a viewer or a node below, by RTCP",
        lambda s: max(s.round_trips_s, default=None),
    )
    yield gauge(
        "hop_loss_ratio",
        "Share of the published packets that this node lacks after repair, of the last ten seconds; adds up downwards",
        hop(lambda h: h.loss),
    )
    yield gauge("hop_round_trip_seconds", "Round trip to the parent", hop(lambda h: h.round_trip_ms, 0.001))
    yield gauge(
        "hop_jitter_seconds",
        "How unevenly packets arrive (RFC 3550); adds up downwards",
        hop(lambda h: h.jitter_ms, 0.001),
    )
    yield gauge(
        "capture_delay_seconds",
        "From capture to this node, by the publisher's own clock; the difference to the node above is this hop's",
        hop(lambda h: h.delay_ms, 0.001),
    )


async def metrics(request: web.Request) -> web.Response:
    """Figures of the media plane and of the process, for Prometheus."""
    registry = CollectorRegistry()
    for standard in (ProcessCollector, PlatformCollector, GCCollector):
        standard(registry=registry)
    registry.register(RelayCollector(node_of(request).relay.figures))
    encode, content_type = choose_encoder(request.headers.get(hdrs.ACCEPT, ""))
    return web.Response(
        body=encode(registry), headers={hdrs.CONTENT_TYPE: content_type, hdrs.CACHE_CONTROL: "no-store"}
    )


ROUTES = [Route("GET", "/metrics", metrics, access=Access.METRICS, media="text/plain")]
