import AVFoundation
import EdgebenchCore
import EdgebenchCoreML
import SwiftUI
import UIKit

/// What a model says of what the camera sees, live.
struct CameraView: View {
    let store: ModelStore

    @State private var model = 0
    @State private var units = ComputeUnits.all
    @State private var seen: Seen?
    @State private var problem: String?
    @State private var camera = CameraSource()
    @State private var worker: Worker

    init(store: ModelStore) {
        self.store = store
        _worker = State(initialValue: Worker(store))
    }

    var body: some View {
        VStack(alignment: .leading) {
            ChoiceView(models: store.models, model: $model, units: $units)
            if let problem {
                Text(problem)
            } else {
                PreviewView(session: camera.session)
                    .aspectRatio(3 / 4, contentMode: .fit)
                    .overlay { if let seen { OverlayView(seen: seen) } }
                    .accessibilityLabel("What the camera sees")
            }
            if let seen {
                // VoiceOver reads it when asked, and not thirty times a second.
                Text(seen.words).font(.callout).monospacedDigit().accessibilityAddTraits(.updatesFrequently)
            }
            Spacer()
        }
        .padding()
        .navigationTitle("Camera")
        .task { await watch() }
        .onChange(of: model) { _ in load() }
        .onChange(of: units) { _ in load() }
        .onDisappear { camera.stop() }
    }

    private func load() {
        seen = .loading
        let choice = Choice(model: store.models[model], units: units)
        Task { seen = await worker.load(choice) }
    }

    private func watch() async {
        load()
        do {
            try await camera.start()
        } catch {
            problem = sentence(error)
            return
        }
        for await frame in camera.frames {
            if let found = await worker.predict(frame) { seen = found }
        }
    }
}

/// The camera's own preview, which costs the model nothing.
private struct PreviewView: UIViewRepresentable {
    final class Layered: UIView {
        override class var layerClass: AnyClass { AVCaptureVideoPreviewLayer.self }

        var preview: AVCaptureVideoPreviewLayer? { layer as? AVCaptureVideoPreviewLayer }
    }

    let session: AVCaptureSession

    func makeUIView(context: Context) -> Layered {
        let view = Layered()
        view.preview?.session = session
        view.preview?.videoGravity = .resizeAspectFill
        return view
    }

    func updateUIView(_ view: Layered, context: Context) {}
}
