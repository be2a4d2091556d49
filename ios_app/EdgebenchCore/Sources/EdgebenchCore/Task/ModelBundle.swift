/// A model that the app was given, and how to use it. `height` and `width` are those of its input.
public struct BundledModel: Sendable, Identifiable {
    public let name: String
    public let precision: String
    public let file: String
    public let sha256: String
    public let sizeBytes: Int
    public let isTrained: Bool
    public let height: Int
    public let width: Int
    public let preprocessing: Preprocessing
    public let labels: [String]?
    public let task: ModelTask

    public var id: String { sha256 }

    /// The label of a class, or its number where there is none.
    public func label(_ index: Int) -> String {
        guard let labels, labels.indices.contains(index) else { return String(index) }
        return labels[index]
    }

    init(_ fields: Fields) throws {
        name = try fields["model"].text()
        precision = try fields["precision"].text()
        file = try fields["file"].text()
        sha256 = try fields["sha256"].text()
        sizeBytes = try fields["size_bytes"].long()
        isTrained = try fields["weights"].text() != "untrained"
        height = try fields["height"].count()
        width = try fields["width"].count()
        preprocessing = try Preprocessing(try fields["preprocessing"])
        labels = try fields["labels"].orNil { try $0.list { try $0.text() } }
        let task = try fields["task"]
        self.task = try ModelTask(
            task["task"].text(), kept: task["outputs"].list(KeptOutput.init), layout: task["layout"])
    }
}

/// The models of the app, in the order in which they are listed.
public struct ModelBundle: Sendable {
    public static let schema = "edgebench.bundle/1"

    public let models: [BundledModel]

    /// Read `bundle.json`, which `edgebench bundle` writes. Throws `InvalidDocument`.
    public init(reading bytes: some Collection<UInt8>) throws {
        models = try Fields.document(bytes, "bundle.json", Self.schema)["models"].list(BundledModel.init)
    }
}
