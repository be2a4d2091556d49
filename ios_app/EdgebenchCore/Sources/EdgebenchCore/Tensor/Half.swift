/// IEEE 754 binary16 as a bit pattern: Swift's Float16 is not there on every Mac.
enum Half {
    static func float(_ bits: UInt16) -> Float {
        let sign: Float = bits & 0x8000 != 0 ? -1 : 1
        let exponent = Int(bits >> 10 & 0x1F)
        let fraction = Float(bits & 0x3FF)
        switch exponent {
        case 0: return sign * Float(sign: .plus, exponent: -24, significand: fraction)
        case 0x1F: return fraction == 0 ? sign * .infinity : .nan
        default: return sign * Float(sign: .plus, exponent: exponent - 25, significand: fraction + 1024)
        }
    }

    /// Rounded to the nearest, halves to even.
    static func bits(_ value: Float) -> UInt16 {
        let sign: UInt16 = value.sign == .minus ? 0x8000 : 0
        let size = value.magnitude
        if size.isNaN { return sign | 0x7E00 }
        if size >= 65520 { return sign | 0x7C00 }
        let exponent = size < 0x1p-14 ? -14 : Int(size.exponent)
        let units = UInt16(
            Double(sign: .plus, exponent: 10 - exponent, significand: Double(size)).rounded(.toNearestOrEven))
        // A fraction that rounds up to the next power of two carries into the exponent by itself.
        return sign | (units < 0x400 ? units : UInt16(exponent + 14) << 10 + units)
    }
}
