"""What every reader of JUnit XML relies on."""

from __future__ import annotations

from xml.etree import ElementTree


def check_schema(root: ElementTree.Element) -> None:
    """The elements and attributes of Jenkins' junit-10.xsd, and counts that are true."""
    children = {
        "testsuites": {"testsuite"},
        "testsuite": {"testcase"},
        "testcase": {"failure", "error", "skipped", "system-out"},
    }
    required = {"testsuites": set(), "testsuite": {"name", "tests"}, "testcase": {"name"}}
    for element in root.iter():
        assert {child.tag for child in element} <= children.get(element.tag, set())
        assert required.get(element.tag, set()) <= set(element.keys())
    for element in (root, *root.iter("testsuite")):
        for name, tag in (
            ("tests", "testcase"),
            ("failures", "failure"),
            ("errors", "error"),
            ("skipped", "skipped"),
        ):
            assert int(element.get(name, "")) == len(list(element.iter(tag)))
