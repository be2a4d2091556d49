import EdgebenchCore
import Foundation

/// The type, the shape and the hash of an array of an .npz file, read row by row. Throws `RunnerError`.
func read(_ file: URL, _ name: String) throws {
    let array = try StoredArray(file, name, row: "row")
    var hash = Sha256()
    for _ in 0..<array.count { hash.add(try array.nextBytes()) }
    let sides = array.header.shape.map(String.init).joined(separator: " ")
    print("\(array.header.bigEndian ? "big" : "little") \(array.header.type) \(sides) \(hash.hex())")
}
