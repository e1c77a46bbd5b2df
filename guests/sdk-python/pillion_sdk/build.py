"""`pillion-py SOURCE.py OUT.wasm`: a guest of a module and those that it imports.

Its world is read from its sources: which building blocks its modules import and which handlers it has, so that nobody has to
write WIT and the guest asks for no more than it uses.
"""

import ast
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

VERSION = "0.1.0"
# What a guest may have, by its class; each is an interface of `pillion:dapr`.
HANDLERS = {
    "InvocationHandler": "invocation",
    "TopicHandler": "topic",
    "BulkTopicHandler": "bulk-topic",
    "BindingHandler": "binding",
    "JobHandler": "job",
    "ConfigurationHandler": "configuration",
    "ActorHandler": "actor",
}
# Workflows and activities, of a package of their own.
WORKFLOWS = "WorkflowHandler"
# What comes of other packages than `pillion:dapr`.
OTHERS = {name: f"wasi:nn/{name}@0.2.0-rc-2024-10-28" for name in ("graph", "tensor")}
SDK = Path(__file__).parent


def main() -> None:
    match sys.argv[1:]:
        case ["--types", folder]:
            types(Path(folder))
        case [source, out] if source.endswith(".py"):
            guest(Path(source), Path(out))
        case _:
            fail("usage: pillion-py SOURCE.py OUT.wasm | pillion-py --types FOLDER")


def guest(source: Path, out: Path) -> None:
    """Builds a component."""
    if not source.is_file():
        fail(f"`{source}` is not there")
    imports, handlers, has_workflows = world(source)
    if not handlers and not has_workflows:
        fail(f"{source}: has no handler\nhint: name one or more of {', '.join([*HANDLERS, WORKFLOWS])}")
    lines = [f"import {OTHERS.get(name) or f'pillion:dapr/{name}@{VERSION}'};" for name in sorted(imports)]
    lines += [f"export pillion:dapr/{name}-handler@{VERSION};" for name in handlers]
    if has_workflows:
        lines.append(f"include pillion:workflow/worker@{VERSION};")
    # By rename: who watches the file never sees half of it.
    partial = out.with_name(f"{out.name}.partial")
    out.parent.mkdir(parents=True, exist_ok=True)
    paths = ["-p", str(source.parent), "-p", str(SDK.parent)]
    run(lines, ["componentize", source.stem, *paths, "-o", str(partial.absolute())])
    os.replace(partial, out)


def types(folder: Path) -> None:
    """Writes the types of every building block and handler, for editors and type checkers."""
    run(["include pillion:dapr/host@0.1.0;"], ["bindings", str(folder)])


def run(world: list[str], arguments: list[str]) -> None:
    """The tool, with a world of these lines."""
    tool = shutil.which("componentize-py", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    if tool is None:
        fail("componentize-py is not installed\nhint: pip install componentize-py")
    with tempfile.TemporaryDirectory(prefix="pillion-py-") as work:
        wit = Path(work, "wit")
        dapr = wit_folder("wit", "wit/dapr")
        shutil.copytree(dapr, wit / "deps/dapr")
        shutil.copyfile(dapr / "deps/io.wit", wit / "deps/io.wit")
        shutil.copytree(wit_folder("wit_workflow", "wit/workflow"), wit / "deps/workflow")
        shutil.copytree(wit_folder("wit-nn", "wit/deps/wasi-nn-0.2.0-rc-2024-10-28"), wit / "deps/nn")
        body = "\n  ".join(world)
        (wit / "world.wit").write_text(f"package pillion:guest;\nworld guest {{\n  {body}\n}}\n")
        done = subprocess.run([tool, "--quiet", "-d", str(wit), "-w", "guest", *arguments], check=False)
    if done.returncode != 0:
        fail(f"componentize-py failed: {done.returncode}")


def wit_folder(copy: str, source: str) -> Path:
    """The package's own copy; in the repository, where there is none, the original."""
    own = SDK / copy
    return own if own.is_dir() else SDK.parents[2] / source


def world(source: Path) -> tuple[set[str], list[str], bool]:
    """The interfaces that a module and those that it imports want of the host, the handlers that it names, and whether it has workflows."""
    interfaces = {path.stem for path in wit_folder("wit", "wit/dapr").glob("*.wit")}
    interfaces = interfaces - {"types", "worlds", "handlers"} | set(OTHERS)
    imports: set[str] = set()
    seen: set[Path] = set()
    waiting = [source]
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        for name in imported(ast.parse(path.read_text(), str(path)), path):
            wanted = name.removeprefix("wit_world.imports.").replace("_", "-")
            if name.startswith("wit_world.imports.") and wanted in interfaces:
                imports.add(wanted)
            waiting += [found for folder in (source.parent, SDK.parent) if (found := module(folder, name))]
    defined = names(ast.parse(source.read_text()))
    return imports, [name for class_, name in HANDLERS.items() if class_ in defined], WORKFLOWS in defined


def imported(tree: ast.Module, path: Path) -> list[str]:
    """Dotted names that a module imports, each also as the module that it may be part of."""
    found: list[str] = []
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=aliases):
                found += [alias.name for alias in aliases]
            case ast.ImportFrom(module=base, names=aliases, level=level):
                package = ".".join(filter(None, [path.parent.name if level else "", base]))
                found += [package, *(f"{package}.{alias.name}" for alias in aliases)]
    return found


def module(folder: Path, name: str) -> Path | None:
    path = folder.joinpath(*name.split("."))
    candidates = (path.with_suffix(".py"), path / "__init__.py")
    return next((candidate for candidate in candidates if candidate.is_file()), None)


def names(tree: ast.Module) -> set[str]:
    """What a module defines or imports at its top."""
    found: set[str] = set()
    for node in tree.body:
        match node:
            case ast.ClassDef(name=name):
                found.add(name)
            case ast.Assign(targets=targets):
                found |= {target.id for target in targets if isinstance(target, ast.Name)}
            case ast.ImportFrom(names=aliases):
                found |= {alias.asname or alias.name for alias in aliases}
    return found


def fail(message: str) -> None:
    print(f"error: {message}", file=sys.stderr)
    raise SystemExit(1)


if __name__ == "__main__":
    main()
