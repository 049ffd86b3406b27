"""The built-in pilots as a table: mean score, scatter over seeds and seconds a run, by task, pool labels and labels.

python benchmarks/pilot_curves.py --labels 50 100 200 400 800 --pool 0 1000 4000 --seeds 2
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from statistics import mean, stdev

from pilots.trainers import Run
from pilots.trainers.networks import digit_scenes


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--tasks", nargs="+", default=list(digit_scenes().tasks))
    options.add_argument("--labels", nargs="+", type=int, default=[50, 100, 200, 400, 800])
    options.add_argument("--pool", nargs="+", type=int, default=[0, 1000, 4000])
    options.add_argument("--seeds", type=int, default=2)
    options.add_argument("--mode", choices=["finetune", "frozen", "scratch"], default="finetune")
    given = options.parse_args()
    trainer = digit_scenes()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        started = time.process_time()
        for pool in given.pool:
            for seed in range(given.seeds):
                trainer.pretrain((("general", pool),), seed, folder)
        print(f"pretraining: {time.process_time() - started:.1f} CPU seconds\n")
        print(f"| task | pool | {' | '.join(f'{labels} labels' for labels in given.labels)} | CPU seconds a run |")
        print(f"|---|---:|{'---:|' * (len(given.labels) + 1)}")
        for task in given.tasks:
            for pool in given.pool:
                started = time.process_time()
                cells = []
                for labels in given.labels:
                    runs = [
                        Run(task, labels, seed, (("general", pool),), mode=given.mode) for seed in range(given.seeds)
                    ]
                    scores = [trainer.train(run, folder).score for run in runs]
                    found = [score for score in scores if score is not None]
                    cells.append(
                        f"{mean(found):.3f} ± {stdev(found) if len(found) > 1 else 0:.3f}" if found else "failed"
                    )
                seconds = (time.process_time() - started) / given.seeds / len(given.labels)
                print(f"| {task} | {pool} | {' | '.join(cells)} | {seconds:.2f} |", flush=True)


if __name__ == "__main__":
    main()
