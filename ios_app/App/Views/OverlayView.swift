import EdgebenchCore
import SwiftUI

/// Boxes or a map of classes over a picture that fills this view.
struct OverlayView: View {
    let seen: Seen

    var body: some View {
        Canvas { context, size in
            guard case .predicted(let found) = seen, found.model.isTrained else { return }
            let scale = size.width / Double(found.crop.width)
            let pixel = scale * found.crop.scale
            let origin = CGPoint(x: scale * found.crop.left, y: scale * found.crop.top)
            if case .map(let map) = found.prediction, let image = coloured(map) {
                let side = CGSize(
                    width: pixel * Double(found.crop.toWidth), height: pixel * Double(found.crop.toHeight))
                context.draw(Image(decorative: image, scale: 1), in: CGRect(origin: origin, size: side))
            }
            for box in found.boxes { draw(box, found.model, context, origin, pixel) }
        }
        .allowsHitTesting(false)
        .accessibilityHidden(true)  // The words beside it say the same.
    }

    private func draw(
        _ box: Box, _ model: BundledModel, _ context: GraphicsContext, _ origin: CGPoint, _ pixel: Double
    ) {
        let frame = CGRect(
            x: origin.x + pixel * box.left, y: origin.y + pixel * box.top, width: pixel * (box.right - box.left),
            height: pixel * (box.bottom - box.top))
        let colour = Color(hue: hue(box.index), saturation: 0.8, brightness: 0.8)
        context.stroke(Path(frame), with: .color(colour), lineWidth: 2)
        let words = context.resolve(
            Text("\(model.label(box.index)), \(percent(box.score))").font(.caption).foregroundColor(.white))
        let size = words.measure(in: frame.size.width > 80 ? frame.size : CGSize(width: 160, height: 40))
        let ground = CGRect(origin: frame.origin, size: size)
        context.fill(Path(ground), with: .color(colour))
        context.draw(words, in: ground)
    }

    /// Class 0 is the background of every map that has one: it is not coloured.
    private func coloured(_ map: ClassMap) -> CGImage? {
        var rgba = [UInt8](repeating: 0, count: map.classes.count * 4)
        for (place, index) in map.classes.enumerated() where index != 0 {
            let (red, green, blue) = rgb(hue(index))
            // Premultiplied by its opacity, a half.
            rgba.replaceSubrange(4 * place..<4 * place + 4, with: [red / 2, green / 2, blue / 2, 128])
        }
        guard let provider = CGDataProvider(data: Data(rgba) as CFData) else { return nil }
        return CGImage(
            width: map.width, height: map.height, bitsPerComponent: 8, bitsPerPixel: 32, bytesPerRow: 4 * map.width,
            space: CGColorSpaceCreateDeviceRGB(),
            bitmapInfo: CGBitmapInfo(rawValue: CGImageAlphaInfo.premultipliedLast.rawValue),
            provider: provider, decode: nil, shouldInterpolate: false, intent: .defaultIntent)
    }
}

/// A colour of its own for each class: the golden angle keeps neighbours apart.
private func hue(_ index: Int) -> Double { (Double(index) * 137.508).truncatingRemainder(dividingBy: 360) / 360 }

/// Of a hue with 80 % saturation and brightness.
private func rgb(_ hue: Double) -> (UInt8, UInt8, UInt8) {
    func channel(_ turn: Double) -> UInt8 {
        let place = (turn + hue * 6).truncatingRemainder(dividingBy: 6)
        let value = 0.8 - 0.64 * max(0, min(min(place, 4 - place), 1))
        return UInt8(255 * value)
    }
    return (channel(5), channel(3), channel(1))
}
