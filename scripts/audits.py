"""What scripts/check asks of everything that is written and installed: `python -m scripts.audits`.

Known vulnerabilities of the tested versions (pip-audit), calls that ruff's rules do not know (bandit), secrets in the
tree (detect-secrets), and licences of what is installed (pip-licenses).
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated

import httpx
import typer

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
ADVISORIES = "https://api.osv.dev/v1/query"
PATIENCE_S = 5

PACKAGES = ("api", "inference", "models", "scripts")
NO_SECRETS = re.compile(  # cards hold their files' digests, benchmarks their commits
    r"models/cards/.*|benchmarks/.*\.json|.*\.(png|jpg|svg|safetensors|html)"
)
JOINTS = re.compile(r" AND | OR | WITH |; ?|[()]")


def run(
    advisories: Annotated[str, typer.Option(help="Where known vulnerabilities are asked for: OSV's API.")] = ADVISORIES,
) -> None:
    """Audit, and end with 1 when something is found."""
    audits: tuple[Callable[[], list[str]], ...] = (lambda: vulnerable(advisories), unsafe, secrets, unlicensed)
    with ThreadPoolExecutor(len(audits)) as pool:
        found = [finding for findings in pool.map(lambda audit: audit(), audits) for finding in findings]
    for finding in found:
        print(finding)
    print(f"audits: {len(found) or 'no'} findings")
    sys.exit(1 if found else 0)


def vulnerable(advisories: str, tested: Path = ROOT / "constraints.txt") -> list[str]:
    """The tested versions with known vulnerabilities; none, and a line that says so, where nobody can be asked."""
    try:
        asked = {"package": {"name": "pip", "ecosystem": "PyPI"}}
        httpx.post(advisories, json=asked, timeout=PATIENCE_S).raise_for_status()
    except httpx.HTTPError:
        print(f"audits: {httpx.URL(advisories).host} does not answer, so known vulnerabilities were not looked for")
        return []
    options = ("--vulnerability-service=osv", f"--osv-url={advisories}", "--no-deps", "--disable-pip", "--format=json")
    said = _tool("pip-audit", *options, "--progress-spinner=off", f"--requirement={tested}")
    try:
        dependencies = json.loads(said.stdout)["dependencies"]
    except (ValueError, KeyError):
        return [f"pip-audit: {said.stderr.strip()}"]
    return [
        f"{one['name']} {one['version']}: {flaw['id']}, mended in {', '.join(flaw['fix_versions']) or 'no version yet'}"
        for one in dependencies
        for flaw in one.get("vulns", ())
    ]


def unsafe(folders: Sequence[str] = PACKAGES) -> list[str]:
    """Calls that bandit knows and ruff's S rules do not; which those are is in pyproject.toml."""
    said = _tool("bandit", "--quiet", "--configfile=pyproject.toml", "--format=json", "--recursive", *folders)
    results = json.loads(said.stdout)["results"]
    return [f"{one['filename']}:{one['line_number']}: {one['test_id']} {one['issue_text']}" for one in results]


def secrets(root: Path = ROOT) -> list[str]:
    """Keys and tokens in the tree. Keywords beside strings are left to ruff (S105 to S107)."""
    listed = subprocess.run(["git", "ls-files"], cwd=root, capture_output=True, text=True, check=True).stdout  # noqa: S607
    files = [name for name in listed.splitlines() if not NO_SECRETS.fullmatch(name) and (root / name).is_file()]
    options = ("--json", "--no-verify", "--disable-plugin=KeywordDetector", "--cores=2")
    said = _tool("detect-secrets-hook", *options, *files, cwd=root)
    if not said.stdout.strip():
        return [said.stderr.strip()] if said.returncode else []
    found = [one for ones in json.loads(said.stdout)["results"].values() for one in ones]
    mend = "take it out, or end the line with `# pragma: allowlist secret` if it is none"
    return [f"{one['filename']}:{one['line_number']}: looks like a secret ({one['type']}): {mend}" for one in found]


def unlicensed() -> list[str]:
    """What is installed under another licence than pyproject.toml allows."""
    rules = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["fitting-room"]["licences"]
    packages = json.loads(_tool("pip-licenses", "--format=json", "--from=mixed").stdout)
    return [
        f"{package['Name']} {package['Version']}: its licence, {package['License']}, is not among those that "
        "pyproject.toml allows"
        for package in packages
        if package["Name"] not in rules["programs"] and not is_allowed(package["License"], rules["allowed"])
    ]


def is_allowed(licence: str, allowed: Sequence[str]) -> bool:
    """Whether every part of an expression is, also of alternatives: `MIT OR X` is allowed when X is."""
    return all(part.strip() in allowed for part in JOINTS.split(licence) if part.strip())


def _tool(name: str, *words: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run([BIN / name, *words], cwd=cwd, capture_output=True, text=True, check=False)  # noqa: S603


if __name__ == "__main__":
    typer.run(run)
