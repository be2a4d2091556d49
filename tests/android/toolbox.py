"""The tools that build and check the Android app, in a cache folder: no root, and no Android SDK.

    kotlin/   npm's package of the Kotlin compiler, with the standard library
    jars/     JNA and JUnit of Debian
    tools/    aapt2, zipalign, apksigner and Android's own resources, of Debian
    dx/       the dexer of Debian 11, the last that has one
    api/      Android 14's public signature file, of Debian's source package
    built/    what was compiled, by the hash of its sources

A Java Development Kit, 17 or later, has to be on the PATH.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import tarfile
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

import api_stubs

from edgebench.deploy.transports.emulated import debian
from edgebench.deploy.transports.emulated.fetching import (
    CONTENTS,
    is_built_from,
    locked_folder,
    run,
)
from edgebench.documents import replacing
from edgebench.errors import DeviceError
from edgebench.places import cache_folder

KOTLIN = "kotlin-compiler@2.4.20"
LANGUAGE = "2.3"
"""The version of Kotlin that android_app/gradle/libs.versions.toml names."""

OLD = ("-jvm-target", "1.8", "-Xjdk-release=8")
"""Of Java, no more than Android 8 has."""

FOR_DX = ("-Xlambdas=class", "-Xsam-conversions=class", "-Xstring-concat=inline")
"""Without what dx is too old for. Google's d8, which replaced it, takes all."""

SUITE = "trixie"
OLDEST = "bookworm"
"""Its libraries run with the C library of any system that the tests run on."""

ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), "amd64")
MULTIARCH = f"{platform.machine()}-linux-gnu"
JARS = (
    *("usr/share/java/jna.jar", "usr/share/java/jna-5.13.0.jar", "usr/share/java/junit4.jar"),
    *("usr/share/java/hamcrest.jar", "usr/share/java/hamcrest-2.2.jar"),
    f"usr/lib/{MULTIARCH}/jni/libjnidispatch.system.so",
)
APP = Path(__file__).parents[2] / "android_app"
FRAMEWORK = "android-platform-frameworks-base"
SIGNATURES = "core/api/current.txt"


def folder() -> Path:
    return cache_folder() / "android"


def require_java() -> None:
    """Raises `DeviceError` without a JDK."""
    for program in ("java", "javac"):
        if shutil.which(program) is None:
            raise DeviceError(f"there is no {program}", "install a JDK: apt install default-jdk")


def kotlin() -> Path:
    """The folder of the compiler's jars."""
    into = folder() / "kotlin"
    with locked_folder(into):
        if not is_built_from(into, KOTLIN):
            with replacing(into) as temporary:
                temporary.unlink()
                temporary.mkdir(parents=True)
                run(["npm", "pack", "--pack-destination", str(temporary), KOTLIN], "npm")
                (archive,) = temporary.glob("*.tgz")
                with tarfile.open(archive) as members:
                    members.extractall(temporary, filter="data")
                archive.unlink()
                (temporary / CONTENTS).write_text(KOTLIN + "\n")
    return into / "package" / "lib"


def jar(name: str) -> Path:
    """A library of Debian's: jna, junit4 or hamcrest."""
    packages = ["libjna-java", "libjna-jni", "junit4"]
    root = debian.fetch_packages(packages, OLDEST, ARCHITECTURE, folder() / "jars", only=JARS)
    return root / "usr/share/java" / f"{name}.jar"


def native_folder() -> Path:
    """Where JNA's own library lies, which Debian keeps out of the jar."""
    return jar("jna").parents[2] / "lib" / MULTIARCH / "jni"


def compile_kotlin(
    name: str, sources: Sequence[Path], libraries: Sequence[Path], *options: str
) -> Path:
    """Compile folders of Kotlin into a jar, unless just that was compiled before."""
    compiler = kotlin()
    libraries = [compiler / "kotlin-stdlib.jar", *libraries]
    words = ["-no-stdlib", "-no-reflect", "-Werror", "-language-version", LANGUAGE]
    words += ["-api-version", LANGUAGE, *options]
    digest = hashlib.sha256(" ".join([KOTLIN, *words]).encode())
    files = [one for source in sources for one in sorted(source.rglob("*.kt"))]
    for file in [*files, *libraries]:
        digest.update(file.name.encode() + file.read_bytes())
    target = folder() / "built" / f"{name}-{digest.hexdigest()[:16]}.jar"
    with locked_folder(target):
        if not target.exists():
            for old in target.parent.glob(f"{name}-*.jar"):
                old.unlink()
            unfinished = target.with_suffix(".unfinished.jar")
            run(
                [
                    *("java", "-cp", _joined(_compiler_jars(compiler))),
                    *("org.jetbrains.kotlin.cli.jvm.K2JVMCompiler", *words),
                    *("-cp", _joined(libraries), "-d", str(unfinished)),
                    *map(str, sources),
                ],
                "kotlinc",
            )
            unfinished.rename(target)
    return target


def _compiler_jars(folder: Path) -> list[Path]:
    names = ("kotlin-compiler", "kotlin-stdlib", "kotlin-script-runtime", "kotlin-reflect")
    more = ("kotlinx-coroutines-core-jvm", "annotations-13.0")
    return [folder / f"{name}.jar" for name in (*names, *more)]


def _joined(paths: Sequence[Path]) -> str:
    return ":".join(map(str, paths))


def core() -> Path:
    """The app's core, compiled as the app has it."""
    return compile_kotlin("core", [APP / "core/src/main"], [], *OLD, *FOR_DX)


