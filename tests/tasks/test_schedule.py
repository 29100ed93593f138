"""Schedules of timers, as NCrontab reads them; the cases follow its source."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from helpers.localcloud.tasks.schedule import Schedule, ScheduleError

MONDAY = datetime(2026, 11, 23, 21, 30, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    "text",
    [
        "* * * * *",
        "30 21 23 11 1",
        "*/15 21 * * *",
        "  30   21 * * * ",
        "0/30 * * * *",
        "5/25 * * * *",
        "10,30 20-22 * nov MON-FRI",
        "30 22-20 * novem m",  # a range may be written backwards, a name cut short
        "*/0 * * * *",
        "*/-5 * * * *",
        "30 * 23 * monday",
    ],
)
def test_a_minute_that_a_schedule_names(text: str) -> None:
    assert Schedule.parse(text).names(MONDAY)


@pytest.mark.parametrize(
    "text",
    [
        "31 * * * *",
        "*/20 * * * *",
        "7/10 * * * *",
        "30 21 24 * 1",  # a Monday, but another day of the month: both must fit
        "30 21 23 * 2",
        "30 21 * 10 *",
        "30 21 * * 0",
    ],
)
def test_a_minute_that_it_does_not_name(text: str) -> None:
    assert not Schedule.parse(text).names(MONDAY)


def test_sunday_is_0() -> None:
    sunday = MONDAY.replace(day=22)
    assert Schedule.parse("30 21 * * 0").names(sunday)
    assert Schedule.parse("30 21 * * sun").names(sunday)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it has 0 fields"),
        ("* * * *", "it has 4 fields"),
        ("0 * * * * *", "it has 6 fields"),
        ("*\t* * * *", "it has 4 fields"),
        ("0 0 * * 7", "day of week, 7 is higher than the maximum"),
        ("0 0 * * 1-7", "7 is higher than the maximum"),
        ("0 0 0 * *", "day of month, 0 is lower than the minimum: it must be between 1 and 31"),
        ("60 * * * *", "minute, 60 is higher"),
        ("70/5 * * * *", "minute, 70 is higher"),
        ("0 0 L * *", "'L' is no number"),
        ("0 0 ? * *", "'\\?' is no number"),
        ("0 0 * * 1#2", "'1#2' is no number, nor the beginning of Sunday"),
        ("0 0 * foo *", "month, 'foo' is no number, nor the beginning of January"),
        ("-5 * * * *", "'-5' is no number"),
        ("5- * * * *", "'' is no number"),
        ("1-2-3 * * * *", "'2-3' is no number"),
        ("1,,2 * * * *", "'' is no number"),
        (",1 * * * *", "',1' is no number"),
        ("*/x * * * *", "the step 'x' is no number"),
        ("*/99999999999 * * * *", "the step '99999999999' is no number"),
        ("/5 * * * *", "'/5' is no number"),
        ("٣ * * * *", "is no number"),
        ("99999999999999999999 * * * *", "is higher than the maximum"),
    ],
)
def test_what_is_no_schedule_is_told(text: str, why: str) -> None:
    with pytest.raises(ScheduleError, match=why):
        Schedule.parse(text)
