// swift-tools-version: 6.0

// The app's core as a program of this machine, for tests: the evaluator of programs answers in the place of Core ML.

import PackageDescription

let package = Package(
    name: "start",
    dependencies: [.package(path: "../../../ios_app/EdgebenchCore")],
    targets: [.executableTarget(name: "edgebench-start", dependencies: ["EdgebenchCore"])],
    swiftLanguageModes: [.v6]
)
