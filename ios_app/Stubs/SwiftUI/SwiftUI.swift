@_exported import CoreGraphics
@_exported import Foundation
import UIKit

// State and its bindings.

@MainActor @preconcurrency public protocol View {
    associatedtype Body: View
    @ViewBuilder @MainActor @preconcurrency var body: Body { get }
}
extension Never: View {}
extension View where Body == Never { public var body: Never { fatalError() } }
extension Never { public var body: Never { fatalError() } }
public struct EmptyView: View {}
extension Optional: View where Wrapped: View {}

public protocol ObservableObject: AnyObject {}
@propertyWrapper public struct Published<Value> {
    public var wrappedValue: Value
    public init(wrappedValue: Value) { self.wrappedValue = wrappedValue }
}
@propertyWrapper public struct State<Value> {
    public init(wrappedValue: Value) {}
    public init(initialValue: Value) {}
    public var wrappedValue: Value {
        get { fatalError() }
        nonmutating set {}
    }
    public var projectedValue: Binding<Value> { fatalError() }
}
extension State where Value: ExpressibleByNilLiteral { public init() {} }
@MainActor @preconcurrency @propertyWrapper public struct StateObject<Value: ObservableObject> {
    public nonisolated init(wrappedValue: @autoclosure @escaping () -> Value) {}
    public var wrappedValue: Value { fatalError() }
}
@MainActor @preconcurrency @propertyWrapper public struct ObservedObject<Value: ObservableObject> {
    public init(wrappedValue: Value) {}
    public var wrappedValue: Value { fatalError() }
}
@propertyWrapper public struct Binding<Value> {
    public init(get: @escaping () -> Value, set: @escaping (Value) -> Void) {}
    public var wrappedValue: Value {
        get { fatalError() }
        nonmutating set {}
    }
    public var projectedValue: Binding<Value> { self }
}
public enum ScenePhase: Sendable { case background, inactive, active }
public struct EnvironmentValues { public var scenePhase: ScenePhase { fatalError() } }
@propertyWrapper public struct Environment<Value> {
    public init(_ path: KeyPath<EnvironmentValues, Value>) {}
    public var wrappedValue: Value { fatalError() }
}

@resultBuilder public enum ViewBuilder {
    public static func buildBlock() -> EmptyView { EmptyView() }
    public static func buildBlock<V: View>(_ view: V) -> V { view }
    public static func buildBlock<each V: View>(_ view: repeat each V) -> TupleView<(repeat each V)> { fatalError() }
    public static func buildIf<V: View>(_ view: V?) -> V? { view }
    public static func buildEither<T: View, F: View>(first: T) -> Either<T, F> { fatalError() }
    public static func buildEither<T: View, F: View>(second: F) -> Either<T, F> { fatalError() }
}
public struct TupleView<T>: View {}
public struct Either<T: View, F: View>: View {}

// The app.

@MainActor @preconcurrency public protocol Scene {}
public struct WindowGroup<Content: View>: Scene { public init(@ViewBuilder content: () -> Content) {} }
@MainActor @preconcurrency public protocol App {
    associatedtype Body: Scene
    @SceneBuilder var body: Body { get }
    init()
}
@resultBuilder public enum SceneBuilder { public static func buildBlock<S: Scene>(_ scene: S) -> S { scene } }
extension App { public static func main() {} }

// Views.

public enum HorizontalAlignment: Sendable { case leading, center, trailing }
public enum VerticalAlignment: Sendable { case top, center, bottom }
public enum Alignment: Sendable { case leading, center, trailing }
public struct HStack<C: View>: View {
    public init(alignment: VerticalAlignment = .center, spacing: CGFloat? = nil, @ViewBuilder content: () -> C) {}
}
public struct VStack<C: View>: View {
    public init(alignment: HorizontalAlignment = .center, spacing: CGFloat? = nil, @ViewBuilder content: () -> C) {}
}
public struct Spacer: View { public init() {} }
public struct ScrollView<C: View>: View { public init(@ViewBuilder content: () -> C) {} }
public struct List<C: View>: View { public init(@ViewBuilder content: () -> C) {} }
public struct Section<C: View>: View {
    public init(@ViewBuilder content: () -> C) {}
    public init(_ title: some StringProtocol, @ViewBuilder content: () -> C) {}
}
public struct ForEach<Data: RandomAccessCollection, ID: Hashable, C: View>: View {
    public init(_ data: Data, id: KeyPath<Data.Element, ID>, @ViewBuilder content: @escaping (Data.Element) -> C) {}
}
extension ForEach where Data.Element: Identifiable, ID == Data.Element.ID {
    public init(_ data: Data, @ViewBuilder content: @escaping (Data.Element) -> C) {}
}
public struct NavigationStack<C: View>: View { public init(@ViewBuilder root: () -> C) {} }
public struct NavigationLink<D: View>: View {
    public init(_ title: some StringProtocol, @ViewBuilder destination: () -> D) {}
}
public struct LabeledContent: View { public init(_ title: some StringProtocol, value: some StringProtocol) {} }
public struct ButtonRole: Sendable { public static let destructive = ButtonRole() }
public struct Button: View {
    public init(_ title: some StringProtocol, role: ButtonRole? = nil, action: @escaping @MainActor () -> Void) {}
}
public struct Picker<Selection: Hashable, C: View>: View {
    public init(_ title: some StringProtocol, selection: Binding<Selection>, @ViewBuilder content: () -> C) {}
}
public struct Font: Sendable {
    public static let title2 = Font()
    public static let callout = Font()
    public static let footnote = Font()
    public static let caption = Font()
}
public struct Text: View {
    public init(_ text: some StringProtocol) {}
    public func font(_ font: Font?) -> Text { self }
    public func foregroundColor(_ colour: Color?) -> Text { self }
}
public struct Image: View {
    public init(decorative image: CGImage, scale: CGFloat) {}
    public func resizable() -> Image { self }
}
public struct Color: View, ShapeStyle {
    public init(hue: Double, saturation: Double, brightness: Double, opacity: Double = 1) {}
    public static let white = Color(hue: 0, saturation: 0, brightness: 1)
}
public protocol ShapeStyle {}
public struct HierarchicalShapeStyle: ShapeStyle {}
extension ShapeStyle where Self == HierarchicalShapeStyle {
    public static var secondary: HierarchicalShapeStyle { fatalError() }
}

