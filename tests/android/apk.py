"""The Android app without Google's tools: compiled against stubs, packed, dexed and signed.

resources()   aapt2 compiles and links them and the manifest: an .apk without code, and R.java
app()         the Kotlin of app/, against Android's API, LiteRT's stubs, R and the core
dex()         the code as Android's virtual machine reads it
signed()      all of it as one signed .apk; it cannot run, for LiteRT is missing in it
"""

from __future__ import annotations

import os
import zipfile
from dataclasses import dataclass
from pathlib import Path

import toolbox
from toolbox import ARCHITECTURE, FOR_DX, MULTIARCH, OLD, SUITE, core

from edgebench.deploy.transports.emulated import debian
from edgebench.deploy.transports.emulated.fetching import locked_folder, run

STUBS = Path(__file__).with_name("stubs")
SOURCES = toolbox.APP / "app/src/main"
NAME = "org.edgebench.app"


def tools() -> Path:
    """aapt2, zipalign, apksigner, and the resources of Android itself."""
    packages = ["aapt", "zipalign", "android-framework-res", "apksigner"]
    return debian.fetch_packages(packages, SUITE, ARCHITECTURE, toolbox.folder() / "tools")


def _tool(name: str) -> list[str]:
    """A program of another Debian, with its own loader and libraries."""
    root = tools()
    libraries = root / "usr/lib" / MULTIARCH
    folders = (libraries / "android", libraries, root / "usr/lib/7zip", root / "usr/lib")
    loader = next(libraries.glob("ld-linux-*.so.*"))
    program = root / "usr/lib/android-sdk/build-tools/debian" / name
    return [str(loader), "--library-path", ":".join(map(str, folders)), str(program)]


def dx() -> Path:
    """The dexer, of the last Debian that has one."""
    files = [f"usr/share/java/com.android.dx{version}.jar" for version in ("", "-10.0.0")]
    into = toolbox.folder() / "dx"
    root = debian.fetch_packages(["dalvik-exchange"], "bullseye", ARCHITECTURE, into, only=files)
    return root / files[0]


@dataclass(frozen=True)
class Resources:
    """An .apk of resources and manifest, and the folder of R.java."""

    apk: Path
    sources: Path


def resources(folder: Path) -> Resources:
    """Compile and link the resources. Raises `DeviceError` with what aapt2 says."""
    manifest = folder / "AndroidManifest.xml"
    text = (SOURCES / "AndroidManifest.xml").read_text()
    # Gradle's plug-in knows the name from build.gradle.kts.
    manifest.write_text(text.replace("<manifest ", f'<manifest package="{NAME}" ', 1))
    compiled, apk, sources = folder / "res.zip", folder / "base.apk", folder / "generated"
    aapt = _tool("aapt2")
    run([*aapt, "compile", "--dir", str(SOURCES / "res"), "-o", str(compiled)], "aapt2")
    framework = tools() / "usr/share/android-framework-res/framework-res.apk"
    versions = ["--min-sdk-version", "26", "--target-sdk-version", "36", "--version-code", "1"]
    run(
        [
            *(*aapt, "link", "-I", str(framework), "--manifest", str(manifest), *versions),
            *("--version-name", "0.1.0", "--java", str(sources), "-o", str(apk), str(compiled)),
        ],
        "aapt2",
    )
    return Resources(apk, sources)


def app(made: Resources, folder: Path) -> list[Path]:
    """The app's code, and what of it has to be in an .apk: jars and folders of classes."""
    android = toolbox.android_jar()
    java = folder / "java"
    files = [*STUBS.rglob("*.java"), *made.sources.rglob("*.java")]
    toolbox.compile_java(files, java)
    stubs = folder / "java.jar"
    toolbox.archive(java, stubs)
    litert = toolbox.compile_kotlin("litert", [STUBS], [android], *OLD, *FOR_DX)
    libraries = [android, stubs, litert, core()]
    code = toolbox.compile_kotlin("app", [SOURCES / "kotlin"], libraries, *OLD, *FOR_DX)
    return [code, core(), toolbox.onnxruntime()[0], stubs, litert]


def dex(code: list[Path], target: Path) -> Path:
    """The code in Android's own form."""
    words = ["--dex", "--min-sdk-version=26", f"--output={target}", *map(str, code)]
    run(["java", "-Xmx2g", "-cp", str(dx()), "com.android.dx.command.Main", *words], "dx")
    return target


def library() -> Path:
    """Kotlin's own library in that form, without what it has for newer Java."""
    target = toolbox.folder() / "built" / toolbox.KOTLIN / "classes2.dex"
    with locked_folder(target.parent):
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            own, whole = target.with_name("own.jar"), toolbox.kotlin() / "kotlin-stdlib.jar"
            with zipfile.ZipFile(whole) as found, zipfile.ZipFile(own, "w") as kept:
                for name in found.namelist():
                    if name.endswith(".class") and not name.startswith("META-INF/"):
                        kept.writestr(name, found.read(name))
            dex([own], target.with_name("unfinished.dex")).rename(target)
    return target


def signed(made: Resources, code: list[Path], folder: Path) -> Path:
    """The app as a signed .apk, with a key that is made for it."""
    unaligned, aligned, target = (folder / f"{name}.apk" for name in ("all", "aligned", "app"))
    unaligned.write_bytes(made.apk.read_bytes())
    with zipfile.ZipFile(unaligned, "a", zipfile.ZIP_DEFLATED) as archive:
        for path in code:
            archive.write(path, path.name)
    run([*_tool("zipalign"), "-f", "4", str(unaligned), str(aligned)], "zipalign")
    store = folder / "key.jks"
    key = ["-keystore", str(store), "-storepass", "android", "-alias", "test"]
    name = ["-dname", "CN=edgebench tests", "-keyalg", "RSA", "-keypass", "android"]
    run(["keytool", "-genkeypair", *key, *name, "-validity", "30"], "keytool")
    words = ["sign", "--ks", str(store), "--ks-pass", "pass:android", "--min-sdk-version", "26"]
    run([*apksigner(), *words, "--out", str(target), str(aligned)], "apksigner")
    return target


def apksigner() -> list[str]:
    jar = tools() / "usr/lib/android-sdk/build-tools/debian/apksigner.jar"
    return ["java", "-jar", os.path.realpath(jar)]


def zipalign() -> list[str]:
    return _tool("zipalign")
