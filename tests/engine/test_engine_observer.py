import logging

import pytest

from pipeline.engine.ledger import Entry
from pipeline.engine.observer import Observer, Observers

ENTRY = Entry("a", "train", "0" * 32, "built")


class Recorder(Observer):
    name = "recorder"

    def __init__(self, fails_at=None):
        self.heard, self.fails_at = [], fails_at

    def __getattribute__(self, name):
        if name not in ("started", "step", "epoch", "finished", "settled", "end"):
            return super().__getattribute__(name)

        def hear(*arguments):
            if name == self.fails_at:
                raise RuntimeError("a\nb")
            self.heard.append((name, *arguments))

        return hear


def follow(observers):
    observers.started("a")
    observers.step("a", 1)
    observers.epoch("a", 1, {"loss": 0.5})
    observers.finished("a")
    observers.settled(ENTRY, None)
    observers.end("finished")


ALL = [
    ("started", "a"),
    ("step", "a", 1),
    ("epoch", "a", 1, {"loss": 0.5}),
    ("finished", "a"),
    ("settled", ENTRY, None),
    ("end", "finished"),
]


def test_each_hears_all():
    each = [Recorder(), Recorder()]
    follow(Observers(each))
    assert [recorder.heard for recorder in each] == [ALL, ALL]
    follow(Observers([Observer()]))


@pytest.mark.parametrize("place", range(len(ALL)))
def test_one_that_fails_is_told_of_twice_and_heard_no_more(place, caplog):
    caplog.set_level(logging.WARNING)
    failing, other = Recorder(ALL[place][0]), Recorder()
    follow(Observers([failing, other]))
    assert failing.heard == [*ALL[:place], *([("end", "interrupted")] if ALL[place][0] != "end" else [])]
    assert other.heard == ALL
    assert [record.getMessage() for record in caplog.records] == [
        "recorder failed (RuntimeError: a b); the run goes on without it",
        "recorder is incomplete: it failed during the run (RuntimeError: a b)",
    ]
