#!/usr/bin/env python3
"""Checks files against the structure rules of H5MD 1.1.0 (nongnu.org/h5md) and its units module, with h5py.

    check_h5md.py FILE [PATH=DIM,DIM,...:SUM ...]

Each further argument names a dataset, its shape and (optionally) the sum of its finite values.
Exit code 0: all rules hold; 1: a rule is broken (one line each); 77: h5py is not installed.
"""
import sys

try:
    import h5py
    import numpy as np
except ImportError as error:
    print(f"h5py is not installed: {error}")
    sys.exit(77)

problems = []


def expect(condition, message):
    if not condition:
        problems.append(message)


def is_integer(dtype):
    return dtype.kind in "iu"


def text(value):
    return value.decode() if isinstance(value, bytes) else str(value)


def check_fixed_string(group, name):
    expect(name in group.attrs, f"{group.name}: attribute {name} is missing")
    if name in group.attrs:
        attribute = group.attrs.get_id(name)
        expect(attribute.shape == (), f"{group.name}@{name}: not scalar")
        kind = attribute.get_type()
        expect(isinstance(kind, h5py.h5t.TypeStringID) and not kind.is_variable_str(),
               f"{group.name}@{name}: not a fixed-length string")


def check_metadata(f):
    expect("h5md" in f, "/h5md is missing")
    version = f["h5md"].attrs["version"]
    expect(version.shape == (2,) and is_integer(version.dtype) and tuple(version) == (1, 1), f"/h5md@version is {version}")
    check_fixed_string(f["h5md/author"], "name")
    check_fixed_string(f["h5md/creator"], "name")
    check_fixed_string(f["h5md/creator"], "version")
    units = f["h5md/modules/units"]
    expect(tuple(units.attrs["version"]) == (1, 0), "units module: version is not 1.0")
    expect(text(units.attrs["system"]) == "SI", "units module: system is not SI")


def check_element(element):
    """A time-dependent element: value, step and time of one length; step integer; both in increasing order."""
    value, step = element["value"], element["step"]
    expect(isinstance(value, h5py.Dataset) and value.ndim >= 1, f"{element.name}/value: no dimension for the frames")
    expect(is_integer(step.dtype), f"{element.name}/step: not integer")
    expect(step.shape == value.shape[:1], f"{element.name}: step {step.shape} against value {value.shape}")
    expect(bool(np.all(np.diff(step[:]) >= 0)), f"{element.name}/step: not in increasing order")
    if "time" in element:
        time = element["time"]
        expect(time.shape == value.shape[:1], f"{element.name}: time {time.shape} against value {value.shape}")
        expect(bool(np.all(np.diff(time[:]) >= 0)), f"{element.name}/time: not in increasing order")
        expect("unit" in time.attrs, f"{element.name}/time: no unit")
    for dataset in [value] + ([element["time"]] if "time" in element else []):
        if "unit" in dataset.attrs:
            unit = text(dataset.attrs["unit"])
            expect(unit != "" and "/" not in unit and "^" not in unit, f"{dataset.name}: unit '{unit}' is no H5MD unit")
            kind = dataset.attrs.get_id("unit").get_type()
            expect(kind.is_variable_str(), f"{dataset.name}@unit: not of variable length")


def elements_below(group):
    found = []

    def visit(name, item):
        if isinstance(item, h5py.Group) and "value" in item and isinstance(item["value"], h5py.Dataset):
            found.append(item)

    group.visititems(visit)
    return found


def check_particles(group):
    box = group["box"]
    dimension = box.attrs["dimension"]
    expect(np.ndim(dimension) == 0 and int(dimension) == 3, f"{box.name}@dimension is {dimension}")
    boundary = [text(b) for b in box.attrs["boundary"]]
    expect(len(boundary) == 3 and set(boundary) <= {"periodic", "none"}, f"{box.name}@boundary is {boundary}")
    kind = box.attrs.get_id("boundary").get_type()
    expect(not kind.is_variable_str(), f"{box.name}@boundary: not of fixed length")
    expect("edges" in box or boundary == ["none"] * 3, f"{box.name}: edges are missing")
    position = group.get("position")
    if "edges" in box:
        edges = box["edges/value"]
        expect(edges.ndim in (2, 3) and edges.shape[1:] in ((3,), (3, 3)), f"{edges.name}: shape {edges.shape}")
        if position is not None:  # the same objects, by hard links
            for name in ("step", "time"):
                if name in position:
                    expect(position[name].id.__hash__() == box["edges"][name].id.__hash__()
                           and h5py.h5o.get_info(position[name].id).addr == h5py.h5o.get_info(box["edges"][name].id).addr,
                           f"{box.name}/edges/{name}: not a hard link to that of position")
    atoms = None
    if position is not None:
        shape = position["value"].shape
        expect(len(shape) == 3 and shape[2] == 3, f"{position.name}/value: shape {shape}")
        atoms = shape[1]
    for name, kinds in (("velocity", "fiu"), ("force", "fiu"), ("image", "fiu")):
        if name in group:
            value = group[name]["value"]
            expect(value.ndim == 3 and value.shape[2] == 3 and value.dtype.kind in kinds, f"{value.name}: {value.shape}")
    for name, kinds in (("species", "iu"), ("id", "iu"), ("charge", "fiu"), ("mass", "f")):
        if name in group:
            value = group[name]["value"]
            expect(value.ndim == 2 and value.dtype.kind in kinds, f"{value.name}: {value.dtype} {value.shape}")
    for name, element in group.items():
        if name != "box" and atoms is not None:
            expect(element["value"].shape[1] == atoms, f"{element.name}: not one value per atom")
    if "id" in group:
        for row in group["id/value"][:]:
            real = row[row != -1]
            expect(len(set(real)) == len(real), f"{group.name}/id: not unique in a frame")


def main():
    path, *expected = sys.argv[1:]
    with h5py.File(path, "r") as f:
        check_metadata(f)
        expect(set(f) <= {"h5md", "particles", "observables", "connectivity", "parameters", "grids"},
               f"unknown groups at the root: {list(f)}")
        for top in ("particles", "observables", "grids"):
            for element in elements_below(f[top]) if top in f else []:
                expect("step" in element, f"{element.name}: no step")
                check_element(element)
        for group in f["particles"].values():
            check_particles(group)
        for word in expected:
            name, _, rest = word.partition("=")
            shape, _, total = rest.partition(":")
            dims = tuple(int(d) for d in shape.split(",") if d)
            expect(name in f, f"{name} is missing")
            if name not in f:
                continue
            expect(f[name].shape == dims, f"{name}: shape {f[name].shape}, expected {dims}")
            if total:
                found = float(np.nansum(f[name][:]))
                expect(abs(found - float(total)) <= 1e-12 * max(1, abs(float(total))), f"{name}: sum {found}, expected {total}")
    for problem in problems:
        print(f"{path}: {problem}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
