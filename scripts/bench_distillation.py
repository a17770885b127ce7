"""A student alone and distilled, over seeds: with 2,000 of the training examples, and with all 54,000.

    python scripts/bench_distillation.py --seeds 5

Runs the experiment fashion_mnist_few_labels once a seed and prints the test accuracy of both students, the mean of the
differences of each seed, its 95 % confidence interval and the p value of Student's paired t-test. Both start from the
same weights and see the same examples in the same order; the teacher is the same for all seeds.
"""

import argparse
from pathlib import Path

import numpy as np
from experiment_runs import figures, publish, run, spread, table
from scipy import stats

PAIRS = ("few labels", "all labels")
COLUMNS = ["student sees", "alone, %", "distilled, %", "difference", "95 % interval", "p"]


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5, help="how many seeds, from 0 on, 2 or more (default: 5)")
    parser.add_argument("--output", type=Path, help="a Markdown file to write too")
    options, overrides = parser.parse_known_args()
    if options.seeds < 2:
        parser.error(f"--seeds {options.seeds}: a paired test needs 2 or more")
    runs = [figures(run("fashion_mnist_few_labels", seed, overrides)) for seed in range(options.seeds)]
    rows = []
    for pair in PAIRS:
        alone, distilled = (
            np.array([each[f"{pair}, {way}"]["accuracy"] for each in runs]) for way in ("alone", "distilled")
        )
        test = stats.ttest_rel(distilled, alone)
        low, high = test.confidence_interval(0.95)
        difference = [f"{np.mean(distilled - alone):+.2f}", f"{low:+.2f} to {high:+.2f}", f"{test.pvalue:.2g}"]
        rows.append([pair, spread(alone, 2), spread(distilled, 2), *difference])
    teacher = spread([each["teacher"]["accuracy"] for each in runs], 2)
    publish(f"Teacher: {teacher} %; {options.seeds} seeds of students.\n\n" + table(COLUMNS, rows), options.output)


if __name__ == "__main__":
    main()
