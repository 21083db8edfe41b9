#!/usr/bin/env python3
"""Counts the tests of one or more runs: `N passed, N failed, N skipped`, each skip with its reason.

Each argument is a folder with ctest.xml (JUnit, by CTest) and <test>.xml (by GoogleTest) for every CTest test
that is a GoogleTest program: its cases are counted instead of the program. Exit status 1 if anything failed
or a folder has no results.
"""
import pathlib
import sys
import xml.etree.ElementTree as xml


def cases_of_program(path):
    """(name, outcome, reason) of every test case of a GoogleTest report; [] if there is none."""
    try:
        root = xml.parse(path).getroot()
    except (OSError, xml.ParseError):
        return []
    cases = []
    for case in root.iter("testcase"):
        if case.get("status") == "notrun":
            continue
        name = f"{case.get('classname')}.{case.get('name')}"
        skip = case.find("skipped")
        if case.find("failure") is not None:
            cases.append((name, "failed", ""))
        elif skip is not None:
            reason = (skip.get("message") or "").strip().splitlines()
            cases.append((name, "skipped", reason[-1] if reason else "no reason given"))
        else:
            cases.append((name, "passed", ""))
    return cases


def cases_of_run(folder):
    try:
        root = xml.parse(folder / "ctest.xml").getroot()
    except (OSError, xml.ParseError):
        return [(f"{folder}: no results (the build failed?)", "failed", "")]
    cases = []
    for test in root.iter("testcase"):
        name, status = test.get("name"), test.get("status")
        found = cases_of_program(folder / f"{name}.xml")
        cases += [(f"{name}: {case}", outcome, reason) for case, outcome, reason in found]
        if status == "fail" and all(outcome != "failed" for _, outcome, _ in found):
            cases.append((name, "failed", ""))  # a crash, a time limit, or a plain program
        elif not found and status in ("disabled", "notrun"):
            skip = test.find("skipped")
            reason = skip.get("message") if skip is not None else status
            cases.append((name, "skipped", test.findtext("system-out") or reason))
        elif not found and status == "run":
            cases.append((name, "passed", ""))
    return cases


def main():
    cases = [case for folder in sys.argv[1:] for case in cases_of_run(pathlib.Path(folder))]
    reasons = {}
    for name, outcome, reason in cases:
        if outcome == "failed":
            print(f"failed: {name}")
        elif outcome == "skipped":
            reasons.setdefault(reason.strip(), []).append(name)
    for reason, names in reasons.items():
        print(f"skipped ({reason}):")
        for name in names:
            print(f"  {name}")
    count = {kind: sum(outcome == kind for _, outcome, _ in cases) for kind in ("passed", "failed", "skipped")}
    print(f"{count['passed']} passed, {count['failed']} failed, {count['skipped']} skipped")
    return 1 if count["failed"] or not cases else 0


if __name__ == "__main__":
    sys.exit(main())