def onnxruntime() -> list[Path]:
    """The app's module for ONNX Runtime, and below it the desktop library as its Java interface.

    The interface is that of android_app/jvm/src/onnxruntime, by JNA: Debian and PyPI have no other.
    """
    sources = APP / "jvm/src/onnxruntime"
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in sorted(sources.rglob("*.java"))))
    interface = folder() / "built" / f"onnxruntime-{digest.hexdigest()[:16]}.jar"
    with locked_folder(interface):
        if not interface.exists():
            with tempfile.TemporaryDirectory() as name:
                compile_java(sorted(sources.rglob("*.java")), Path(name), [jar("jna")])
                archive(Path(name), interface)
    module = compile_kotlin("ort", [APP / "ort/src/main"], [core(), interface], *OLD, *FOR_DX)
    return [module, APP / "ort/src/main/resources", interface]


def app_on_jvm(program: str = "MainKt", onnx: bool = False) -> list[str]:
    """The words of a command that is the core with desktop LiteRT; see android_app/jvm.

    With `onnx` the app is built with its module for ONNX Runtime.
    """
    import ai_edge_litert

    jna = jar("jna")
    own = compile_kotlin("jvm", [APP / "jvm/src/main"], [core(), jna], *OLD)
    (package,) = ai_edge_litert.__path__
    classes = [own, core(), jna, kotlin() / "kotlin-stdlib.jar", *(onnxruntime() if onnx else ())]
    return [
        *(str(shutil.which("java")), "-XX:TieredStopAtLevel=1", "-Xshare:auto"),
        *("-Djna.nosys=false", f"-Djava.library.path={native_folder()}"),
        f"-Dlitert={package}/libLiteRt.so",
        f"-Dlitert.version={_version('ai-edge-litert')}",
        *([f"-Donnxruntime={_onnxruntime_library()}"] if onnx else []),
        *("-cp", _joined(classes), f"org.edgebench.jvm.{program}"),
    ]


def _onnxruntime_library() -> Path:
    import onnxruntime

    (library,) = Path(onnxruntime.__file__).parent.glob("capi/libonnxruntime.so.*")
    return library


def _version(distribution: str) -> str:
    from importlib.metadata import version

    return version(distribution)


def run_java(classes: Sequence[Path], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["java", "-cp", _joined(classes), *words],
        capture_output=True,
        text=True,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    )


def signatures() -> Path:
    """Android 14's public signature file, out of the source of Debian's package."""
    into = folder() / "api"
    request = f"{SUITE} {FRAMEWORK} {SIGNATURES}"
    with locked_folder(into):
        if not is_built_from(into, request):
            with replacing(into) as temporary:
                temporary.unlink()
                (temporary / "lists/partial").mkdir(parents=True)
                _unpack_source(temporary)
                (temporary / CONTENTS).write_text(request + "\n")
    return into / "current.txt"


def _unpack_source(into: Path) -> None:
    """Download the package's archive, and keep the signature file of it alone."""
    (into / "status").touch()
    line = f"deb-src [signed-by={debian.KEYRING}] {debian.mirror()} {SUITE} main\n"
    (into / "sources.list").write_text(line)
    settings = into / "apt.conf"
    settings.write_text(debian.PRIVATE.format(architecture=ARCHITECTURE, folder=into))
    apt = ["env", "-C", str(into), "apt-get", "-c", str(settings), "-q"]
    run([*apt, "update"], "apt-get")
    run([*apt, "source", "--download-only", "--tar-only", FRAMEWORK], "apt-get")
    (archive,) = into.glob("*.orig.tar.*")
    with tarfile.open(archive) as members:
        for member in members:
            if member.name.endswith("/" + SIGNATURES):
                content = members.extractfile(member)
                assert content is not None
                (into / "current.txt").write_bytes(content.read())
                break
    for path in [*into.glob(f"{FRAMEWORK}*"), into / "lists"]:
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def android_jar() -> Path:
    """Android's API as classes without bodies, to compile against."""
    source = signatures()
    made_by = Path(api_stubs.__file__).read_bytes() + source.read_bytes()
    target = folder() / "built" / f"android-{hashlib.sha256(made_by).hexdigest()[:16]}.jar"
    with locked_folder(target):
        if not target.exists():
            for old in target.parent.glob("android-*.jar"):
                old.unlink()
            with tempfile.TemporaryDirectory() as name:
                sources, classes = Path(name, "sources"), Path(name, "classes")
                files = api_stubs.Writer(api_stubs.parse(source.read_text())).write(sources)
                compile_java(files, classes)
                archive(classes, target)
    return target


def compile_java(files: Sequence[Path], into: Path, libraries: Sequence[Path] = ()) -> None:
    """Compile Java sources of the language's version 8, as dx takes it."""
    into.mkdir(parents=True, exist_ok=True)
    listed = into / "files"
    listed.write_text("\n".join(map(str, files)))
    words = ["-nowarn", "-Xlint:none", "-proc:none", "-source", "8", "-target", "8"]
    path = ["-cp", _joined(libraries)] if libraries else []
    run(["javac", *words, *path, "-d", str(into), f"@{listed}"], "javac")
    listed.unlink()


def archive(classes: Path, target: Path) -> None:
    """The classes of a folder as a jar."""
    unfinished = target.with_suffix(".unfinished")
    unfinished.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(unfinished, "w") as jar_file:
        for path in sorted(classes.rglob("*.class")):
            jar_file.write(path, path.relative_to(classes).as_posix())
    unfinished.rename(target)
