import EdgebenchCore
import Foundation

/// What every model of a bundle says of one image, as JSON by line; the image is a file of its bytes for each size.
func predict(bundle folder: URL, images: URL, _ runtime: any Runtime) throws {
    let bundle = try ModelBundle(reading: Data(contentsOf: folder.appendingPathComponent("bundle.json")))
    for model in bundle.models {
        let rgb = try Data(contentsOf: images.appendingPathComponent("\(model.height)x\(model.width).rgb"))
        let pixels = try Pixels(height: model.height, width: model.width, rgb: [UInt8](rgb))
        let engine = try runtime.open(folder.appendingPathComponent(model.file), threads: 1, delegate: "none")
        print(described(try Predictor(model, engine).predict(pixels)).line)
    }
}

private func described(_ found: Prediction) -> Json {
    switch found {
    case .classes(let ranked): Json(ranked.map { Json([Json($0.index), Json($0.score)]) })
    case .boxes(let boxes):
        Json(
            boxes.map {
                Json([
                    Json($0.left), Json($0.top), Json($0.right), Json($0.bottom), Json($0.score), Json($0.index),
                ])
            })
    case .map(let map): Json(map.classes)
    case .numbers(let numbers):
        .object(
            JsonObject(
                numbers.sorted { $0.key < $1.key }.map { name, values in
                    (name, Json((0..<values.count).map { Json(values.double($0)) }))
                }))
    }
}
