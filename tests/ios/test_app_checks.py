"""The app's types, checked against stubs of Apple's frameworks, and its form."""

from __future__ import annotations

import re

import pytest
import swift

pytestmark = pytest.mark.rig

STUBS = (
    *("Darwin", "CoreGraphics", "ImageIO", "CoreVideo", "CoreML", "UIKit", "SwiftUI", "PhotosUI"),
    "AVFoundation",
)
"""In the order in which they import each other."""

CHECK = """\
set -e
made=$1
rm -rf "$made" && mkdir -p "$made"
shift
common="-swift-version 6 -I $made"
for module in "$@"; do
    swiftc $common -parse-as-library -suppress-warnings -enable-library-evolution \\
        -emit-module -module-name $module \\
        -emit-module-path $made/$module.swiftmodule /src/ios_app/Stubs/$module/*.swift
done
core=/src/ios_app/EdgebenchCore/Sources
swiftc $common -parse-as-library -warnings-as-errors -emit-module -module-name EdgebenchCore \\
    -emit-module-path $made/EdgebenchCore.swiftmodule $core/EdgebenchCore/*/*.swift
swiftc $common -parse-as-library -emit-module -module-name EdgebenchCoreML \\
    -emit-module-path $made/EdgebenchCoreML.swiftmodule $core/EdgebenchCoreML/*.swift
swiftc $common -typecheck -module-name edgebench_coreml $core/edgebench-coreml/main.swift
app=/src/ios_app/App
swiftc $common -parse-as-library -typecheck -module-name edgebench $app/*.swift $app/*/*.swift
"""


def test_the_app_type_checks_against_stubs_of_apples_frameworks() -> None:
    done = swift.inside("bash", "-c", CHECK, "check", "/build/stubs", *STUBS)
    assert done.returncode == 0, swift.said(done)
    assert "error:" not in done.stderr and "warning:" not in done.stderr, swift.said(done)


def test_the_example_of_the_readme_type_checks() -> None:
    (example,) = re.findall(r"```swift\n(.*?)```", (swift.APP / "README.md").read_text(), re.S)
    words = ("-swift-version", "6", "-parse-as-library", "-I", "/build/stubs", "-typecheck")
    write = 'echo "$1" >/build/Example.swift && shift && exec swiftc "$@" /build/Example.swift'
    done = swift.inside("bash", "-c", write, "write", example, *words)
    assert done.returncode == 0, swift.said(done)


def test_the_sources_have_the_form_of_swift_format() -> None:
    folders = ("App", "EdgebenchCore", "Stubs")
    words = ("swift", "format", "lint", "--strict", "--recursive", "--parallel")
    configuration = ("--configuration", "ios_app/.swift-format")
    places = [f"ios_app/{name}" for name in folders] + ["tests/ios/start"]
    done = swift.inside(*words, *configuration, *places)
    assert done.returncode == 0, swift.said(done)