// Drawing.

public struct Path { public init(_ rect: CGRect) {} }
public struct GraphicsContext {
    public struct Shading { public static func color(_ color: Color) -> Shading { fatalError() } }
    public struct ResolvedText { public func measure(in size: CGSize) -> CGSize { fatalError() } }
    public func resolve(_ text: Text) -> ResolvedText { fatalError() }
    public func draw(_ text: ResolvedText, in rect: CGRect) {}
    public func draw(_ image: Image, in rect: CGRect) {}
    public func fill(_ path: Path, with shading: Shading) {}
    public func stroke(_ path: Path, with shading: Shading, lineWidth: CGFloat = 1) {}
}
public struct Canvas: View {
    public init(renderer: @escaping (inout GraphicsContext, CGSize) -> Void) {}
}

// Modifiers.

public enum ContentMode: Sendable { case fit, fill }
public struct AccessibilityTraits: Sendable { public static let updatesFrequently = AccessibilityTraits() }
public struct AccessibilityChildBehavior: Sendable { public static let combine = AccessibilityChildBehavior() }
public protocol PrimitiveButtonStyle {}
public struct BorderedButtonStyle: PrimitiveButtonStyle {}
extension PrimitiveButtonStyle where Self == BorderedButtonStyle {
    public static var bordered: BorderedButtonStyle { fatalError() }
}
public protocol PickerStyle {}
public struct MenuPickerStyle: PickerStyle {}
extension PickerStyle where Self == MenuPickerStyle { public static var menu: MenuPickerStyle { fatalError() } }

extension View {
    public func font(_ font: Font?) -> some View { self }
    public func monospacedDigit() -> some View { self }
    public func foregroundStyle(_ style: some ShapeStyle) -> some View { self }
    public func padding() -> some View { self }
    public func frame(maxWidth: CGFloat? = nil, alignment: Alignment = .center) -> some View { self }
    public func aspectRatio(contentMode: ContentMode) -> some View { self }
    public func aspectRatio(_ ratio: CGFloat, contentMode: ContentMode) -> some View { self }
    public func overlay<V: View>(@ViewBuilder content: () -> V) -> some View { self }
    public func navigationTitle(_ title: some StringProtocol) -> some View { self }
    public func buttonStyle(_ style: some PrimitiveButtonStyle) -> some View { self }
    public func pickerStyle(_ style: some PickerStyle) -> some View { self }
    public func disabled(_ disabled: Bool) -> some View { self }
    public func tag(_ tag: some Hashable) -> some View { self }
    public func allowsHitTesting(_ enabled: Bool) -> some View { self }
    public func accessibilityHidden(_ hidden: Bool) -> some View { self }
    public func accessibilityLabel(_ label: some StringProtocol) -> some View { self }
    public func accessibilityElement(children: AccessibilityChildBehavior) -> some View { self }
    public func accessibilityAddTraits(_ traits: AccessibilityTraits) -> some View { self }
    public func onDisappear(perform action: @escaping () -> Void) -> some View { self }
    public func onChange<V: Equatable>(of value: V, perform action: @escaping (V) -> Void) -> some View { self }
    public func task(@_inheritActorContext _ action: @escaping @Sendable () async -> Void) -> some View { self }
    public func task<V: Equatable>(
        id: V, @_inheritActorContext _ action: @escaping @Sendable () async -> Void
    ) -> some View { self }
}

@MainActor @preconcurrency public protocol UIViewRepresentable: View where Body == Never {
    associatedtype UIViewType: UIView
    typealias Context = UIViewRepresentableContext<Self>
    func makeUIView(context: Context) -> UIViewType
    func updateUIView(_ view: UIViewType, context: Context)
}
public struct UIViewRepresentableContext<Representable> {}
