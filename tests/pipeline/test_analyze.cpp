// `grainfield analyze` and `grainfield list` from outside: results, codes, messages, resume, memory.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <chrono>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>
#include <vector>

#include "host/engine.hpp"
#include "tests/pipeline/fakes.hpp"
#include "tests/pipeline/runs.hpp"
#include "tests/support/command.hpp"
#include "tests/support/places.hpp"
#include "tests/support/temp_folder.hpp"

namespace grainfield {
namespace {

namespace fs = std::filesystem;
using namespace test;

std::vector<double> reals(const Datasets& datasets, const std::string& name) {
  const std::vector<char>& bytes = datasets.at(name);
  std::vector<double> values(bytes.size() / sizeof(double));
  std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

const std::string density_value = "particles/all/number_density/value";

const std::string bulk = " --structure bcc --lattice 2.83 ";

std::string last_line(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text.substr(text.rfind('\n') + 1);
}

TEST(Analyze, WritesEveryFrameOfEveryInputInOrder) {
  const TempFolder folder;
  const std::string a = trajectory(folder, "a.dump", 2, 5), b = trajectory(folder, "b.extxyz", 1, 5);
  const CommandResult run =
      grainfield("analyze " + a + " " + b + " --compute density" + bulk + "-o " + folder.file("out.h5"));
  ASSERT_EQ(run.code, 0) << run.err;
  EXPECT_NE(run.out.find("3 frames of 750 atoms in all"), std::string::npos) << run.out;
  for (const char* part : {"number_density", "stage", "read", "write", "atoms/s", "peak memory"})
    EXPECT_NE(run.out.find(part), std::string::npos) << part;
  const std::vector<double> found = reals(datasets_of(folder.file("out.h5")), density_value);
  RunContext context = default_run();
  context.exec = choose_device("auto", 0);  // as the command does
  context.structure = Structure::bcc;
  context.lattice = make_lattice(Structure::bcc, 2.83);
  std::vector<double> expected;
  for (const auto& [file, frame] : {std::pair{a, 0}, std::pair{a, 1}, std::pair{b, 0}}) {
    const FrameResults r = analyze(read_frame(file, frame), {{"density", {}}}, context);
    const std::vector<double>& values = r.find_field("number_density")->real;
    expected.insert(expected.end(), values.begin(), values.end());
  }
  EXPECT_EQ(found, expected);
  EXPECT_FALSE(fs::exists(folder.file("out.h5.partial")));
}

TEST(Analyze, ThreadsChangeNoBit) {
  const TempFolder folder;
  const std::string input = trajectory(folder, "a.dump", 3, 6);
  Datasets one;
  for (const char* threads : {"1", "2", "4"}) {
    const std::string out = folder.file(std::string("out") + threads + ".h5");
    const CommandResult run = grainfield("analyze " + input + " --compute density,density-grid" + bulk +
                                         "--quiet -o " + out + " --threads " + threads);
    ASSERT_EQ(run.code, 0) << run.err;
    EXPECT_EQ(run.out, "");
    const Datasets found = datasets_of(out);
    EXPECT_GT(found.size(), 6u);
    EXPECT_TRUE(found.count(density_value));
    if (one.empty()) one = found;
    EXPECT_EQ(found, one) << threads;
  }
}

TEST(Analyze, DefaultNameLiesInTheWorkingFolder) {
  const TempFolder folder;
  trajectory(folder, "a.extxyz", 1, 4);
  const std::string command = "cd '" + folder.path() + "' && '" + command_path() +
                              "' analyze a.extxyz --compute density --quiet 2>/dev/null" + bulk;
  ASSERT_EQ(std::system(command.c_str()), 0);
  EXPECT_TRUE(fs::exists(folder.file("a.extxyz.grainfield.h5")));
}

TEST(Analyze, ConfigFileGivesOptionsAndTheCommandLineWins) {
  const TempFolder folder;
  const std::string input = trajectory(folder, "a.dump", 3, 4), out = folder.file("out.h5");
  const std::string config = folder.write(
      "run.toml", "input = [\"" + input + "\"]\ncompute = [\"density\"]\n" +
                      "structure = \"bcc\"\nlattice = 2.83\nframes = \"0\"\n" +
                      "no-positions = true\n[set]\ndensity.beta = 3.5\n" + "density.bulk = 0.08\n");
  const CommandResult run =
      grainfield("analyze --config " + config + " --frames 1: --set density.beta=2.5 -o " + out);
  ASSERT_EQ(run.code, 0) << run.err;
  EXPECT_NE(run.out.find("2 frames"), std::string::npos) << run.out;
  const CommandResult plain =
      grainfield("analyze " + input + " --compute density" + bulk +
                 "--frames 1: --set density.beta=2.5 --set density.bulk=0.08 --no-positions -o " +
                 folder.file("plain.h5"));
  ASSERT_EQ(plain.code, 0) << plain.err;
  EXPECT_EQ(datasets_of(out), datasets_of(folder.file("plain.h5")));
  EXPECT_FALSE(datasets_of(out).count("particles/all/position/value"));

  const std::string wrong = folder.write("wrong.toml", "compute = \"density\"\nlatice = 2.83\n");
  const CommandResult refused = grainfield("analyze " + input + " --config " + wrong);
  EXPECT_EQ(refused.code, 2);
  EXPECT_NE(refused.err.find("there is no option 'latice' (did you mean 'lattice'?)"), std::string::npos)
      << refused.err;
}

TEST(Analyze, WrongArgumentsHaveACodeAndOneLine) {
  const TempFolder folder;
  const std::string good = trajectory(folder, "good.extxyz", 1, 4);
  const std::string bad =
      folder.write("bad.extxyz", "2\nLattice=\"5 0 0 0 5 0 0 0 5\" pbc=\"T T T\"\nFe 0 0 0\n");
  const std::string dense = " --compute density" + bulk;
  const struct {
    std::string arguments;
    int code;
    const char* message;
  } cases[] = {
      {"", 2, "a command is missing; known: analyze, bench, build"},
      {"analyse", 2, "no command 'analyse' (did you mean 'analyze'?)"},
      {"analyze" + dense, 2, "at least one input"},
      {"analyze " + good, 2, "needs --compute with one or more of "},
      {"analyze " + good + " --compute densty", 2, "no analysis 'densty' (did you mean 'density'?); known: "},
      {"analyze " + good + dense + "--set density.bta=3", 2, "(did you mean 'beta'?)"},
      {"analyze " + good + dense + "--set density.beta=x", 2, "--set density.beta: expected a finite number"},
      {"analyze " + good + dense + "--set density.beta=-1", 2, "out of range"},
      {"analyze " + good + dense + "--set density", 2, "expected name.parameter=value"},
      {"analyze " + good + dense + "--set density-grid.spacing=1", 2, "density-grid is not computed"},
      {"analyze " + good + dense + "--frames 1:2:-1", 2, "step must be positive"},
      {"analyze " + good + dense + "--frames 5:", 2, "selects none of the 1 frames"},
      {"analyze " + good + dense + "--memory 4X", 2, "expected bytes with a suffix"},
      {"analyze " + good + dense + "--memory -4G", 2, "--memory"},
      {"analyze " + good + dense + "--device cpu --memory 1K", 4, "give at least"},
      {"analyze " + good + dense + "--threads 0", 2, "threads"},
      {"analyze " + good + dense + "--device gpu", 2, "gpu"},
      {"analyze " + good + " --compute density --lattice 2.83", 2, "need --structure"},
      {"analyze " + good + dense + "--c-over-a 1.6", 2, "hcp only"},
      {"analyze " + good + dense + "--format nonsense", 2, "nonsense"},
      {"analyze " + good + dense + "--nonsense", 2, "--nonsense"},
      {"analyze " + good + dense + "--config " + folder.file("none.toml"), 4, "none.toml"},
      {"analyze " + folder.file("none.extxyz") + dense, 3, "there is no such file"},
      {"analyze " + bad + dense, 3, "bad.extxyz"},
      {"analyze " + good + " " + bad + dense, 3, "bad.extxyz"},
      {"list nonsense", 2, "known: "},
      {"list density --markdown", 2, "leave the name out"},
  };
  for (const auto& c : cases) {
    const bool analyzes = c.arguments.rfind("analyze", 0) == 0;
    const CommandResult run = grainfield(c.arguments + (analyzes ? " -o " + folder.file("out.h5") : ""));
    EXPECT_EQ(run.code, c.code) << c.arguments << "\n" << run.err;
    const std::string line = last_line(run.err);
    EXPECT_EQ(line.rfind("grainfield: error: ", 0), 0u) << c.arguments << "\n" << run.err;
    EXPECT_NE(line.find(c.message), std::string::npos) << c.arguments << "\n" << run.err;
    EXPECT_FALSE(fs::exists(folder.file("out.h5"))) << c.arguments;
    fs::remove_all(folder.file("out.h5.partial"));
  }
  EXPECT_EQ(grainfield("analyze " + good + dense + "-o " + good).code, 2);
  EXPECT_EQ(grainfield("analyze " + good + dense + "-o " + folder.file("no/out.h5")).code, 4);
  EXPECT_EQ(grainfield("--version").code, 0);
  for (const char* command : {"analyze", "list"}) {
    const CommandResult help = grainfield(std::string(command) + " --help");
    EXPECT_EQ(help.code, 0);
    EXPECT_NE(help.out.find("Examples:\n  grainfield "), std::string::npos) << command;
  }
}

TEST(Analyze, ResumesAfterBeingKilledOrInterrupted) {
  const TempFolder folder;
  const std::string input = trajectory(folder, "a.dump", 20, 6);
  const std::string options = "analyze " + input + " --compute density" + bulk + "-o ";
  ASSERT_EQ(grainfield(options + folder.file("whole.h5")).code, 0);
  for (const int signal : {SIGKILL, SIGINT}) {
    const std::string out = folder.file(signal == SIGKILL ? "killed.h5" : "stopped.h5");
    const pid_t child = start({"analyze", input, "--compute", "density", "--structure", "bcc", "--lattice",
                               "2.83", "-o", out, "--threads", "1"});
    while (complete_frames(out + ".partial") < 2) {
      ASSERT_EQ(waitpid(child, nullptr, WNOHANG), 0) << "the run ended before it could be cut off";
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    ASSERT_EQ(kill(child, signal), 0);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    if (signal == SIGINT) {
      ASSERT_TRUE(WIFEXITED(status));
      EXPECT_EQ(WEXITSTATUS(status), 130);
    }
    EXPECT_FALSE(fs::exists(out));
    const int64_t kept = complete_frames(out + ".partial");
    ASSERT_LT(kept, 20);
    // Without --resume the frames are not thrown away by mistake; with other parameters they are no use.
    EXPECT_EQ(grainfield(options + out).code, 2);
    EXPECT_EQ(grainfield(options + out + " --resume --set density.beta=3.2").code, 2);
    const CommandResult rest = grainfield(options + out + " --resume");
    ASSERT_EQ(rest.code, 0) << rest.err;
    EXPECT_NE(rest.out.find(std::to_string(kept) + " frames of an earlier run kept"), std::string::npos)
        << rest.out;
    EXPECT_EQ(datasets_of(out), datasets_of(folder.file("whole.h5")));
    EXPECT_FALSE(fs::exists(out + ".partial"));
  }
}

TEST(Analyze, FramesBeforeABrokenOneAreKept) {
  const TempFolder folder;
  const std::string input = trajectory(folder, "a.extxyz", 3, 4), out = folder.file("out.h5");
  const std::string text = read_file(input);
  folder.write("a.extxyz", text.substr(0, text.size() - 40));
  const std::string command = "analyze " + input + " --compute density" + bulk + "-o " + out;
  const CommandResult run = grainfield(command);
  EXPECT_EQ(run.code, 3);
  EXPECT_NE(run.err.find("2 frames complete in "), std::string::npos) << run.err;
  EXPECT_FALSE(fs::exists(out));
  EXPECT_EQ(complete_frames(out + ".partial"), 2);
}

TEST(List, KnowsEveryAnalysis) {
  const CommandResult text = grainfield("list");
  const CommandResult json = grainfield("list --json");
  ASSERT_EQ(text.code, 0);
  ASSERT_EQ(json.code, 0);
  const auto all = nlohmann::json::parse(json.out);
  ASSERT_EQ(all.size(), registry().size());
  for (size_t k = 0; k < registry().size(); ++k) {
    const AnalysisInfo& info = registry()[k].info;
    EXPECT_EQ(all[k]["name"], info.name);
    EXPECT_EQ(all[k]["parameters"].size(), info.parameters.size());
    EXPECT_EQ(all[k]["fields"].size(), info.fields.size());
    EXPECT_NE(text.out.find(info.name), std::string::npos);
    const CommandResult one = grainfield("list " + info.name);
    ASSERT_EQ(one.code, 0);
    for (const ParameterSpec& p : info.parameters)
      EXPECT_NE(one.out.find("\n  " + p.name + "  ("), std::string::npos) << one.out;
    for (const auto* outputs : {&info.fields, &info.observables})
      for (const OutputSpec& o : *outputs)
        EXPECT_NE(one.out.find("\n  " + o.name + " "), std::string::npos) << one.out;
  }
}

TEST(List, TheReferencePageIsUpToDate) {
  const CommandResult page = grainfield("list --markdown");
  ASSERT_EQ(page.code, 0);
  EXPECT_EQ(page.out, read_file(source_folder() + "/docs/analyses.md"))
      << "run tools/gen/reference_page and commit docs/analyses.md";
}

TEST(List, EveryAnalysisStatesWhatItGives) {
  for (const AnalysisEntry& entry : registry()) {
    const AnalysisInfo& info = entry.info;
    EXPECT_FALSE(info.doc.empty()) << info.name;
    EXPECT_EQ(info.name.find('.'), std::string::npos) << info.name;
    Parameters(info, {});
    for (const ParameterSpec& p : info.parameters) {
      EXPECT_FALSE(p.doc.empty()) << info.name << "." << p.name;
      // Defaults are held to the rules of values that users give.
      if (p.default_value.empty()) continue;
      EXPECT_NO_THROW(Parameters(info, {{p.name, p.default_value}})) << p.name;
    }
  }
}

// The whole process stays below --memory and what is stated beside it.
TEST(LongMemory, PeakStaysBelowTheLimit) {
  const TempFolder folder;
  const int cells = 80;  // 1,024,000 atoms
  trajectory(folder, "a.dump", 1, cells);
  const auto peak_of = [&](const std::vector<std::string>& options, const std::string& out) {
    std::vector<std::string> arguments{
        "analyze", folder.file("a.dump"), "--compute", "coordination", "--structure",
        "bcc",     "--lattice",           "2.83",      "-o",           folder.file(out)};
    arguments.insert(arguments.end(), options.begin(), options.end());
    const pid_t child = start(arguments);
    int status = 0;
    rusage usage{};
    EXPECT_EQ(wait4(child, &status, 0, &usage), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    return static_cast<int64_t>(usage.ru_maxrss) * 1024;
  };
  const int64_t whole = peak_of({}, "whole.h5");
  const int64_t limit = 150'000'000;
  const int64_t cut = peak_of({"--memory", "150MB"}, "cut.h5");
  EXPECT_LT(cut, limit + memory_beside);
  EXPECT_LT(cut, whole);
  EXPECT_EQ(datasets_of(folder.file("whole.h5")), datasets_of(folder.file("cut.h5")));
}

}  // namespace
}  // namespace grainfield
