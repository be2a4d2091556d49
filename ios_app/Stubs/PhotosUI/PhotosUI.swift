@_exported import SwiftUI

public struct PHPickerFilter: Sendable { public static let images = PHPickerFilter() }
public struct PhotosPickerItem: Equatable, Hashable, Sendable {
    public func loadTransferable<T: Transferable>(type: T.Type) async throws -> T? { fatalError() }
}
public protocol Transferable: Sendable {}
extension Data: Transferable {}
public struct PhotosPicker<Label: View>: View {
    public var body: Never { fatalError() }
}
extension PhotosPicker where Label == Text {
    public init(_ title: some StringProtocol, selection: Binding<PhotosPickerItem?>, matching: PHPickerFilter? = nil) {}
}
