"""Build what browsers are given: `python -m tools.frontend [--check]`.

npm brings the packages that package-lock.json names, each checked by its hash, into
var/frontend. What pages use of them goes to static/dist, compressed as well; a server
that runs needs neither npm nor Node.js. With --check nothing is built, and the exit
status says whether something would be.
"""

import gzip
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
WORK = ROOT / "var" / "frontend"
MODULES = WORK / "node_modules"
TARGET = ROOT / "static" / "dist"
STAMP = TARGET / "built"
LOCKED = ("package.json", "package-lock.json")
ICONS = HERE / "icons.txt"
SVG = "http://www.w3.org/2000/svg"

FILES = {
    "tabler.css": "@tabler/core/dist/css/tabler.min.css",
    "htmx.js": "htmx.org/dist/htmx.min.js",
    "idiomorph.js": "idiomorph/dist/idiomorph-ext.min.js",
    "plotly.js": "plotly.js-basic-dist-min/plotly-basic.min.js",
}


def main(arguments: Sequence[str]) -> int:
    wanted = inputs_hash()
    current = STAMP.exists() and STAMP.read_text() == wanted
    if current or "--check" in arguments:
        return 0 if current else 1
    install_packages()
    shutil.rmtree(TARGET, ignore_errors=True)
    TARGET.mkdir(parents=True)
    for name, source in FILES.items():
        shutil.copyfile(MODULES / source, TARGET / name)
    (TARGET / "icons.svg").write_text(sprite(icon_names()))
    compress(TARGET)
    STAMP.write_text(wanted)
    return 0


def inputs_hash() -> str:
    digest = hashlib.sha256(str(ROOT).encode())
    for file in (*(HERE / name for name in LOCKED), ICONS, Path(__file__)):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def install_packages() -> None:
    WORK.mkdir(parents=True, exist_ok=True)
    for name in LOCKED:
        shutil.copyfile(HERE / name, WORK / name)
    # Beside this interpreter: the virtual environment need not be the active one.
    folder = str(Path(sys.executable).parent)
    path = os.pathsep.join([folder, os.environ.get("PATH", "")])
    quiet = ("--no-audit", "--no-fund", "--loglevel=error")
    command = [f"{folder}/npm", "ci", "--ignore-scripts", *quiet]
    done = subprocess.run(
        command, cwd=WORK, env={**os.environ, "PATH": path}, capture_output=True
    )
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()
        sys.exit(f"{said}\nERROR: npm: {reason_in(said)}")


def reason_in(said: str) -> str:
    """The line of npm's complaint that a person understands; the first are codes."""
    lines = [line.removeprefix("npm error ") for line in said.splitlines()]
    codes = ("code ", "syscall ", "errno ")
    told = [line for line in lines if line and not line.startswith(codes)]
    return (told or ["it said nothing"])[0]


def icon_names() -> Iterator[str]:
    yield from (line.strip() for line in ICONS.read_text().splitlines() if line.strip())


def sprite(names: Iterator[str]) -> str:
    """One file with a <symbol> per icon; pages show it with <use>."""
    ElementTree.register_namespace("", SVG)
    sheet = ElementTree.Element(f"{{{SVG}}}svg")
    for name in names:
        source = MODULES / "@tabler" / "icons" / "icons" / "outline" / f"{name}.svg"
        # Our own dependency, checked by its hash: not a stranger's XML.
        drawing = ElementTree.parse(source).getroot()  # noqa: S314
        drawing.tag = f"{{{SVG}}}symbol"
        drawing.attrib = {"id": name, "viewBox": drawing.attrib["viewBox"]}
        sheet.append(drawing)
    return ElementTree.tostring(sheet, encoding="unicode")


def compress(folder: Path) -> None:
    """A .gz beside each file, without a time in it: equal input, equal output."""
    for file in list(folder.iterdir()):
        packed = gzip.compress(file.read_bytes(), compresslevel=9, mtime=0)
        file.with_name(f"{file.name}.gz").write_bytes(packed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
