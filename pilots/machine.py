"""What this machine has for pilots: processors, and GPUs to be dealt out."""

from __future__ import annotations

import os
import shutil
import subprocess

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def default_slots() -> int:
    """One slot for each processor this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def several_gpus() -> tuple[str, ...]:
    """The GPUs to be dealt out, as CUDA_VISIBLE_DEVICES names them; nothing where there is only one to be had."""
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if given is not None:
        found = [name.strip() for name in given.split(",") if name.strip()]
    elif shutil.which("nvidia-smi"):
        query = ["nvidia-smi", "--query-gpu=uuid", "--format=csv,noheader"]
        found = subprocess.run(query, capture_output=True, text=True, check=False).stdout.split()
    else:
        found = []
    return tuple(found) if len(found) > 1 else ()


def threads(slots: int) -> dict[str, str]:
    """What keeps the slots from getting into each other's way: an equal share of the processors' threads for each."""
    share = str(max(1, default_slots() // slots))
    return {name: os.environ.get(name, share) for name in THREAD_VARIABLES}
