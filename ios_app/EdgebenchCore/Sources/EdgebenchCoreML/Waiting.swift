#if canImport(CoreML)
import Foundation

/// Wait for asynchronous work on a thread of one's own, never on one of Swift's pool: it would be lost meanwhile.
func waiting<Value: Sendable>(_ work: @escaping @Sendable () async throws -> Value) throws -> Value {
    let done = DispatchSemaphore(value: 0)
    let box = Box<Value>()
    Task.detached(priority: .userInitiated) {
        do {
            box.outcome = .success(try await work())
        } catch {
            box.outcome = .failure(error)
        }
        done.signal()
    }
    done.wait()
    guard let outcome = box.outcome else { throw CancellationError() }
    return try outcome.get()
}

/// Written before the semaphore is signalled, and read after it.
private final class Box<Value: Sendable>: @unchecked Sendable {
    var outcome: Result<Value, any Error>?
}
#endif
