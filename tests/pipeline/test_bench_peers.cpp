// bench --peers: how other programs are asked, what is made of their answers, and that they agree with us.
// Most answers come from scripts that take the place of the Python interpreter.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "host/bench_inputs.hpp"
#include "io/reader.hpp"
#include "tests/support/command.hpp"

namespace grainfield {
namespace {

using nlohmann::json;
using test::grainfield;
using test::TempFolder;

// A program that the bench starts instead of python3, with the script and the request as arguments.
std::string interpreter(const TempFolder& folder, const std::string& script) {
  const std::string path = folder.file("python");
  folder.write("python", "#!/bin/sh\n" + script);
  std::filesystem::permissions(path, std::filesystem::perms::owner_all);
  return path;
}

struct PeersRun {
  test::CommandResult done;
  json report;
  const json& skipped() const { return report.at("peers_skipped"); }
};

// neighbor_list has one peer, freud.
PeersRun bench(const TempFolder& folder, const std::string& python,
               const std::string& arguments = "--threads 1 --filter '^neighbor_list$'") {
  const std::string file = folder.file("report.json");
  PeersRun run;
  run.done = grainfield("bench --device cpu --sizes 500 --repeats 2 --peers --python " + python + " -o " +
                        file + " " + arguments);
  run.report = json::parse(test::read_file(file));
  return run;
}

// What neighbor_list finds in the 432 atoms of --sizes 500.
json numbers() {
  static const json found = [] {
    const TempFolder folder;
    const auto done =
        grainfield("bench --device cpu --threads 1 --sizes 500 --repeats 1 --filter '^neighbor_list$' -o " +
                   folder.file("a.json"));
    EXPECT_EQ(done.code, 0) << done.err;
    const json report = json::parse(test::read_file(folder.file("a.json")));
    EXPECT_FALSE(report.contains("peers"));
    return report.at("results")[0].at("numbers");
  }();
  return found;
}

std::string answer(double off_by = 0, const std::string& seconds = "[0.25, 0.75, 0.5]") {
  json theirs = numbers();
  theirs["neighbors_by_place"] = theirs.at("neighbors_by_place").get<double>() * (1 + off_by);
  return "echo '{\"ready\": true}'\necho '{\"version\": \"9.8\", \"threads\": 1, \"seconds\": " + seconds +
         ", \"numbers\": " + theirs.dump() + "}'\n";
}

TEST(BenchPeers, AreToldTheAtomsAndTakenAtTheirWord) {
  const TempFolder folder;
  const std::string copies = "cp \"$2\" '" + folder.file("request.json") +
                             "'\ncp \"$(dirname \"$2\")\"/peer.data '" + folder.file("copy.data") +
                             "'\ncp \"$1\" '" + folder.file("copy.py") + "'\n";
  const PeersRun run = bench(folder, interpreter(folder, copies + answer()),
                             "--threads 1 --filter '^neighbor_list$' --limit 7");
  EXPECT_EQ(run.done.code, 0) << run.done.out << run.done.err;
  EXPECT_TRUE(run.skipped().empty()) << run.skipped();
  ASSERT_EQ(run.report.at("peers").size(), 1u);
  const json& p = run.report.at("peers")[0];
  EXPECT_EQ(p.at("case"), "neighbor_list");
  EXPECT_EQ(p.at("peer"), "freud");
  EXPECT_EQ(p.at("version"), "9.8");
  EXPECT_EQ(p.at("atoms"), 432);
  EXPECT_EQ(p.at("threads"), 1);
  EXPECT_EQ(p.at("seconds").at("median"), 0.5);
  EXPECT_NEAR(p.at("seconds").at("spread").get<double>(), 1.4826 * 0.25, 1e-12);
  EXPECT_EQ(p.at("atoms_per_s"), 864);
  EXPECT_EQ(p.at("our_seconds").at("all").size(), 2u);
  const double ours = p.at("our_seconds").at("median");
  EXPECT_NEAR(p.at("ratio").get<double>() * ours, 0.5, 1e-9);
  EXPECT_EQ(p.at("agrees"), true);
  ASSERT_EQ(p.at("agreement").size(), 2u);
  EXPECT_EQ(p.at("agreement")[0].at("what"), "pairs");
  // bcc iron has 58 neighbors within 5.5 A but for those that the displacements move over the edge.
  EXPECT_NEAR(p.at("agreement")[0].at("ours").get<double>() / 432, 58, 1);
  EXPECT_EQ(p.at("agreement")[0].at("theirs"), p.at("agreement")[0].at("ours"));
  EXPECT_EQ(p.at("agreement")[1].at("relative_difference"), 0);
  EXPECT_NE(run.done.out.find("positions to list"), std::string::npos) << run.done.out;

  const json request = json::parse(test::read_file(folder.file("request.json")));
  EXPECT_EQ(request.at("peer"), "freud");
  EXPECT_EQ(request.at("case"), "neighbor_list");
  EXPECT_EQ(request.at("threads"), 1);
  EXPECT_EQ(request.at("repeats"), 2);
  EXPECT_EQ(request.at("limit_s"), 7);
  EXPECT_EQ(request.at("parameters").at("cutoff"), 5.5);
  // The script is carried by the command.
  EXPECT_EQ(test::read_file(folder.file("copy.py")), test::read_file(GF_SOURCE_DIR "/tools/peers/peers.py"));
  // The atoms are those of the case, to the last bit.
  Frame frame;
  ASSERT_TRUE(open_reader(folder.file("copy.data"))->next(frame));
  const Frame expected = rattled_bcc_iron(500);
  ASSERT_EQ(frame.n_atoms(), expected.n_atoms());
  for (size_t i = 0; i < frame.position.size(); ++i) {
    EXPECT_EQ(frame.position[i].x, expected.position[i].x);
    EXPECT_EQ(frame.position[i].z, expected.position[i].z);
  }
}

TEST(BenchPeers, ThatDisagreeAreMarked) {
  const TempFolder folder;
  const PeersRun near = bench(folder, interpreter(folder, answer(0.5e-5)));
  EXPECT_EQ(near.done.code, 0) << near.done.out;
  EXPECT_EQ(near.report.at("peers")[0].at("agrees"), true);
  const PeersRun far = bench(folder, interpreter(folder, answer(2e-5)));
  EXPECT_EQ(far.done.code, 5);
  const json& p = far.report.at("peers")[0];
  EXPECT_EQ(p.at("agrees"), false);
  EXPECT_EQ(p.at("agreement")[0].at("agrees"), true);
  EXPECT_EQ(p.at("agreement")[1].at("agrees"), false);
  EXPECT_NEAR(p.at("agreement")[1].at("relative_difference").get<double>(), 2e-5, 1e-9);
  EXPECT_NE(far.done.out.find("DISAGREES: neighbors_by_place: ours "), std::string::npos) << far.done.out;
  // A stored report says it again.
  const auto shown = grainfield("bench --show " + folder.file("report.json"));
  EXPECT_EQ(shown.code, 0);
  EXPECT_EQ(shown.out, far.done.out);
}

TEST(BenchPeers, ThatFailAreSkippedWithTheReason) {
  const TempFolder folder;
  const auto expect = [&](const std::string& script, const std::string& why) {
    const PeersRun run = bench(folder, interpreter(folder, script));
    EXPECT_EQ(run.done.code, 0) << script;
    EXPECT_TRUE(run.report.at("peers").empty()) << script;
    ASSERT_EQ(run.skipped().size(), 1u) << script;
    EXPECT_NE(run.skipped()[0].at("why").get<std::string>().find(why), std::string::npos) << script << "\n"
                                                                                          << run.skipped();
    EXPECT_NE(run.done.out.find("peer skipped: freud in neighbor_list, 432 atoms: "), std::string::npos)
        << run.done.out;
  };
  const std::string good = answer();
  expect("echo first >&2; echo last words >&2; exit 3", "ended with code 3: last words");
  expect("kill -SEGV $$", "ended by signal 11");
  expect(good + "exit 1", "ended with code 1");
  const std::string nonsense = "its answer makes no sense";
  for (const std::string& script :
       {std::string("exit 0"), std::string("echo hello"), std::string("echo '{}'"), std::string("echo '[1]'"),
        std::string("echo '{\"ready\": true}'"), std::string("echo '{\"missing\": 1}'"), answer(0, "[]"),
        answer(0, "[0.1, -1]"), answer(0, "[\"a\"]"), answer(0, "0"), good + "echo more"})
    expect(script, nonsense);
  std::string other = good;
  other.replace(other.find("\"pairs\""), 7, "\"other\"");
  expect(other, nonsense);
  other = good;
  other.replace(other.find("\"threads\": 1"), 12, "\"threads\": 0");
  expect(other, nonsense);
}

TEST(BenchPeers, ThatTakeTooLongAreEnded) {
  const TempFolder folder;
  const auto start = std::chrono::steady_clock::now();
  const PeersRun run = bench(folder, interpreter(folder, "echo '{\"ready\": true}'\nsleep 300; echo end"),
                             "--threads 1 --filter '^neighbor_list$' --limit 0.1");
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(100));
  EXPECT_EQ(run.done.code, 0);
  ASSERT_EQ(run.skipped().size(), 1u);
  EXPECT_EQ(run.skipped()[0].at("why"), "ended after 1.2 s");
}

// One line for each, however many cases and sizes there are.
TEST(BenchPeers, ThatAreNotThereAreNamedOnce) {
  const TempFolder folder;
  const std::string cases = "--threads 1 --filter '^(neighbor_list|coordination|eam)$' --sizes 500,1000";
  const PeersRun no_python = bench(folder, "/nowhere/python", cases);
  EXPECT_EQ(no_python.done.code, 0) << no_python.done.err;
  ASSERT_EQ(no_python.skipped().size(), 3u) << no_python.skipped();
  for (const json& s : no_python.skipped()) {
    EXPECT_FALSE(s.contains("case"));
    EXPECT_EQ(s.at("why"), "/nowhere/python cannot be started: No such file or directory");
  }
  const PeersRun no_package =
      bench(folder, interpreter(folder, "echo '{\"missing\": \"not installed for this one\"}'"), cases);
  EXPECT_EQ(no_package.done.code, 0);
  EXPECT_EQ(no_package.skipped().size(), 3u) << no_package.skipped();
  EXPECT_NE(no_package.done.out.find("peer skipped: LAMMPS: not installed for this one\n"), std::string::npos)
      << no_package.done.out;
}

TEST(BenchPeers, AreNotStartedUnasked) {
  const TempFolder folder;
  const std::string python = interpreter(folder, "touch '" + folder.file("started") + "'");
  setenv("GRAINFIELD_PYTHON", python.c_str(), 1);
  const auto done =
      grainfield("bench --device cpu --threads 1 --sizes 500 --repeats 1 --filter '^neighbor_list$'");
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_FALSE(std::filesystem::exists(folder.file("started")));
  // The environment chooses the interpreter when they are asked for.
  grainfield("bench --device cpu --threads 1 --sizes 500 --repeats 1 --filter '^neighbor_list$' --peers");
  unsetenv("GRAINFIELD_PYTHON");
  EXPECT_TRUE(std::filesystem::exists(folder.file("started")));
}

TEST(BenchPeers, AreComparedWhereBothReportsHaveThem) {
  const TempFolder folder;
  bench(folder, interpreter(folder, answer()));
  json a = json::parse(test::read_file(folder.file("report.json"))), b = a;
  a["peers"][0]["ratio"] = 3;
  b["peers"][0]["ratio"] = 4.5;
  b["peers"][0]["version"] = "9.9";
  json more = b["peers"][0];
  more["atoms"] = 16000;
  b["peers"].push_back(more);
  folder.write("a.json", a.dump());
  folder.write("b.json", b.dump());
  const std::string command = "bench --compare " + folder.file("a.json") + " " + folder.file("b.json");
  const auto both = grainfield(command);
  EXPECT_EQ(both.code, 0) << both.err;
  EXPECT_NE(both.out.find("neighbor_list        freud     432        1       3.00       4.50  9.8, 9.9\n"),
            std::string::npos)
      << both.out;
  EXPECT_EQ(both.out.find("16k"), std::string::npos) << both.out;
  b.erase("peers");
  folder.write("b.json", b.dump());
  EXPECT_EQ(grainfield(command).out.find("freud"), std::string::npos);
}

// Voro++ has one thread, so that our time beside it is that of one.
TEST(BenchPeers, VoroppAgrees) {
  const TempFolder folder;
  const PeersRun run = bench(folder, "/nowhere/python", "--filter '^voronoi$' --sizes 2000 --threads 2");
  if (!std::filesystem::exists(std::filesystem::path(test::command_path()).parent_path() /
                               "grainfield-peer-voropp")) {
    EXPECT_NE(run.done.out.find("peer skipped: Voro++: not found"), std::string::npos) << run.done.out;
    GTEST_SKIP() << "Voro++ is not installed";
  }
  EXPECT_EQ(run.done.code, 0) << run.done.out << run.done.err;
  ASSERT_EQ(run.report.at("peers").size(), 2u) << run.report.at("peers_skipped");
  for (const json& p : run.report.at("peers")) {
    EXPECT_EQ(p.at("peer"), "Voro++");
    EXPECT_EQ(p.at("threads"), 1);
    EXPECT_EQ(p.at("seconds").at("all").size(), 2u);
    EXPECT_EQ(p.at("agreement").size(), 4u);
    EXPECT_EQ(p.at("agrees"), true) << p;
  }
}

// Those of GRAINFIELD_PYTHON or python3, whichever are installed there.
TEST(LongBenchPeers, PythonPackagesAgree) {
  const TempFolder folder;
  const char* given = std::getenv("GRAINFIELD_PYTHON");
  const PeersRun run =
      bench(folder, given ? given : "python3",
            "--threads 1 --filter '^(neighbor_list|coordination|rdf|voronoi|structure|eam)$' --sizes 2000");
  EXPECT_EQ(run.done.code, 0) << run.done.out << run.done.err;
  size_t n_python = 0;
  for (const json& p : run.report.at("peers")) {
    EXPECT_EQ(p.at("agrees"), true) << p;
    n_python += p.at("peer") != "Voro++" ? 1 : 0;
  }
  for (const json& s : run.skipped())
    EXPECT_TRUE(s.at("peer") == "Voro++" ||
                s.at("why").get<std::string>().find("not installed: ") != std::string::npos ||
                s.at("why").get<std::string>().find("cannot be started") != std::string::npos)
        << s;
  if (n_python == 0) GTEST_SKIP() << "none of freud, OVITO and LAMMPS is installed for Python";
}

}  // namespace
}  // namespace grainfield
