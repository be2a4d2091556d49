import EdgebenchCore
import SwiftUI

/// A computer that measures starts the app with an environment, which says what it is to do; a person without one.
@main
struct EdgebenchApp: App {
    @StateObject private var measurement = Measurement()

    private let launch = Launch(
        environment: ProcessInfo.processInfo.environment, home: URL(fileURLWithPath: NSHomeDirectory()))

    var body: some Scene {
        WindowGroup {
            if let launch {
                BenchmarkView(measurement: measurement)
                    .task { measurement.begin(launch) }
            } else {
                HomeView()
            }
        }
    }
}
