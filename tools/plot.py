#!/usr/bin/python3
"""Draws what a result file of `grainfield analyze` holds: a slice through the snapshot colored by a per-atom
field, g(r), the density profile with its boundaries, a slice through a density grid, the histogram of
extrapolation grades; and the histogram that `grainfield screen` writes as .json.

  tools/plot.py out.h5                                   writes out.png
  tools/plot.py run.screen.json                          the grades of all frames of `grainfield screen`
  tools/plot.py out.h5 -o fig.pdf --field coordination --component Z1 --slice x --thickness 3

Needs h5py, matplotlib and numpy (Debian: python3-h5py python3-matplotlib).
"""
import argparse
import json
import pathlib
import re
import sys

import h5py
import matplotlib
import numpy as np

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
from matplotlib.collections import EllipseCollection  # noqa: E402
from matplotlib.colors import BoundaryNorm, Normalize  # noqa: E402

AXES = "xyz"
STYLE = {"font.size": 8, "axes.linewidth": 0.6, "lines.linewidth": 1.0, "xtick.major.width": 0.6,
         "ytick.major.width": 0.6, "legend.frameon": False, "mathtext.default": "regular",
         "image.cmap": "viridis", "savefig.dpi": 300}
SHADE = "0.45"  # of lines that mark something


class Problem(Exception):
    pass


class Results:
    """One frame of a result file."""

    def __init__(self, path, frame):
        if not pathlib.Path(path).is_file():
            raise Problem(f"{path}: no such file")
        try:
            self.file, self.path, self.frame = h5py.File(path, "r"), path, frame
        except OSError as error:
            raise Problem(f"{path}: not a complete HDF5 file ({error})") from None
        if "h5md" not in self.file:
            raise Problem(f"{path}: not an H5MD file; expected the output of grainfield analyze")

    def get(self, element):
        """The element's value in this frame, without padding; None where the file has none."""
        data = self.file.get(element + "/value")
        if data is None:
            return None
        if not -len(data) <= self.frame < len(data):
            raise Problem(f"{self.path}: --frame {self.frame}; the file has frames 0 to {len(data) - 1}")
        return data[self.frame]

    def series(self, *elements):
        """Arrays of the same length, without the padding of shorter frames; None if one is absent."""
        values = [self.get("observables/" + e) for e in elements]
        if any(v is None for v in values):
            return None
        keep = np.isfinite(values[0])
        return [v[keep] for v in values] if keep.any() else None

    def unit(self, element):
        unit = self.file[element + "/value"].attrs.get("unit", "")
        unit = unit.decode() if isinstance(unit, bytes) else unit
        return re.sub(r"(?<=[A-Za-zÅ])\^?(-?\d+)", r"$^{\1}$", re.sub(r"\bA(ng)?(?![a-z])", "Å", unit))

    def label(self, name, element):
        unit = self.unit(element)
        return f"{name} ({unit})" if unit else name

    def cell(self, group):
        edges, origin = self.get(group + "/edges"), self.get(group + "/origin")
        return edges, np.zeros(3) if origin is None else origin


def in_plane(edges, axis):
    """The two Cartesian axes of the slice, the longer one horizontal."""
    extent = np.abs(edges).sum(axis=0)
    return sorted((k for k in range(3) if k != axis), key=lambda k: (-round(extent[k], 3), k))


def outline(edges, origin, horizontal, vertical):
    """Segments of the 12 edges of the cell, projected."""
    corner = np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)])
    at = (corner @ edges + origin)[:, [horizontal, vertical]]
    return [(at[i], at[j]) for i in range(8) for j in range(i) if np.abs(corner[i] - corner[j]).sum() == 1]


def color_scale(values):
    """Whole numbers get one color each, real ones a range that leaves out the outermost 0.5%."""
    if np.issubdtype(values.dtype, np.integer):
        low, high = values.min(), values.max()
        if high - low <= 20:
            return BoundaryNorm(np.arange(low - 0.5, high + 1), plt.get_cmap().N), "neither"
    values = values[np.isfinite(values)]
    if not len(values):
        return Normalize(0, 1), "neither"
    low, high = np.percentile(values, [0.5, 99.5])
    if high - low <= 1e-9 * max(abs(low), abs(high)):
        pad = 0.01 * abs(low) or 1.0
        return Normalize(low - pad, high + pad), "neither"
    return Normalize(low, high), {(0, 0): "neither", (1, 0): "min", (0, 1): "max", (1, 1): "both"}[
        int(values.min() < low), int(values.max() > high)]


