@preconcurrency import AVFoundation
import EdgebenchCore

/// The camera on the back: its preview, and frames that are upright, one at a time.
///
/// Everything but `frames` is used on the queue of the camera.
final class CameraSource: NSObject, AVCaptureVideoDataOutputSampleBufferDelegate, @unchecked Sendable {
    let session = AVCaptureSession()
    /// Frames as they come; while one is looked at, only the newest waits.
    let frames: AsyncStream<Picture>

    private let queue = DispatchQueue(label: "camera", qos: .userInitiated)
    private let continuation: AsyncStream<Picture>.Continuation

    override init() {
        (frames, continuation) = AsyncStream.makeStream(of: Picture.self, bufferingPolicy: .bufferingNewest(1))
        super.init()
    }

    /// Ask for permission if need be, and begin. Throws `RunnerError` with what to do.
    func start() async throws {
        guard await AVCaptureDevice.requestAccess(for: .video) else {
            throw RunnerError("The app may not use the camera. Allow it in Settings > edgebench.")
        }
        try await withCheckedThrowingContinuation { (done: CheckedContinuation<Void, any Error>) in
            queue.async { done.resume(with: Result { try self.configure() }) }
        }
    }

    func stop() {
        queue.async { self.session.stopRunning() }
    }

    private func configure() throws {
        if session.inputs.isEmpty {
            guard let camera = AVCaptureDevice.default(.builtInWideAngleCamera, for: .video, position: .back) else {
                throw RunnerError("This device has no camera on its back.")
            }
            session.beginConfiguration()
            defer { session.commitConfiguration() }
            session.sessionPreset = .vga640x480
            let output = AVCaptureVideoDataOutput()
            output.videoSettings = [kCVPixelBufferPixelFormatTypeKey as String: kCVPixelFormatType_32BGRA]
            output.alwaysDiscardsLateVideoFrames = true
            output.setSampleBufferDelegate(self, queue: queue)
            let input = try AVCaptureDeviceInput(device: camera)
            guard session.canAddInput(input), session.canAddOutput(output) else {
                throw RunnerError("The camera is used by another app.")
            }
            session.addInput(input)
            session.addOutput(output)
            // The app stands upright, and the sensor lies.
            let connection = output.connection(with: .video)
            if connection?.isVideoOrientationSupported == true { connection?.videoOrientation = .portrait }
        }
        session.startRunning()
    }

    func captureOutput(
        _ output: AVCaptureOutput, didOutput sampleBuffer: CMSampleBuffer, from connection: AVCaptureConnection
    ) {
        guard let buffer = CMSampleBufferGetImageBuffer(sampleBuffer) else { return }
        CVPixelBufferLockBaseAddress(buffer, .readOnly)
        defer { CVPixelBufferUnlockBaseAddress(buffer, .readOnly) }
        guard let base = CVPixelBufferGetBaseAddress(buffer) else { return }
        let (width, height) = (CVPixelBufferGetWidth(buffer), CVPixelBufferGetHeight(buffer))
        let rowBytes = CVPixelBufferGetBytesPerRow(buffer)
        let bytes = [UInt8](UnsafeRawBufferPointer(start: base, count: rowBytes * height))
        continuation.yield(Picture(width: width, height: height, rowBytes: rowBytes, bgra: bytes))
    }
}
