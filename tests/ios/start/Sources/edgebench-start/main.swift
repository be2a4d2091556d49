import EdgebenchCore
import Foundation

// Words: the folder of the run, that of all runs, and the phone's, in which files say how to fail.
// With `predict`: a bundle's folder and that of images; prints what every model says of its image.
// With `read`: an .npz file and the name of an array; prints its type, shape and the hash of all that it holds.

let words = CommandLine.arguments
guard words.count == 4, let socket = ProcessInfo.processInfo.environment["EDGEBENCH_EVALUATOR"] else {
    fatalError("the tests of edgebench start this program")
}
if words[1] == "read" {
    do {
        try read(URL(fileURLWithPath: words[2]), words[3])
    } catch {
        print(sentence(error))
    }
    exit(0)
}
let runtime = EvaluatedRuntime(socket: socket)
if words[1] == "predict" {
    try predict(bundle: URL(fileURLWithPath: words[2]), images: URL(fileURLWithPath: words[3]), runtime)
    exit(0)
}
let home = URL(fileURLWithPath: words[3])
switch Launch(environment: ProcessInfo.processInfo.environment, home: home) {
case .clear: try Launch.clear(home: home)
case .run(let run, let contract):
    let failures = Failures(home, run)
    let start = try Start(run: run, app: "0.1.0", runtime: runtime, machine: HostMachine(), watcher: failures)
    failures.start = start
    start.execute(contract: contract)
case nil: fatalError("the tests of edgebench start this program")
}
