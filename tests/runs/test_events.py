"""Progress events: throttled, complete at both ends, readable however the writer ended."""

from __future__ import annotations

import json
import time

import pytest

from workbench.runs.events import EVENTS, EventLog, read_events


def written(folder):
    return [json.loads(line) for line in (folder / EVENTS).read_text().splitlines()]


def test_a_burst_is_throttled_but_its_first_and_last_event_stand(tmp_path):
    log = EventLog(tmp_path)
    for done in range(1001):
        log.write(done, 1000, "row")
    log.close()
    counts = [event["done"] for event in written(tmp_path)]
    assert counts[0] == 0
    assert counts[-1] == 1000
    assert len(counts) < 100


def test_closing_early_writes_where_the_work_stood(tmp_path):
    log = EventLog(tmp_path)
    log.write(1, 10, "a")
    log.write(2, 10, "b")
    assert [event["done"] for event in written(tmp_path)] == [1]
    log.close()
    assert [event["done"] for event in written(tmp_path)] == [1, 2]


def test_a_torn_last_line_is_passed_over_and_not_continued(tmp_path):
    first = json.dumps({"time": 1.0, "done": 3, "total": 10, "message": "x"})
    (tmp_path / EVENTS).write_text(first + "\n" + first[:20])
    assert read_events(tmp_path).done == 3
    log = EventLog(tmp_path)
    log.write(4, 10, "y")
    log.close()
    assert read_events(tmp_path).done == 4


@pytest.mark.parametrize("line", ["[]", "null", "{}", '{"time": "x"}', "\x00\x00", ""])
def test_foreign_lines_are_passed_over(tmp_path, line):
    good = json.dumps({"time": 1.0, "done": 3, "total": 10, "message": "x"})
    (tmp_path / EVENTS).write_text(f"{good}\n{line}\n")
    assert read_events(tmp_path).done == 3


def test_without_events_there_is_no_progress(tmp_path):
    assert read_events(tmp_path) is None
    (tmp_path / EVENTS).write_text("")
    assert read_events(tmp_path) is None


def put(folder, rows):
    lines = [
        json.dumps({"time": t, "done": d, "total": n, "message": "m"}) + "\n" for t, d, n in rows
    ]
    (folder / EVENTS).write_text("".join(lines))


def test_the_estimate_follows_the_pace(tmp_path):
    put(tmp_path, [(100.0, 0, 10), (102.0, 2, 10), (104.0, 4, 10)])
    assert read_events(tmp_path).eta_seconds == pytest.approx(6.0)


def test_the_estimate_leaves_out_an_earlier_phase(tmp_path):
    put(tmp_path, [(0.0, 0, 7), (90.0, 7, 7), (100.0, 0, 10), (105.0, 5, 10)])
    assert read_events(tmp_path).eta_seconds == pytest.approx(5.0)


def test_one_event_alone_has_no_estimate_and_the_last_one_zero(tmp_path):
    put(tmp_path, [(100.0, 1, 10)])
    assert read_events(tmp_path).eta_seconds is None
    put(tmp_path, [(100.0, 10, 10)])
    assert read_events(tmp_path).eta_seconds == 0.0


def test_since_leaves_out_the_pause_before_a_resume(tmp_path):
    put(tmp_path, [(100.0, 0, 10), (102.0, 2, 10), (5000.0, 2, 10), (5002.0, 4, 10)])
    since = "1970-01-01T01:00:00+00:00"
    assert read_events(tmp_path, since=since).eta_seconds == pytest.approx(6.0)
    assert read_events(tmp_path, since="1971-01-01T00:00:00+00:00") is None


def test_a_long_log_is_read_from_its_end_only(tmp_path):
    put(tmp_path, [(float(i), i, 20_000) for i in range(20_000)])
    start = time.perf_counter()
    assert read_events(tmp_path).done == 19_999
    assert time.perf_counter() - start < 0.5
