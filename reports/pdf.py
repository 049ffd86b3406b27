"""The page on paper: printed to PDF by a Chromium that is installed, and by nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from budget.errors import LabelBudgetError

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
VARIABLE = "LABELBUDGET_CHROMIUM"
SECONDS = 120
QUIET = ("--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update")


class NoBrowser(LabelBudgetError):
    """There is no Chromium to print with, or it printed nothing."""


def find_browser() -> str:
    """The Chromium to print with: the one named in LABELBUDGET_CHROMIUM, else the first one found.

    Raises NoBrowser, saying how to print without.
    """
    named = os.environ.get(VARIABLE)
    found = shutil.which(named) if named else next(filter(None, map(shutil.which, BROWSERS)), None)
    if not found:
        looked = named or ", ".join(BROWSERS)
        raise NoBrowser(
            f"no Chromium to print with (looked for: {looked}); try: set {VARIABLE} to one, "
            "or write the page with --format html, open it in any browser and print it there"
        )
    return found


def to_pdf(page: str) -> bytes:
    """This page as PDF, in the state in which it prints: every fold open, the slider at the proposed plan.

    Raises NoBrowser.
    """
    browser = find_browser()
    with tempfile.TemporaryDirectory(prefix="labelbudget-") as folder:
        source, target = Path(folder, "page.html"), Path(folder, "page.pdf")
        source.write_text(page, encoding="utf-8")
        sandbox = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
        command = [
            browser,
            "--headless",
            *sandbox,
            "--disable-gpu",
            "--no-first-run",
            "--disable-background-networking",
        ]
        command += [f"--user-data-dir={folder}/profile", "--no-pdf-header-footer", f"--print-to-pdf={target}"]
        try:
            done = subprocess.run([*command, source.as_uri()], capture_output=True, timeout=SECONDS, check=False)
        except subprocess.TimeoutExpired:
            raise NoBrowser(f"{browser} did not finish printing within {SECONDS} seconds") from None
        if not target.exists():
            reason = done.stderr.decode(errors="replace").strip().splitlines()
            raise NoBrowser(
                f"{browser} printed nothing (exit status {done.returncode}): {reason[-1] if reason else ''}"
            )
        return target.read_bytes()
