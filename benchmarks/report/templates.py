"""The templates of the HTML pages: one environment for all of them."""

from __future__ import annotations

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined


def page(template: str, **values: Any) -> str:
    """A page from its template in this folder; what is missing is an error, markup is escaped."""
    environment = Environment(
        loader=PackageLoader("edgebench.benchmarks.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(**values)
