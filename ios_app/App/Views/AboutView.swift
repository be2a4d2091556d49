import EdgebenchCore
import SwiftUI
import UIKit

struct AboutView: View {
    var body: some View {
        List {
            LabeledContent("edgebench", value: Measurement.version)
            LabeledContent("Contract", value: contract)
            LabeledContent("System", value: "\(UIDevice.current.systemName) \(UIDevice.current.systemVersion)")
            Section("Licences") {
                Text("This app: Apache License 2.0, https://www.apache.org/licenses/LICENSE-2.0")
                Text("Models: see their manifests, which lie beside them in the project.")
            }
        }
        .navigationTitle("About")
    }
}
