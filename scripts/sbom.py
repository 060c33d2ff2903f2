"""Writes a software bill of materials (CycloneDX 1.5, JSON) of a build, from `cargo metadata`: the packages that the
command is made of, with versions, licences and checksums.

    sbom.py [PACKAGE] > cliplet.cdx.json      cliplet-cli by default
"""

import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]


def checksums() -> dict[tuple[str, str], str]:
    """SHA-256 of each package of the lock file, by name and version."""
    lock = (ROOT / "Cargo.lock").read_text()
    found = re.findall(r'name = "(.+)"\nversion = "(.+)"\n(?:source = ".+"\n)?checksum = "(.+)"', lock)
    return {(name, version): checksum for name, version, checksum in found}


def built(metadata: dict, package: str) -> dict[str, list[str]]:
    """Ids of the packages that end up in `package` with those that each depends on, build and test tools left out."""
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    root = next(item["id"] for item in metadata["packages"] if item["name"] == package)
    seen, left = {}, [root]
    while left:
        this = left.pop()
        if this not in seen:
            depends = nodes[this]["deps"]
            seen[this] = [other["pkg"] for other in depends if any(kind["kind"] is None for kind in other["dep_kinds"])]
            left += seen[this]
    return seen


def component(package: dict, sums: dict) -> dict:
    name, version = package["name"], package["version"]
    described = {"type": "library", "name": name, "version": version, "purl": f"pkg:cargo/{name}@{version}",
                 "bom-ref": f"{name}@{version}"}
    if package.get("license"):
        # Older manifests write a slash for OR.
        described["licenses"] = [{"expression": " ".join(package["license"].replace("/", " OR ").split())}]
    if (name, version) in sums:
        described["hashes"] = [{"alg": "SHA-256", "content": sums[name, version]}]
    return described


def main(package: str = "cliplet-cli"):
    host = re.search(r"host: (.+)", subprocess.check_output(["rustc", "-vV"], text=True))[1]
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", host]
    metadata = json.loads(subprocess.check_output(command, cwd=ROOT))
    depends, sums = built(metadata, package), checksums()
    packages = sorted((item for item in metadata["packages"] if item["id"] in depends), key=lambda item: (item["name"], item["version"]))
    reference = {item["id"]: f"{item['name']}@{item['version']}" for item in packages}
    top = next(item for item in packages if item["name"] == package)
    json.dump({
        "bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
        "metadata": {"component": component(top, sums) | {"type": "application"}},
        "components": [component(item, sums) for item in packages if item is not top],
        "dependencies": [{"ref": reference[item["id"]], "dependsOn": sorted({reference[other] for other in depends[item["id"]]})}
                         for item in packages],
    }, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main(*sys.argv[1:2])
