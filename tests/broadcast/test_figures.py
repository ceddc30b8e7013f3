from __future__ import annotations

from functools import partial

import pytest

from bench.load import DELTA, KEYFRAME, VIDEO_SSRC, raw_publishing
from broadcast import RelayFigures, StreamFigures, rtcp, rtp
from broadcast.codecs import Codec
from broadcast.figures import Meter, capture_delay_s
from broadcast.rtcp import SenderReport
from broadcast.track import Track
from tests.broadcast.peers import LECTURE, Screen, pulling, relaying, until

NTP = 3_900_000_000 << 32  # what the publisher's clock shows when it sends its report
OPUS = Codec("audio", "opus", 48_000, 2)
SOURCE = object()


def test_the_meter_says_rate_and_loss_of_the_last_second_and_loss_of_the_last_ten() -> None:
    meter = Meter()
    meter.take(1.0, 125_000, 100, 10)
    assert (meter.kbit_s, meter.loss, meter.recent_loss) == (1000.0, 0.1, 0.1)
    meter.take(2.0, 375_000, 200, 10)
    assert (meter.kbit_s, meter.loss, meter.recent_loss) == (1000.0, 0.0, 0.05)
    for _ in range(9):
        meter.take(1.0, 375_000, 200, 10)
    assert (meter.kbit_s, meter.recent_loss) == (0.0, 0.0)


def test_the_meter_bears_counts_that_begin_anew() -> None:
    meter = Meter()
    meter.take(1.0, 1000, 100, 10)
    meter.take(1.0, 10, 1, 0)
    assert (meter.kbit_s, meter.loss) == (0.0, 0.0)


def track(*extensions: tuple[str, bytes], reported: bool = True) -> Track:
    """A packet that arrived at 100.25 by our clock; the publisher's showed NTP at our 100.0."""
    track = Track("audio", 1, 2, 0, 0, 512)
    packet = rtp.Packet(111, False, 7, 0, 9, {}, b"sound")
    track.push(SOURCE, OPUS, 7, packet, extensions, b"\0\0\0", 100.25)
    if reported:
        track.on_sender_report(SOURCE, SenderReport(9, NTP, 0, 1, 5, ()), 100.0)
    return track


def captured(seconds: float, offset_s: float | None = None) -> tuple[str, bytes]:
    value = (NTP + int(seconds * 2**32)).to_bytes(8, "big")
    if offset_s is not None:
        value += int(offset_s * 2**32).to_bytes(8, "big", signed=True)
    return rtp.ABS_CAPTURE_TIME, value


def test_delay_from_capture_by_the_publishers_own_clock() -> None:
    assert capture_delay_s(track(captured(0.05))) == pytest.approx(0.2, abs=1e-6)
    # The capture clock is 3 s ahead of the publisher's: it captured at 3.05 by that one.
    assert capture_delay_s(track(captured(3.05, 3.0))) == pytest.approx(0.2, abs=1e-6)
    assert capture_delay_s(track(captured(0.26))) == 0.0


@pytest.mark.parametrize("extensions", [[], [(rtp.ABS_CAPTURE_TIME, b"short")], [(rtp.AUDIO_LEVEL, b"12345678")]])
def test_a_publisher_that_does_not_say_when_it_captured_is_judged_by_its_sender_reports(
    extensions: list[tuple[str, bytes]],
) -> None:
    assert capture_delay_s(track(*extensions)) == pytest.approx(0.25, abs=1e-4)


@pytest.mark.parametrize(
    "unusable",
    [
        track(reported=False),
        track(captured(0.05), reported=False),
        track(captured(5.0)),
        track(captured(-3600.0)),
    ],
)
def test_a_delay_that_is_not_known_is_not_guessed(unusable: Track) -> None:
    assert capture_delay_s(unusable) is None


async def test_what_a_relay_counts_only_grows_and_outlives_its_peers() -> None:
    async with relaying() as root, relaying() as child:
        assert root.figures() == RelayFigures()

        def of(relay: object) -> StreamFigures:
            return next(each for each in relay.figures().streams if each.lecture == LECTURE)  # type: ignore[attr-defined]

        async with raw_publishing(root, partial(root.whip, LECTURE)) as publisher:
            publisher.send(VIDEO_SSRC, 0, [KEYFRAME + b"first"])
            await until(lambda: root.status(LECTURE).live)
            async with pulling(child, lambda: root):
                await until(lambda: root.status(LECTURE).nodes == 1 and child.status(LECTURE).fed)
                screen = Screen()
                await screen.open(partial(root.whep, LECTURE))
                await until(lambda: root.status(LECTURE).viewers == 1)
                assert publisher.peer is not None
                publisher.peer.send_rtcp(rtcp.sender_report(SenderReport(VIDEO_SSRC, NTP, 0, 1, 6, ())))
                publisher.send(VIDEO_SSRC, 1, [DELTA + bytes(50)] * 3)
                publisher._sequence[VIDEO_SSRC] += 6  # these are missing, and never come
                publisher.send(VIDEO_SSRC, 2, [DELTA + bytes(50)] * 3)
                root.stream(LECTURE).want_keyframe()
                await until(lambda: of(child).totals.lost == 6)
                await until(lambda: bool(of(root).round_trips_s))
                above, below = of(root), of(child)
                assert (above.status.nodes, above.status.viewers) == (1, 1)
                assert root.figures().open == 3
                assert above.totals.packets_in == 7
                assert above.totals.lost == 6
                assert above.totals.nacks_sent >= 6
                assert above.totals.packets_out >= 14
                assert above.totals.octets_out > above.totals.octets_in
                await until(lambda: of(root).totals.keyframe_requests == publisher.keyframe_requests > 0)
                assert above.totals.nacks_received >= below.totals.nacks_sent >= 6
                assert below.totals.packets_in == 7
                hop = below.status.hop
                assert hop is not None
                assert hop.round_trip_ms is not None
                assert 0 < hop.round_trip_ms < 5000
                assert hop.jitter_ms is not None
                assert above.status.hop is not None
                assert above.status.hop.round_trip_ms is None  # the publisher asks us, not we the publisher
                await screen.close()
                await until(lambda: root.status(LECTURE).viewers == 0)
            await until(lambda: root.status(LECTURE).nodes == 0)
        await until(lambda: not root.status(LECTURE).fed)
        after = of(root)
        assert (after.status.hop, after.round_trips_s, root.figures().open) == (None, (), 0)
        assert after.totals.packets_out >= above.totals.packets_out
        assert after.totals.packets_in >= above.totals.packets_in
        assert after.totals.lost == 6
