"""What a page tells of its browser, as a result's context and readings have it.

A browser tells little. What it does not tell is null, or "unknown" where a word is needed.
"""

from __future__ import annotations

import re
from typing import Any

from edgebench.deploy.runner.messages import Json
from edgebench.deploy.transports.browser.assets import VERSION

PRODUCTS = (
    ("Edg", "Edge"),
    ("OPR", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Firefox", "Firefox"),
    ("FxiOS", "Firefox for iOS"),
    ("CriOS", "Chrome for iOS"),
    ("HeadlessChrome", "Headless Chrome"),
    ("Chrome", "Chrome"),
    ("Version", "Safari"),
)
"""Products in a user agent, in the order in which they decide: most name others too."""

GREASE = re.compile(r"not.?a.?brand", re.IGNORECASE)
"""A brand that Chromium makes up, so that nobody takes the list for fixed."""

UNKNOWN = "unknown"


def browser(page: Json) -> str:
    """The browser's name and version, such as "Chrome 150.0.7871.100"."""
    for one in page.get("brands") or ():
        name = str(one.get("brand", ""))
        if name and name != "Chromium" and not GREASE.search(re.sub(r"\W", ".", name)):
            return f"{name} {one.get('version', '')}".strip()
    agent = str(page.get("agent", ""))
    for product, name in PRODUCTS:
        if found := re.search(rf"{product}/([\d.]+)", agent):
            return f"{name} {found[1]}"
    return "a browser"


def system(page: Json) -> str:
    """The system below it, as far as it tells."""
    if page.get("platform"):
        return f"{page['platform']} {page.get('platform_version') or ''}".strip()
    agent = str(page.get("agent", ""))
    if found := re.search(r"(?:iPhone|CPU) OS ([\d_]+)", agent):
        return f"iOS {found[1].replace('_', '.')}"
    for word in ("Android", "Windows", "Mac OS X", "CrOS", "Linux"):
        if word in agent:
            return word
    return UNKNOWN


def machine(page: Json) -> str:
    architecture = page.get("architecture")
    return f"{architecture}-{page.get('bitness') or '?'}" if architecture else UNKNOWN


def build(page: Json, plan: Json) -> str:
    """Which of LiteRT.js's builds runs the plan, without its ending."""
    if plan["delegate"] == "gpu":
        kind = "jspi_internal"
    elif plan["threads"] > 1:
        kind = "threaded_internal"
    else:
        kind = "internal" if page.get("relaxed_simd") else "compat_internal"
    return f"litert_wasm_{kind}"


def refusal(page: Json, plan: Json) -> str | None:
    """Why a browser cannot run a plan as it is; None if it can."""
    delegate, threads = plan["delegate"], plan["threads"]
    if plan["cores"] is not None:
        return "a browser cannot pin its threads to cores; leave out --cores"
    if delegate not in ("xnnpack", "gpu"):
        return (
            f"a browser has no delegate {delegate}: it runs models in WebAssembly (xnnpack, the "
            "default) or by WebGPU (--delegate gpu)"
        )
    if delegate == "gpu" and not page.get("webgpu"):
        return "this browser has no WebGPU at this address; leave out --delegate gpu"
    if threads > 1 and not page.get("isolated"):
        return (
            "threads need a page that is cross-origin isolated, and this address is not secure; "
            "use --threads 1, https (edgebench serve --certificate) or a cable (adb reverse)"
        )
    if threads > 1 and not page.get("relaxed_simd"):
        return "LiteRT.js has threads only for browsers with relaxed SIMD; use --threads 1"
    return None


def context(page: Json, plan: Json, clock_s: float) -> Json:
    """The context of a result."""
    by = "WebGPU" if plan["delegate"] == "gpu" else "WASM"
    simd = "relaxed SIMD" if "compat" not in build(page, plan) else "SIMD"
    model = page.get("model")
    return {
        "runtimes": {
            "tflite": {
                "name": f"LiteRT.js by {by}",
                "version": f"{VERSION}, {simd}",
                "within": f"browser, {by}",
            }
        },
        "python": None,
        "numpy": None,
        "system": browser(page),
        "kernel": f"on {system(page)}",
        "machine": machine(page),
        "cpu_model": f"that of a {model}" if model else None,
        "core_count": int(page.get("cores") or 1),
        "cores": None,
        "threads": plan["threads"],
        "delegate": plan["delegate"],
        "clock_s": clock_s,
    }


def readings(measured: Any, page: Json) -> Json:
    """The page's readings, with what browsers do not tell as null."""
    return {
        "unix_s": float(measured["unix_s"]),
        "frequencies_khz": None,
        "governors": None,
        "temperatures_c": None,
        "thermal_status": None,
        "throttled": None,
        "battery_percent": page.get("battery_percent"),
        "charging": page.get("charging"),
        "load_1min": None,
        "running": None,
        "busy_s": None,
        "steal_s": None,
        "own_s": None,
        "core": None,
        "time_in_state_s": None,
        "probe_ns": [int(one) for one in measured["probe_ns"]],
        "saves_power": page.get("low_power"),
    }
