"""What several rooms' tests need: one headless Chromium, a page in it, and one thread for each numerical library."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

for _library in ("OPENBLAS", "OMP", "MKL"):
    os.environ.setdefault(f"{_library}_NUM_THREADS", "1")

# Shells start what they run in the background with Ctrl-C ignored, and so would every process that a test starts.
signal.signal(signal.SIGINT, signal.default_int_handler)

# No test is timed; a slow machine is not a fault.
settings.register_profile("labelbudget", deadline=None)
settings.load_profile("labelbudget")

CHROMIUM = Path(os.environ.get("LABELBUDGET_CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium")
# As root there is no sandbox; the rest keeps the browser from looking for its makers' hosts.
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A real Chromium, empty profile. Without one the test is skipped; with LABELBUDGET_REQUIRE_BROWSER it fails."""
    if not CHROMIUM.exists():
        reason = f"no Chromium at {CHROMIUM} (install the package chromium, or set LABELBUDGET_CHROMIUM)"
        if os.environ.get("LABELBUDGET_REQUIRE_BROWSER"):
            pytest.fail(reason)
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=str(CHROMIUM), headless=True, args=CHROMIUM_FLAGS)
        yield running
        running.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A fresh page at 1280 x 900; for others: `browser.new_page(viewport=…, java_script_enabled=False)`."""
    opened = browser.new_page(viewport={"width": 1280, "height": 900})
    yield opened
    opened.close()