def color_bar(figure, axes, drawn, label, extend, wide):
    if wide:
        bar = figure.colorbar(drawn, ax=axes, extend=extend, label=label, aspect=40, shrink=0.5, pad=0.02,
                              location="bottom")
    else:  # as high as the map, whose own height its shape decides
        bar = figure.colorbar(drawn, cax=axes.inset_axes([1.04, 0, 0.045, 1]), extend=extend, label=label)
    bar.outline.set_linewidth(0.6)
    bar.solids.set(rasterized=True, edgecolor="face")
    if isinstance(drawn.norm, BoundaryNorm):
        edges = drawn.norm.boundaries
        whole = (edges[:-1] + edges[1:]) / 2
        bar.set_ticks(whole[:: max(1, len(whole) // 8)])
        bar.minorticks_off()


def finish_map(axes, edges, origin, horizontal, vertical, margin):
    for ends in outline(edges, origin, horizontal, vertical):
        axes.plot(*zip(*ends), color=SHADE, lw=0.5, zorder=0)
    low = origin + np.minimum(edges, 0).sum(axis=0) - margin
    high = origin + np.maximum(edges, 0).sum(axis=0) + margin
    axes.set(xlim=(low[horizontal], high[horizontal]), ylim=(low[vertical], high[vertical]), aspect="equal",
             xlabel=f"{AXES[horizontal]} (Å)", ylabel=f"{AXES[vertical]} (Å)")


def pick_field(results, options):
    """(values, label) of the per-atom field to color by."""
    group = results.file["particles/all"]
    known = [k for k in group if k not in ("box", "position", "image", "velocity", "force", "id")
             and isinstance(group[k], h5py.Group) and "value" in group[k]]
    name = options.field or next((k for k in ("relative_density", "coordination") if k in known), None)
    name = name or next(iter(known), None)
    if name not in known:
        raise Problem(f"{results.path}: no per-atom field '{name}'; the file has {', '.join(known) or 'none'}")
    element = f"particles/all/{name}"
    values, label = results.get(element), name.replace("_", " ")
    if values.ndim > 1:
        names = [n.decode() if isinstance(n, bytes) else n for n in group[name].attrs.get("component_names", [])]
        names = names or [str(k) for k in range(values.shape[1])]
        wanted = options.component or names[0]
        if wanted.isdigit() and wanted not in names and int(wanted) < len(names):
            wanted = names[int(wanted)]
        if wanted not in names:
            raise Problem(f"--component {wanted}; {name} has {', '.join(names)}")
        values, label = values[:, names.index(wanted)], f"{label}, {wanted}"
    elif options.component:
        raise Problem(f"--component {options.component}; {name} has one component only")
    return values, results.label(label, element)


def draw_atoms(figure, axes, results, options, wide):
    values, label = pick_field(results, options)
    position = results.get("particles/all/position")
    there = np.isfinite(position[:, 0])
    position, values = position[there], values[there]
    edges, origin = results.cell("particles/all/box")
    periodic = results.get("particles/all/box/periodic")
    periodic = np.ones(3, bool) if periodic is None else periodic.astype(bool)
    fraction = (position - origin) @ np.linalg.inv(edges)
    fraction[:, periodic] %= 1.0
    position = fraction @ edges + origin

    axis = AXES.index(options.slice)
    horizontal, vertical = in_plane(edges, axis)
    spacing = (abs(np.linalg.det(edges)) / max(len(position), 1)) ** (1 / 3)
    thickness = options.thickness or 1.6 * spacing
    middle = options.at if options.at is not None else (origin + edges.sum(axis=0) / 2)[axis]
    depth = position[:, axis] - middle
    shown = np.flatnonzero(np.abs(depth) <= thickness / 2)
    if not len(shown):
        raise Problem(f"no atoms within {thickness:.3g} Å of {options.slice} = {middle:.4g} Å; see --at, --thickness")
    shown = shown[np.argsort(depth[shown], kind="stable")]
    norm, extend = color_scale(values)
    size = np.full(len(shown), 1.05 * spacing)
    atoms = EllipseCollection(size, size, np.zeros(len(shown)), units="xy", norm=norm,
                              offsets=position[np.ix_(shown, [horizontal, vertical])],
                              offset_transform=axes.transData, edgecolors=(0, 0, 0, 0.35),
                              linewidths=0.15 if len(shown) < 20000 else 0, rasterized=len(shown) > 20000)
    atoms.set_array(values[shown])
    axes.add_collection(atoms)
    finish_map(axes, edges, origin, horizontal, vertical, 0.6 * spacing)
    axes.set_title(f"{options.slice} = {middle:.1f} ± {thickness / 2:.1f} Å, {len(shown)} atoms", fontsize=7)
    color_bar(figure, axes, atoms, label, extend, wide)


def draw_grid(figure, axes, results, options, name, wide):
    element = "grids/" + name
    edges, origin = results.cell(element)
    axis = AXES.index(options.slice)
    horizontal, vertical = in_plane(edges, axis)
    shape = results.get(element + "/shape")
    data = results.file[element + "/value"]
    n = [int(k) for k in (shape if shape is not None else data.shape[1:])]
    along = int(np.argmax(np.abs(edges[:, axis])))  # the cell vector closest to the axis
    middle = options.at if options.at is not None else (origin + edges.sum(axis=0) / 2)[axis]
    plane = int(round((middle - origin[axis]) / edges[along, axis] * n[along])) % n[along]
    pick = [slice(0, k) for k in n]
    pick[along] = slice(plane, plane + 1)
    values = data[tuple([results.frame % len(data)] + pick)]
    first, second = (k for k in range(3) if k != along)
    values = np.squeeze(values, axis=along)
    # Periodic: the last row and column repeat the first ones, so that the picture fills the cell.
    values = np.pad(values, ((0, 1), (0, 1)), mode="wrap")
    i, j = np.meshgrid(np.arange(n[first] + 1) / n[first], np.arange(n[second] + 1) / n[second], indexing="ij")
    at = origin + plane / n[along] * edges[along] + i[..., None] * edges[first] + j[..., None] * edges[second]
    drawn = axes.pcolormesh(at[..., horizontal], at[..., vertical], values, shading="gouraud", rasterized=True)
    finish_map(axes, edges, origin, horizontal, vertical, 0.0)
    axes.set_title(f"grid of {n[0]} × {n[1]} × {n[2]}, {options.slice} = {middle:.1f} Å", fontsize=7)
    color_bar(figure, axes, drawn, results.label(name.replace("_", " "), element), "neither", wide)


def draw_rdf(axes, results):
    r, g = results.series("rdf/r", "rdf/g")
    partials = sorted(k for k in results.file["observables/rdf"] if k.startswith("g_"))
    axes.plot(r, g, color="black", label="all", drawstyle="steps-mid", zorder=3)
    if len(partials) > 1:
        for k, name in enumerate(partials):
            color = plt.get_cmap()(0.1 + 0.8 * k / (len(partials) - 1))
            axes.plot(r, results.get("observables/rdf/" + name)[: len(r)], lw=0.7, color=color,
                      drawstyle="steps-mid", label="–".join(name.split("_")[1:]))
        axes.legend(fontsize=6, handlelength=1.2, loc="upper right")
    axes.axhline(1, color=SHADE, lw=0.5, ls=":")
    axes.set(xlim=(0, r[-1] + r[0]), ylim=(0, 1.08 * np.nanmax(g)), xlabel=results.label("r", "observables/rdf/r"),
             ylabel="g(r)")
    cutoffs = results.get("observables/coordination_cutoffs")
    if cutoffs is not None:
        axes.set_title("dashed: cutoffs of the shells", fontsize=7)
        for k, cut in enumerate(cutoffs):
            axes.axvline(cut, color=SHADE, lw=0.6, ls="--")
            axes.annotate(f"$r_{k + 1}$", (cut, 1), (1.5, -8), xycoords=("data", "axes fraction"),
                          textcoords="offset points", color=SHADE)


def draw_profile(axes, results):
    z, density = results.series("density_profile/z", "density_profile/relative_density")
    normal = results.get("observables/density_profile/normal")
    axes.plot(z, density, color="black")
    low, high = np.min(density), np.max(density)
    if abs(1 - high) < 0.6 * (high - low):
        axes.axhline(1, color=SHADE, lw=0.5, ls=":")
    planes = results.series("gb/position")
    if planes:
        axes.set_title("dashed: boundary planes", fontsize=7)
        for at in planes[0]:
            axes.axvline(at, color=SHADE, lw=0.6, ls="--")
    across = "" if normal is None else f" across the plane of {['b, c', 'c, a', 'a, b'][int(np.ravel(normal)[0])]}"
    axes.set(xlim=(z[0], z[-1]), ylabel="planar relative density",
             xlabel=results.label("distance" + across, "observables/density_profile/z"))
    axes.ticklabel_format(axis="y", useOffset=False)


GRADE_CLASSES = [("interpolation", 0, 1), ("accurate", 1, 2), ("reliable", 2, 10), ("dangerous", 10, np.inf)]


def draw_grades(axes, edges, counts, title):
    """Counts per bin of the grade, both axes logarithmic, with the limits of the classes."""
    filled = np.flatnonzero(counts)
    first, last = (filled[0], filled[-1]) if len(filled) else (0, len(counts) - 1)
    low, high = min(edges[first] / 1.3, 0.5), max(edges[last + 1] * 1.3, 3.0)
    for k, (name, start, end) in enumerate(GRADE_CLASSES):
        if start < high:
            axes.axvspan(max(start, low), min(end, high), color=plt.get_cmap()(0.05 + 0.3 * k), alpha=0.13, lw=0)
            middle = np.sqrt(max(start, low) * min(end, high))
            axes.annotate(name, (middle, 1), (0, -4), xycoords=("data", "axes fraction"), fontsize=6, color=SHADE,
                          textcoords="offset points", ha="center", va="top", rotation=90)
        if low < end < high:
            axes.axvline(end, color=SHADE, lw=0.6, ls="--")
    axes.stairs(counts[first:last + 1], edges[first:last + 2], fill=True, color="0.25", zorder=3)
    axes.set(xscale="log", yscale="log", xlim=(low, high), ylim=(0.5, 30.0 * max(counts.max(), 1)),
             xlabel="extrapolation grade $\\gamma$", ylabel="atoms per bin")
    axes.set_title(title, fontsize=7)


def draw_grades_of(axes, results):
    grades = results.get("particles/all/extrapolation_grade")
    grades = grades[np.isfinite(grades)]
    edges = 10.0 ** (np.arange(-80, 121) / 20)
    counts, _ = np.histogram(np.clip(grades, edges[0], edges[-1]), edges)
    draw_grades(axes, edges, counts, f"largest grade {grades.max():.4g}" if len(grades) else "no grades")


def draw_screening(path):
    """The histogram of a file that `grainfield screen` wrote."""
    try:
        found = json.loads(pathlib.Path(path).read_text())
        edges, counts = np.array(found["histogram"]["edges"]), np.array(found["histogram"]["counts"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Problem(f"{path}: expected the .json of grainfield screen ({error})") from None
    figure = plt.figure(figsize=(3.5, 2.6), constrained_layout=True)
    largest = "not a number" if found["largest"] is None else f"{found['largest']:.4g}"
    draw_grades(figure.subplots(), edges, counts, f"{found['grades']} grades, the largest {largest}")
    if found["grades_of"] == "configurations":
        figure.axes[0].set_ylabel("frames per bin")
    return figure


def panels_of(results, options):
    """(kind, argument) of everything the file has, maps first."""
    panels = []
    if "particles/all/position/value" in results.file:
        panels.append(("atoms", None))
    elif options.field:
        raise Problem(f"{results.path}: no positions, so no slice of '{options.field}'")
    panels += [("grid", name) for name in results.file.get("grids", {}) if results.get("grids/" + name) is not None]
    if results.series("rdf/r", "rdf/g"):
        panels.append(("rdf", None))
    if results.series("density_profile/z", "density_profile/relative_density"):
        panels.append(("profile", None))
    if results.get("particles/all/extrapolation_grade") is not None:
        panels.append(("grades", None))
    if not panels:
        raise Problem(f"{results.path}: nothing to draw: no positions, no rdf, no density profile, no grid")
    return panels


def layout(maps, curves, ratio):
    """Mosaic of panel letters, heights of its rows and width of the figure, in inches (7.1: two columns of a
    journal). ratio: height over width of a map."""
    if not curves and len(maps) == 1 and ratio >= 0.5:
        return [maps], [0.6 + 2.7 * ratio], 3.5
    pair = [curves[0], curves[-1]] if curves else []
    if maps and ratio < 0.5:  # long cells get a row each
        rows, heights = [[m, m] for m in maps], [1.1 + 6.3 * ratio] * len(maps)
    elif len(maps) == 1:  # one map beside the curves
        return [[maps[0], c] for c in curves], [max(0.45 + 2.9 * ratio, 1.65 * len(curves)) / len(curves)] * len(curves), 7.1
    else:
        rows = [[m, (maps[k + 1] if k + 1 < len(maps) else ".")] for k, m in enumerate(maps) if k % 2 == 0]
        heights = [0.5 + 2.6 * ratio] * len(rows)
    return rows + ([pair] if pair else []), heights + ([2.2] if pair else []), 7.1


def draw(results, options):
    panels = dict(zip("abcdefghijklmnopqrstuvwxyz", panels_of(results, options)))
    maps = [k for k, (kind, _) in panels.items() if kind in ("atoms", "grid")]
    ratio = 1.0
    if maps:
        kind, name = panels[maps[0]]
        edges, _ = results.cell("particles/all/box" if kind == "atoms" else "grids/" + name)
        extent = np.abs(edges).sum(axis=0)
        if options.slice is None:
            options.slice = AXES[2 - int(np.argmin(np.round(extent[::-1], 3)))]
        horizontal, vertical = in_plane(edges, AXES.index(options.slice))
        ratio = extent[vertical] / extent[horizontal]
    rows, heights, width = layout(maps, [k for k in panels if k not in maps], ratio)
    figure = plt.figure(figsize=(width, sum(heights)), constrained_layout=True)
    axes = figure.subplot_mosaic(rows, gridspec_kw={"height_ratios": heights})
    for letter, (kind, name) in panels.items():
        ax = axes[letter]
        if kind == "atoms":
            draw_atoms(figure, ax, results, options, ratio < 0.5)
        elif kind == "grid":
            draw_grid(figure, ax, results, options, name, ratio < 0.5)
        elif kind == "rdf":
            draw_rdf(ax, results)
        elif kind == "grades":
            draw_grades_of(ax, results)
        else:
            draw_profile(ax, results)
        if len(panels) > 1:
            title = ax.get_title()  # beside the letter: centered, a long one would meet it
            ax.set_title("")
            ax.set_title(f"({letter})  {title}".rstrip(), loc="left", fontsize=7)
    return figure


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("input", help="result file (HDF5), or the .json of grainfield screen")
    parser.add_argument("-o", "--output", help="picture: .png, .pdf, .svg (default: the input's name with .png)")
    parser.add_argument("--frame", type=int, default=0, help="frame of the file, from 0; -1: the last (default 0)")
    parser.add_argument("--field", help="per-atom field (default relative_density)")
    parser.add_argument("--component", help="its component, by name or number (default: the first)")
    parser.add_argument("--slice", choices=list(AXES), help="axis across the slice (default: the shortest)")
    parser.add_argument("--at", type=float, help="position of the slice on that axis, Å (default: the middle)")
    parser.add_argument("--thickness", type=float, help="thickness of the slice, Å (default: about two atoms)")
    options = parser.parse_args()
    output = options.output or str(pathlib.Path(options.input).with_suffix(".png"))
    try:
        with plt.rc_context(STYLE):
            figure = draw_screening(options.input) if options.input.endswith(".json") else draw(
                Results(options.input, options.frame), options)
            figure.savefig(output)
    except Problem as problem:
        sys.exit(f"plot.py: error: {problem}")
    except (OSError, ValueError) as error:
        sys.exit(f"plot.py: error: {options.input}: {error}")
    print(f"wrote {output}")


if __name__ == "__main__":
    main()
