extension Json {
    /// JSON on one line.
    public var line: String {
        var out = ""
        write(to: &out)
        return out
    }

    private func write(to out: inout String) {
        switch self {
        case .null: out += "null"
        case .bool(let value): out += value ? "true" : "false"
        case .number(let text): out += text
        case .text(let text): quote(text, to: &out)
        case .list(let items):
            out += "["
            for (place, item) in items.enumerated() {
                if place > 0 { out += ", " }
                item.write(to: &out)
            }
            out += "]"
        case .object(let object):
            out += "{"
            for (place, field) in object.pairs.enumerated() {
                if place > 0 { out += ", " }
                quote(field.name, to: &out)
                out += ": "
                field.value.write(to: &out)
            }
            out += "}"
        }
    }
}

private func quote(_ text: String, to out: inout String) {
    out += "\""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\"": out += "\\\""
        case "\\": out += "\\\\"
        case "\n": out += "\\n"
        case "\u{0}"..<"\u{20}":
            let digits = String(scalar.value, radix: 16)
            out += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        default: out.unicodeScalars.append(scalar)
        }
    }
    out += "\""
}
