@_exported import CoreVideo
import UIKit

public class CMSampleBuffer {}
public func CMSampleBufferGetImageBuffer(_ buffer: CMSampleBuffer) -> CVImageBuffer? { fatalError() }

public struct AVMediaType: Sendable { public static let video = AVMediaType() }
public class AVCaptureDevice: NSObject {
    public struct DeviceType: Sendable { public static let builtInWideAngleCamera = DeviceType() }
    public enum Position: Int, Sendable { case unspecified, back, front }
    public class func requestAccess(for type: AVMediaType) async -> Bool { fatalError() }
    public class func `default`(_ type: DeviceType, for media: AVMediaType?, position: Position) -> AVCaptureDevice? {
        fatalError()
    }
}
public class AVCaptureInput: NSObject {}
public class AVCaptureDeviceInput: AVCaptureInput { public init(device: AVCaptureDevice) throws {} }
public class AVCaptureOutput: NSObject {
    public func connection(with type: AVMediaType) -> AVCaptureConnection? { fatalError() }
}
public enum AVCaptureVideoOrientation: Int, Sendable {
    case portrait, portraitUpsideDown, landscapeRight, landscapeLeft
}
public class AVCaptureConnection: NSObject {
    public var isVideoOrientationSupported: Bool { fatalError() }
    public var videoOrientation: AVCaptureVideoOrientation = .portrait
}
public protocol AVCaptureVideoDataOutputSampleBufferDelegate: NSObjectProtocol {
    func captureOutput(
        _ output: AVCaptureOutput, didOutput sampleBuffer: CMSampleBuffer, from connection: AVCaptureConnection)
}
public class AVCaptureVideoDataOutput: AVCaptureOutput {
    public var videoSettings: [String: Any]!
    public var alwaysDiscardsLateVideoFrames = true
    public func setSampleBufferDelegate(
        _ delegate: (any AVCaptureVideoDataOutputSampleBufferDelegate)?, queue: DispatchQueue?
    ) {}
}
public class AVCaptureSession: NSObject {
    public struct Preset: Sendable { public static let vga640x480 = Preset() }
    public var sessionPreset = Preset.vga640x480
    public var inputs: [AVCaptureInput] { fatalError() }
    public func beginConfiguration() {}
    public func commitConfiguration() {}
    public func canAddInput(_ input: AVCaptureInput) -> Bool { fatalError() }
    public func canAddOutput(_ output: AVCaptureOutput) -> Bool { fatalError() }
    public func addInput(_ input: AVCaptureInput) {}
    public func addOutput(_ output: AVCaptureOutput) {}
    public func startRunning() {}
    public func stopRunning() {}
}
public enum AVLayerVideoGravity: Sendable { case resizeAspectFill }
public class AVCaptureVideoPreviewLayer: CALayer {
    public var session: AVCaptureSession?
    public var videoGravity = AVLayerVideoGravity.resizeAspectFill
}
