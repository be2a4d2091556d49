"""Android's public API as Java sources without bodies, from the file that Android's build checks.

Kotlin compiles against the classes that javac makes of them. They differ from Android's in these
points: no method of a class is abstract, because the file leaves out the overrides that hidden code
has; every class has a hidden constructor, so that any other can call its super-class; and values of
fields that are no constants are zero. What mentions a class of another module of Android's, such as
Bluetooth, is left out.

The format is metalava's, version 2: a class is a line that ends with `{`, a member a line below it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

MARK = "edgebench.Stub"
"""The type of the parameter of hidden constructors."""

NUMBERS = ("int", "long", "short", "byte", "char", "float", "double")
WHOLE = {"byte": "(byte) ", "short": "(short) ", "char": "(char) "}

JAVA = ("java.", "javax.crypto.", "javax.net.", "javax.security.", "org.w3c.dom.", "org.xml.sax.")
"""Where the names of classes begin that every Java has."""

SUPERS = {
    "java.io.FileInputStream": "(java.io.FileDescriptor) null",
    "java.io.FileOutputStream": "(java.io.FileDescriptor) null",
    "java.io.FilterInputStream": "null",
    "java.io.FilterOutputStream": "null",
}
"""The arguments of constructors of Java's classes that need some."""

_NAME = re.compile(r"(?<![\w.])[a-z]\w*(?:\.[a-z]\w*)*(?:\.[A-Z]\w*)+")
_HEAD = re.compile(
    r"(?P<words>(?:(?:public|protected|static|final|abstract|sealed|default) )*)"
    r"(?P<kind>class|interface|enum|@interface) (?P<name>[\w.]+)(?P<rest>.*)\{$"
)


@dataclass
class ApiClass:
    """One class. `bases` are its super-class or, of an interface, those that it extends."""

    package: str
    name: str
    kind: str
    words: list[str]
    parameters: str
    bases: list[str]
    interfaces: list[str]
    members: list[str] = field(default_factory=list)

    @property
    def full_name(self) -> str:
        return f"{self.package}.{self.name}"

    @property
    def simple_name(self) -> str:
        return self.name.rpartition(".")[2]

    @property
    def outer(self) -> str | None:
        """The full name of the class around it."""
        before = self.name.rpartition(".")[0]
        return f"{self.package}.{before}" if before else None


def parse(text: str) -> dict[str, ApiClass]:
    """All classes of a signature file, by their full names."""
    found: dict[str, ApiClass] = {}
    package, current = "", None
    for line in map(str.strip, text.splitlines()):
        plain = without_annotations(line)
        if plain.startswith("package "):
            package = plain.split()[1]
        elif plain == "}":
            current = None
        elif current is not None:
            current.members.append(plain.rstrip(";"))
        elif head := _HEAD.match(plain):
            current = _class(package, head)
            found[current.full_name] = current
    return found


def _class(package: str, head: re.Match[str]) -> ApiClass:
    parameters, rest = _type_parameters(head["rest"].strip())
    bases, interfaces = [], []
    for word in re.split(r"(?=\b(?:extends|implements) )", rest):
        kind, _, names = word.strip().partition(" ")
        (bases if kind == "extends" else interfaces).extend(split(names, " ,"))
    return ApiClass(
        package, head["name"], head["kind"], head["words"].split(), parameters, bases, interfaces
    )


def _type_parameters(text: str) -> tuple[str, str]:
    if not text.startswith("<"):
        return "", text
    depth = 0
    for place, one in enumerate(text):
        depth += (one == "<") - (one == ">")
        if depth == 0:
            return text[: place + 1], text[place + 1 :].strip()
    return text, ""


def split(text: str, marks: str) -> list[str]:
    """Split at marks that are in no brackets."""
    parts, depth = [""], 0
    for one in text:
        depth += (one in "<(") - (one in ">)")
        if one in marks and depth == 0:
            parts.append("")
        else:
            parts[-1] += one
    return [part.strip() for part in parts if part.strip()]


def without_annotations(text: str) -> str:
    """A line without @Name and @Name(...); strings and characters stay as they are."""
    token = re.compile(
        r"""(?P<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')|@(?!interface)[\w.]+(?P<open>\(?)|."""
    )
    kept, place = [], 0
    while match := token.match(text, place):
        place = match.end()
        if match["text"] or len(match.group()) == 1:
            kept.append(match.group())
            continue
        depth = int(bool(match["open"]))
        while depth and (inner := token.match(text, place)):
            place = inner.end()
            depth += inner.group().count("(") - inner.group().count(")") if not inner["text"] else 0
        while text[place : place + 1] == " ":
            place += 1
    return "".join(kept)


