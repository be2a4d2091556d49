import Foundation

/// An error whose description is one sentence for the person who started the run.
public protocol DescribedError: Error, CustomStringConvertible {}

/// Something of the plan cannot be done.
public struct RunnerError: DescribedError {
    public let description: String

    public init(_ description: String) { self.description = description }
}

/// The message of an error, in one line.
public func sentence(_ error: any Error) -> String {
    let text = (error as? any DescribedError)?.description ?? error.localizedDescription
    let line = text.split(whereSeparator: \.isNewline).first.map(String.init) ?? ""
    return line.isEmpty ? String(describing: type(of: error)) : line
}
