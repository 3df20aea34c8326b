"""The machine, in words that name nobody."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path


def line() -> str:
    """The same as a sentence."""
    known = describe()
    return f"{known['machine']}; {known['system']}; load before: {known['load_before']:.2f}."


def describe() -> dict[str, object]:
    """Processor, system, and how many processes wanted to run in the minute before."""
    found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return {
        "machine": f"{found[1] if found else platform.machine()}, {os.cpu_count()} cores",
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "load_before": round(os.getloadavg()[0], 2),
    }