class Writer:
    """Writes the sources of classes; `classes` are all, to look up super-classes."""

    def __init__(self, classes: dict[str, ApiClass]) -> None:
        self.classes = classes
        self.inner: dict[str, list[ApiClass]] = {}
        for one in classes.values():
            if one.outer:
                self.inner.setdefault(one.outer, []).append(one)

    def write(self, folder: Path) -> list[Path]:
        """One file for each outer class that Java does not have."""
        written = []
        for one in self.classes.values():
            if one.outer or one.full_name.startswith(JAVA):
                continue
            path = folder / one.package.replace(".", "/") / f"{one.name}.java"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"package {one.package};\n" + "\n".join(self._source(one)) + "\n")
            written.append(path)
        mark = folder / "edgebench/Stub.java"
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.write_text("package edgebench;\npublic final class Stub {}\n")
        return [*written, mark]

    def _source(self, one: ApiClass) -> Iterator[str]:
        interface = one.kind in ("interface", "@interface")
        dropped = {"sealed", *(("abstract", "final") if one.kind != "class" else ())}
        words = " ".join(word for word in one.words if word not in dropped)
        head = f"{words} {one.kind} {one.simple_name}{one.parameters}"
        if one.kind != "@interface":
            bases = list(filter(self._known, one.bases)) if one.kind != "enum" else []
            head += f" extends {', '.join(bases)}" if bases else ""
            others = list(filter(self._known, one.interfaces))
            if one.kind == "class" and others:
                head += f" implements {', '.join(others)}"
        yield head + " {"
        members = [member for member in one.members if self._known(member)]
        if one.kind == "enum":
            names = (member.split()[-1] for member in members if _is(member, "enum_constant"))
            yield ", ".join(names) + ";"
        if one.kind == "class":
            yield f"protected {one.simple_name}({MARK} stub) {{ {self._super(one)} }}"
        for member in members:
            kind, _, rest = member.partition(" ")
            if kind == "ctor" and one.kind == "class":
                before, inside, after = _signature(rest)
                start = before.rpartition(" ")[0] if " " in before else ""
                body = f"{{ {self._super(one)} }}"
                yield f"{start} {one.simple_name}({_named(inside)}) {_throws(after)} {body}"
            elif kind == "method":
                yield from _method(rest, one.kind, interface)
            elif kind == "field":
                yield _field(rest)
        for child in self.inner.get(one.full_name, []):
            yield from self._source(child)
        yield "}"

    def _super(self, one: ApiClass) -> str:
        """The call of the super-class's constructor."""
        base = re.sub("<.*", "", one.bases[0]) if one.bases else ""
        if base in self.classes:
            return f"super(({MARK}) null);"
        return f"super({SUPERS[base]});" if base in SUPERS else ""

    def _known(self, text: str) -> bool:
        """Whether all classes that are named in it are there."""
        names = _NAME.findall(re.sub(r"= .*", "", text))
        return all(name in self.classes or name.startswith(JAVA) for name in names)


def _is(member: str, kind: str) -> bool:
    return member.startswith(kind + " ")


def _signature(text: str) -> tuple[str, str, str]:
    """What stands before, within and behind the brackets of a method."""
    start, depth = text.index("("), 0
    for place in range(start, len(text)):
        depth += (text[place] == "(") - (text[place] == ")")
        if depth == 0:
            return text[:start], text[start + 1 : place], text[place + 1 :]
    raise ValueError(text)


def _named(inside: str) -> str:
    return ", ".join(f"{kind} p{place}" for place, kind in enumerate(split(inside, ",")))


def _throws(after: str) -> str:
    found = re.search(r"throws ([\w., ]+)", after)
    return f"throws {found.group(1)}" if found else ""


def _method(text: str, kind: str, interface: bool) -> Iterator[str]:
    before, inside, after = _signature(text)
    words = before.split()
    if kind == "enum" and words[-1] in ("values", "valueOf") and "static" in words:
        return  # The compiler makes them.
    if kind == "@interface":
        default = re.search(r"default .*", after)
        plain = " ".join(word for word in words if word != "abstract")
        yield f"{plain}() {default.group() if default else ''};"
        return
    bodiless = interface and not {"static", "default"} & set(words)
    gone = {"native", "synchronized", *(() if bodiless else ("abstract",))}
    plain = " ".join(word for word in words if word not in gone)
    body = ";" if bodiless else '{ throw new RuntimeException("stub"); }'
    yield f"{plain}({_named(inside)}) {_throws(after)} {body}"


def _field(text: str) -> str:
    declared, is_constant, value = re.sub(r";?\s*//.*$", "", text).partition(" = ")
    kind = declared.split()[-2]
    if is_constant:
        value = value.rstrip(";")
        value = {"(0.0f/0.0f)": "0f/0f", "(0.0/0.0)": "0d/0d"}.get(value, value)
        if kind == "long" and not value.endswith("L"):
            value += "L"
        return f"{declared} = {WHOLE.get(kind, '')}{value};"
    if "static" not in declared.split():
        return declared.replace("final ", "") + ";"
    # No constant of the language, which would be copied into the code that reads it.
    zero = {"boolean": 'Boolean.parseBoolean("")'}.get(kind) or (
        f'({kind}) Integer.parseInt("0")' if kind in NUMBERS else "null"
    )
    return f"{declared} = {zero};"
