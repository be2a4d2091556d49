import EdgebenchCore
import EdgebenchCoreML
import PhotosUI
import SwiftUI

/// A picture of the library, and what one model says of it, or two side by side.
struct PictureView: View {
    let store: ModelStore
    let panels: Int

    @State private var item: PhotosPickerItem?
    @State private var picture: Picture?
    @State private var image: CGImage?
    @State private var problem: String?

    var body: some View {
        ScrollView {
            // The system's picker needs no permission: the app gets the one picture.
            PhotosPicker("Choose a picture", selection: $item, matching: .images)
                .buttonStyle(.bordered)
            if let problem { Text(problem) }
            HStack(alignment: .top) {
                ForEach(0..<panels, id: \.self) { place in
                    PanelView(store: store, picture: picture, image: image, first: place)
                }
            }
        }
        .padding()
        .navigationTitle(panels > 1 ? "Compare two models" : "Picture")
        .task(id: item) { await read() }
    }

    private func read() async {
        guard let item else { return }
        do {
            guard let data = try await item.loadTransferable(type: Data.self) else {
                throw RunnerError("The picture cannot be read.")
            }
            let (read, shown) = try await Pictures.read(data)
            (picture, image, problem) = (read, shown, nil)
        } catch {
            problem = sentence(error)
        }
    }
}

/// One model beside a picture; a screen that compares has two.
private struct PanelView: View {
    private static let times = 20

    let store: ModelStore
    let picture: Picture?
    let image: CGImage?

    @State private var model: Int
    @State private var units = ComputeUnits.all
    @State private var seen: Seen?
    @State private var worker: Worker

    init(store: ModelStore, picture: Picture?, image: CGImage?, first: Int) {
        self.store = store
        self.picture = picture
        self.image = image
        _model = State(initialValue: min(first, store.models.count - 1))
        _worker = State(initialValue: Worker(store))
    }

    var body: some View {
        VStack(alignment: .leading) {
            ChoiceView(models: store.models, model: $model, units: $units)
            if let image {
                Image(decorative: image, scale: 1)
                    .resizable()
                    .aspectRatio(contentMode: .fit)
                    .overlay { if let seen { OverlayView(seen: seen) } }
            }
            if let seen {
                Text(seen.words).font(.callout).monospacedDigit()
            }
        }
        .task(id: Asked(model: model, units: units, picture: picture?.id)) { await predict() }
    }

    private struct Asked: Equatable {
        let model: Int
        let units: ComputeUnits
        let picture: UUID?
    }

    private func predict() async {
        seen = .loading
        seen = await worker.load(Choice(model: store.models[model], units: units))
        guard seen == nil, let picture else { return }
        seen = await worker.predict(picture, times: Self.times)
    }
}
