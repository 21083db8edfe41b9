#!/usr/bin/python3
"""What the documents say is so: paths and tests that they name exist, commands of README.md run, tables are those
of the registry and of the stored benchmarks.

  check_docs.py GRAINFIELD     the command to run README.md's examples with
"""
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOP = {p.name for p in ROOT.iterdir()} - {".git", "build"}
PRODUCED = ("bench/results", "demo-output", "build")  # by commands that the documents describe
problems = []


def documents():
    return [p for p in sorted(ROOT.rglob("*.md")) if not {"build", ".git"} & set(p.relative_to(ROOT).parts)]


def exists(document, path):
    path = path.split("#")[0].rstrip("/")
    if not path or path.startswith(PRODUCED):
        return True
    pattern = re.sub(r"<[^>]*>|\.\.\.|…", "*", path)
    if re.search(r"[*{]", pattern):  # kernels/<topic>/*.hpp: some file has such a name
        pattern = re.sub(r"\{[^}]*\}", "*", pattern)
        return any(ROOT.glob(pattern)) or any(document.parent.glob(pattern)) or "<" in path
    return (document.parent / path).exists() or (ROOT / path).exists()


def check_paths():
    for document in documents():
        text = document.read_text()
        named = set(re.findall(r"\]\(([^)\s]+)\)", text))
        named = {n for n in named if "://" not in n and not n.startswith("#")}
        for token in re.findall(r"[\w./<>*{}…+-]+", " ".join(re.findall(r"`[^`\n]+`|```.*?```", text, re.DOTALL))):
            token = token.strip(".,:")
            if token.split("/")[0] in TOP and ("/" in token or "." in token):
                named.add(token)
        for path in sorted(named):
            if not exists(document, path):
                problems.append(f"{document.relative_to(ROOT)}: there is no {path}")


def check_tests():
    sources = "\n".join(p.read_text() for p in ROOT.glob("tests/*/test_*.c*"))
    tests = {f"{a}.{b}" for a, b in re.findall(r"\bTEST(?:_F|_P)?\((\w+),\s*(\w+)\)", sources)}
    suites = {t.split(".")[0] for t in tests}
    document = (ROOT / "tests/README.md").read_text()
    for name in sorted(set(re.findall(r"`([A-Z]\w+\.(?:\w+|\*))`", document))):
        suite, test = name.split(".")
        if suite not in suites or (test != "*" and name not in tests):
            problems.append(f"tests/README.md: there is no test {name}")
    for suite in sorted(suites):
        if f"`{suite}." not in document:
            problems.append(f"tests/README.md: the tests {suite}.* are in no row")


def check_scripts():
    for script in [*ROOT.glob("tools/*.sh"), *ROOT.glob("bench/*.sh"), ROOT / ".ci/run"]:
        if not os.access(script, os.X_OK):
            problems.append(f"{script.relative_to(ROOT)} is not executable")
        if subprocess.run(["bash", "-n", str(script)]).returncode:
            problems.append(f"{script.relative_to(ROOT)}: bash cannot parse it")


def check_commands(grainfield):
    """Runs the examples of README.md, but for building and the scripts, whose words are checked only."""
    text = (ROOT / "README.md").read_text()
    presets = {p["name"] for p in json.loads((ROOT / "CMakePresets.json").read_text())["configurePresets"]}
    for preset in re.findall(r"--preset (\w+)", text):
        if preset not in presets:
            problems.append(f"README.md: there is no preset {preset}")
    folder = tempfile.mkdtemp(prefix="grainfield-docs-")
    try:
        n_run = 0
        for language, block in re.findall(r"```(\w+)\n(.*?)```", text, re.DOTALL):
            if language == "python":
                commands = [["/usr/bin/python3", "-c", block]]
            else:
                commands = [shlex.split(line, comments=True) for line in block.replace("\\\n", " ").splitlines()]
            for command in filter(None, commands):
                if command[0] == "build/cpu/grainfield":
                    command[0] = grainfield
                elif command[0] == "tools/plot.py":
                    command[0] = str(ROOT / command[0])
                elif command[0] in ("cmake", "tools/demo.sh", "tools/test.sh"):
                    continue
                elif command[0] != "/usr/bin/python3":
                    problems.append(f"README.md: nobody checks the command {command[0]}")
                    continue
                done = subprocess.run(command, cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL)
                n_run += 1
                if done.returncode:
                    problems.append(f"README.md: {shlex.join(command)[:200]}: {done.stderr.strip()[-500:]}")
        if n_run < 4:
            problems.append(f"README.md: only {n_run} commands were found to run; the parser of this test is out of date")
    finally:
        shutil.rmtree(folder)


def check_generated(grainfield):
    for page in ("reference_page", "bench_page"):
        done = subprocess.run([str(ROOT / "tools/gen" / page), "--check", grainfield], capture_output=True, text=True)
        if done.returncode:
            problems.append((done.stdout + done.stderr).strip())


def check_scaling():
    done = subprocess.run([str(ROOT / "tools/gen/scaling_page"), "--check"], capture_output=True, text=True)
    if done.returncode:
        problems.append((done.stdout + done.stderr).strip())


def main():
    check_scaling()
    check_paths()
    check_tests()
    check_scripts()
    grainfield = os.path.abspath(sys.argv[1])
    check_generated(grainfield)
    check_commands(grainfield)
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
