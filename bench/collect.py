#!/usr/bin/env python3
"""Joins the JSON files of Google Benchmark to one with the machine and the commit, or prints such a file as a
Markdown table.

  bench/collect.py --machine NAME --commit HASH --cpu MODEL -o OUT.json RAW.json...
  bench/collect.py --table OUT.json
"""
import argparse
import json
import os
import pathlib


def join(options):
    runs, context = [], {}
    for path in options.inputs:
        text = pathlib.Path(path).read_text()
        if not text.strip():
            continue  # a program without benchmarks that match the filter
        one = json.loads(text)
        context = context or one["context"]
        for run in one["benchmarks"]:
            runs.append({"program": pathlib.Path(path).stem, **run})
    keep = ("date", "num_cpus", "mhz_per_cpu", "cpu_scaling_enabled", "caches", "device", "compiler", "grainfield")
    about = {"machine": options.machine, "cpu": options.cpu, "commit": options.commit}
    about.update({key: context[key] for key in keep if key in context})
    output = pathlib.Path(options.output)
    output.parent.mkdir(parents=True, exist_ok=True)
    partial = output.with_suffix(".partial")
    partial.write_text(json.dumps({"context": about, "benchmarks": runs}, indent=1) + "\n")
    os.replace(partial, output)
    print(f"wrote {output}: {len(runs)} benchmarks")


def table(path):
    report = json.loads(pathlib.Path(path).read_text())
    about = report["context"]
    print(f"{about['cpu']}, {about.get('num_cpus', '?')} cores, device {about.get('device', 'cpu')}, "
          f"{about.get('compiler', '')}, commit {about['commit']}, {about.get('date', '')[:10]}\n")
    print("| benchmark | time | counters |\n|---|---|---|")
    for run in report["benchmarks"]:
        if "real_time" not in run or run.get("error_occurred"):
            continue
        known = {"family_index", "per_family_instance_index", "repetitions", "repetition_index", "threads",
                 "iterations", "real_time", "cpu_time"}
        counters = [f"{key} {value:.4g}" for key, value in run.items()
                    if isinstance(value, (int, float)) and not isinstance(value, bool) and key not in known]
        print(f"| {run['name']} | {run['real_time']:.4g} {run['time_unit']} | {', '.join(counters)} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", metavar="FILE", help="print FILE as a table")
    parser.add_argument("--machine", default="unknown")
    parser.add_argument("--commit", default="none")
    parser.add_argument("--cpu", default="unknown")
    parser.add_argument("-o", "--output")
    parser.add_argument("inputs", nargs="*")
    options = parser.parse_args()
    if options.table:
        table(options.table)
    elif options.output and options.inputs:
        join(options)
    else:
        parser.error("expected --table FILE, or -o OUT.json and the files to join")


if __name__ == "__main__":
    main()
