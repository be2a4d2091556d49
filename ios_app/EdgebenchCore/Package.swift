// swift-tools-version: 6.0

import PackageDescription

let package = Package(
    name: "EdgebenchCore",
    platforms: [.iOS(.v16), .macOS(.v13)],
    products: [
        .library(name: "EdgebenchCore", targets: ["EdgebenchCore"]),
        .library(name: "EdgebenchCoreML", targets: ["EdgebenchCoreML"]),
        .executable(name: "edgebench-coreml", targets: ["edgebench-coreml"]),
    ],
    targets: [
        // Foundation alone: it builds and is tested on any system.
        .target(name: "EdgebenchCore"),
        // Core ML and Apple's systems; nothing is in it elsewhere.
        .target(name: "EdgebenchCoreML", dependencies: ["EdgebenchCore"]),
        .executableTarget(name: "edgebench-coreml", dependencies: ["EdgebenchCore", "EdgebenchCoreML"]),
        .testTarget(name: "EdgebenchCoreTests", dependencies: ["EdgebenchCore"]),
    ],
    swiftLanguageModes: [.v6]
)
