#!/usr/bin/env python3
"""Writes the table of OpenTelemetry's semantic conventions that the checker reads.

    git clone --depth 1 --branch v1.44.0 https://github.com/open-telemetry/semantic-conventions
    model/generate.py semantic-conventions 1.44.0 > model/semconv-1.44.0.json

Needs Python 3 with PyYAML. Reads every *.yaml below <folder>/model, in both formats that the
repository has used: `groups` with `extends`, and `definition/2` with `ref_group` and refinements.
Takes keys, types, levels and units. The conditions of the levels are prose there; their meaning for the
checker is written by hand in overlay.json, and the generator stops at a condition that the overlay does
not have.
"""
import json
import pathlib
import subprocess
import sys

import yaml

SPANS = {
    "http.client": ["span.http.client", "http.client"],
    "http.server": ["span.http.server", "http.server"],
    "rpc.client": ["span.rpc.grpc.call.client"],
    "rpc.server": ["span.rpc.grpc.call.server"],
}
METRICS = [
    "http.server.request.duration", "http.client.request.duration",
    "http.server.active_requests", "http.client.active_requests",
    "http.server.request.body.size", "http.server.response.body.size",
    "http.client.request.body.size", "http.client.response.body.size",
    "rpc.server.call.duration", "rpc.client.call.duration",
]


def stop(message):
    sys.exit(f"generate.py: {message}")


class Model:
    """All groups by id, each with its attributes unresolved, and the attribute registry."""

    def __init__(self, folder):
        self.groups, self.refinements, self.registry = {}, {}, {}
        paths = sorted((folder / "model").rglob("*.yaml"))
        if not paths:
            stop(f"no *.yaml below {folder}/model")
        for path in paths:
            self.read(yaml.safe_load(path.read_text()) or {})

    def read(self, file):
        for group in file.get("groups", []):
            self.add(group["id"], group)
            if group.get("metric_name"):
                self.add(group["metric_name"], group)
        for kind, key in (("attribute_groups", "id"), ("spans", "type"), ("metrics", "name")):
            for group in file.get(kind, []):
                self.add(group[key], group)
        for attribute in file.get("attributes", []):
            self.registry[attribute["key"]] = attribute
        for kind in ("span_refinements", "metric_refinements"):
            for group in file.get(kind, []):
                self.add(group["id"], group)
                if kind == "metric_refinements" and ".grpc." in group["id"]:
                    self.refinements[group["ref"]] = group["id"]

    def add(self, name, group):
        self.groups[name] = group
        for attribute in group.get("attributes", []):
            if "id" in attribute and "type" in attribute:
                self.registry[attribute["id"]] = attribute

    def property(self, name, *keys):
        """A property of a group, or of the one that it extends or refines."""
        while name:
            group = self.groups[name]
            for key in keys:
                if key in group:
                    return group[key]
            name = group.get("extends") or (group.get("ref") if "id" in group else None)
        return None

    def attributes(self, name):
        """Properties by key; a later one overrides an earlier one."""
        if name not in self.groups:
            stop(f"no group {name}")
        group, found = self.groups[name], {}
        parent = group.get("extends") or (group.get("ref") if "id" in group else None)
        if parent:
            found = self.attributes(parent)
        for attribute in group.get("attributes", []):
            if "ref_group" in attribute:
                said = self.attributes(attribute["ref_group"])
            else:
                said = {attribute.get("ref") or attribute.get("id"): attribute}
            for key, attribute in said.items():
                found[key] = {**found.get(key, {}), **attribute}
        return found


def level(attribute):
    said = attribute.get("requirement_level", "recommended")
    if isinstance(said, str):
        return said, None
    (name, condition), = said.items()
    return name, " ".join(condition.split())


def table(model, name, overlay):
    rows = []
    for key, attribute in sorted(model.attributes(name).items()):
        if key not in model.registry:
            stop(f"{name}: the registry has no {key}")
        required, condition = level(attribute)
        row = {"key": key, "level": required}
        if required in ("conditionally_required", "recommended"):
            side = overlay["when"].get(f"{key}@{name}") or overlay["when"].get(key)
            if side is None:
                stop(f"{name}: overlay.json has no condition for {key} ({condition})")
            row["when"] = side
        if attribute.get("sampling_relevant"):
            row["sampling_relevant"] = True
        rows.append(row)
    return rows


def registry(model, keys):
    entries = {}
    for key in sorted(keys):
        said = model.registry[key]["type"]
        entry = {"type": said if isinstance(said, str) else "string"}
        if isinstance(said, dict):
            values = [member["value"] for member in said["members"]]
            entry["type"] = "int" if isinstance(values[0], int) else "string"
            entry["values"] = values
        if entry["type"].startswith("template["):
            entry = {**entry, "type": entry["type"][len("template["):-1], "template": True}
        entry["stability"] = model.registry[key].get("stability", "unknown")
        entries[key] = entry
    return entries


def sources(folder):
    """The commit of a clone, or the list of sources in the folder."""
    listed = folder / "SOURCES.json"
    if listed.exists():
        return json.loads(listed.read_text())
    commit = subprocess.run(
        ["git", "-C", folder, "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
    return {"repository": "open-telemetry/semantic-conventions", "commit": commit.stdout.strip()}


def main():
    if len(sys.argv) != 3:
        stop("usage: generate.py <semantic-conventions folder> <version>")
    folder, version = pathlib.Path(sys.argv[1]), sys.argv[2]
    overlay = json.loads((pathlib.Path(__file__).parent / "overlay.json").read_text())
    model = Model(folder)
    spans, metrics = {}, {}
    for name, candidates in SPANS.items():
        found = next((group for group in candidates if group in model.groups), None)
        if found is None:
            stop(f"none of {candidates} is in the model")
        spans[name] = {
            "kind": model.property(found, "span_kind", "kind"),
            "stability": model.property(found, "stability"),
            "attributes": table(model, found, overlay),
        }
    for name in METRICS:
        found = model.refinements.get(name, name)
        metrics[name] = {
            "instrument": model.property(found, "instrument"),
            "unit": model.property(found, "unit"),
            "stability": model.property(found, "stability"),
            "attributes": table(model, found, overlay),
        }
    keys = {row["key"] for group in (*spans.values(), *metrics.values())
            for row in group["attributes"]}
    json.dump({
        "about": "Generated by generate.py; not to be edited.",
        "version": version,
        "sources": sources(folder),
        "spans": spans,
        "metrics": metrics,
        "attributes": registry(model, keys),
    }, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
