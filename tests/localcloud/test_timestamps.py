"""Times as the services write them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from helpers.localcloud import timestamps

MOMENT = datetime(2026, 11, 25, 1, 2, 3, 40_506, tzinfo=timezone(timedelta(hours=-2)))


def test_each_service_has_its_digits_and_all_are_utc() -> None:
    assert timestamps.seconds(MOMENT) == "2026-11-25T03:02:03Z"
    assert timestamps.milliseconds(MOMENT) == "2026-11-25T03:02:03.040Z"
    assert timestamps.microseconds(MOMENT.timestamp()) == "2026-11-25T03:02:03.040506Z"
    assert timestamps.ticks(MOMENT) == "2026-11-25T03:02:03.0405060Z"
    assert abs(
        timestamps.parse(timestamps.microseconds()) - datetime.now(timezone.utc)
    ) < timedelta(minutes=1)


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-25T03:02:03.0405060Z",
        "2026-11-25T03:02:03.040506",
        "2026-11-25T05:02:03.040506+02:00",
        "2026-11-25T03:02:03.040506999Z",
    ],
)
def test_any_number_of_digits_is_read(text: str) -> None:
    assert timestamps.parse(text) == MOMENT
    assert timestamps.parse("2026-11-25T03:02:03.5Z").microsecond == 500_000


@pytest.mark.parametrize("text", ["", "soon", "0001-01-01T00:00:00+14:00", "2026-13-01T00:00:00Z"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        timestamps.parse(text)
