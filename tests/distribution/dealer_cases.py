"""Deals a stream of numbers and prints, as JSON, what came of it: python dealer_cases.py

In a process of its own, because the servers of the tf.data service last as long as theirs.
"""

import json
import os
import sys
import threading
import time

from pipeline.distribution.dealer import Dealer
from pipeline.keras import tf

HOST = "127.0.0.1"
NUMBER = tf.TensorSpec((), tf.int64)


def dealer_of(numbers):
    return Dealer(tf.data.Dataset.from_generator(numbers, output_signature=NUMBER), HOST)


def in_order():
    """Eight of a stream of five, as one consumer gets them."""
    return [int(number) for number in dealer_of(lambda: iter(range(5))).take().take(8)]


def shared():
    """What two consumers get of a stream together; it is ended while its 21st number is made and one of them waits."""
    made = []

    def numbers():
        for number in range(1000):
            if number == 20:
                dealer._over.wait()
            made.append(number)
            yield number

    dealer = dealer_of(numbers)
    consumers = [iter(dealer.take()) for _ in range(2)]
    got = [[int(next(each)) for _ in range(5)] for each in consumers]
    waiting = threading.Thread(target=lambda: got[0].extend(int(number) for number in consumers[0]))
    waiting.start()
    while len(made) < 20:
        time.sleep(0.01)
    dealer.end()
    waiting.join()
    count = len(made)
    got[1].extend(int(number) for number in consumers[1])
    return {"got": got, "made": count, "made_later": len(made) - count}


def failing():
    """The error that a consumer is told of a stream that fails; its end tells of none."""

    def numbers():
        yield 1
        raise ValueError("a broken file")

    dealer, said = dealer_of(numbers), ""
    try:
        list(dealer.take())
    except tf.errors.OpError as error:
        said = error.message
    dealer.end()
    return said


if __name__ == "__main__":
    print(json.dumps({"in_order": in_order(), "shared": shared(), "failing": failing()}))
    sys.stdout.flush()
    os._exit(0)  # the servers' threads would be waited for
