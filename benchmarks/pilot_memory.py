"""Peak memory of a folder of many small images: listed, decoded, pretrained and trained on, each in turn.

python benchmarks/pilot_memory.py --images 200000
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from pilots.data.files import prepared, without_judged
from pilots.data.listings import class_folders
from pilots.trainers import Run
from pilots.trainers.networks import NetworkTrainer, Problem

CLASSES = 10


def write_images(folder: Path, count: int) -> None:
    """So many different PNG files of 4 x 4 random pixels, a folder for each class."""
    random = np.random.default_rng(0)
    for kind in range(CLASSES):
        (folder / str(kind)).mkdir(parents=True)
    for row in range(count):
        pixels = random.integers(0, 256, (4, 4), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / str(row % CLASSES) / f"{row}.png")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--images", type=int, default=20_000)
    given = options.parse_args()

    def say(what: str) -> None:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"| {what} | {peak:,.0f} | {time.process_time() - started:.0f} |", flush=True)

    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write_images(folder / "images", given.images)
        started = time.process_time()
        print("| | peak MB so far | CPU seconds so far |\n|---|---:|---:|")
        say("libraries loaded")
        listing = class_folders(folder / "images")
        say(f"{len(listing.items):,} images listed")
        names = [item.name for item in listing.items]
        source, report = prepared(listing, folder / "cache", size=32, channels=3)
        del listing
        say("decoded to 32 x 32 in colour")
        pool = without_judged(source, names, report, {"all": source})
        say("compared with the images that a task is tested on")
        trainer = NetworkTrainer({"all": Problem("classification", source)}, {"pool": pool})
        labels = len(source.items("train"))
        trainer.pretrain((("pool", labels),), 0, folder)
        say(f"pretrained on {labels:,}")
        outcome = trainer.train(Run("all", labels, 0, (("pool", labels),)), folder)
        say(f"trained on {labels:,}, tested on {outcome.test_size:,}")


if __name__ == "__main__":
    main()
