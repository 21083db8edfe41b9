// The command bench: reports, checksums, comparisons, messages.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "host/bench_inputs.hpp"
#include "host/ceilings.hpp"
#include "tests/support/command.hpp"

namespace grainfield {
namespace {

using nlohmann::json;
using test::grainfield;
using test::TempFolder;

size_t count(const std::string& text, const std::string& word) {
  size_t n = 0;
  for (size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++n;
  return n;
}

// A run of small cases; the report.
json run(const std::string& arguments, const std::string& file) {
  const auto done = grainfield("bench --device cpu --repeats 1 -o " + file + " " + arguments);
  EXPECT_EQ(done.code, 0) << done.err;
  return json::parse(test::read_file(file));
}

// Two reports with one result each, for comparisons.
json one_result(double median, double spread, const std::string& checksum) {
  return {{"schema", "grainfield-bench-1"},
          {"build", {{"version", "1"}, {"commit", "c"}, {"compiler", "g"}, {"flags", ""}}},
          {"devices", {{{"device", "cpu"}, {"name", "n"}, {"threads", 1}}}},
          {"results",
           {{{"case", "rdf"},
             {"device", "cpu"},
             {"atoms", 432},
             {"seconds", {{"median", median}, {"spread", spread}}},
             {"checksum", checksum}}}},
          {"skipped", json::array()}};
}

TEST(Bench, ReportsWhatItMeasured) {
  const TempFolder folder;
  const json report =
      run("--sizes 2000,500 --threads 1 --filter '^(coordination|eam|batch)$' --svg " + folder.file("a.svg"),
          folder.file("a.json"));
  EXPECT_EQ(report.at("schema"), "grainfield-bench-1");
  for (const char* key : {"version", "commit", "compiler", "flags"})
    EXPECT_TRUE(report.at("build").at(key).is_string()) << key;
  EXPECT_FALSE(report.at("build").at("commit").get<std::string>().empty());
  EXPECT_EQ(report.at("options").at("sizes"), json({500, 2000}));
  EXPECT_EQ(report.at("options").at("seed"), 12345);
  EXPECT_TRUE(report.at("machine").contains("clocks"));
  EXPECT_TRUE(report.at("machine").contains("driver"));
  ASSERT_EQ(report.at("devices").size(), 1u);
  const json& ceilings = report.at("devices")[0].at("ceilings");
  const double copy = ceilings.at("bytes_per_s"), fma = ceilings.at("flops_per_s");
  EXPECT_GT(copy, 1e7);
  EXPECT_GT(fma, 1e7);
  EXPECT_TRUE(report.at("skipped").empty());
  ASSERT_EQ(report.at("results").size(), 6u);
  std::set<std::pair<std::string, int64_t>> seen;
  for (const json& r : report.at("results")) {
    const std::string name = r.at("case");
    const double median = r.at("seconds").at("median"), atoms = r.at("atoms"), neighbors = r.at("neighbors");
    seen.emplace(name, r.at("atoms"));
    EXPECT_GT(median, 0);
    EXPECT_EQ(r.at("seconds").at("spread"), 0);  // of one repeat
    const double bytes = r.at("bytes"), flops = r.at("flops");
    // Operations and bytes of host/kernel_costs.hpp, by hand.
    if (name == "coordination") {
      EXPECT_GE(neighbors, 14);
      EXPECT_NEAR(flops, 8 * neighbors * atoms, 1e-9 * flops);
      EXPECT_NEAR(bytes, (40 + 4 * neighbors) * atoms, 1e-9 * bytes);
    } else if (name == "eam") {
      EXPECT_NEAR(flops, 77 * neighbors * atoms, 1e-9 * flops);
    } else {
      EXPECT_EQ(bytes, 72 * atoms);
      EXPECT_EQ(flops, 0);
    }
    EXPECT_NEAR(r.at("atoms_per_s").get<double>() * median, atoms, 1e-9 * atoms);
    EXPECT_NEAR(r.at("bytes_per_s").get<double>() * median, bytes, 1e-9 * bytes);
    EXPECT_NEAR(r.at("of_copy").get<double>(), bytes / median / copy, 1e-9);
    EXPECT_NEAR(r.at("of_multiply_add").get<double>(), flops / median / fma, 1e-9);
    EXPECT_EQ(r.at("of_floor"), std::max(r.at("of_copy"), r.at("of_multiply_add")));
    EXPECT_FALSE(r.at("checksum").get<std::string>().empty());
  }
  // 500 atoms are 6 x 6 x 6 cells of two.
  EXPECT_EQ(seen, (std::set<std::pair<std::string, int64_t>>{{"coordination", 432},
                                                             {"coordination", 2000},
                                                             {"eam", 432},
                                                             {"eam", 2000},
                                                             {"batch", 432},
                                                             {"batch", 2000}}));
  // Every case at its largest size: those with operations as a point, each with a bar.
  const std::string svg = test::read_file(folder.file("a.svg"));
  EXPECT_EQ(svg.rfind("<svg xmlns", 0), 0u);
  EXPECT_EQ(svg.substr(svg.size() - 7), "</svg>\n");
  EXPECT_EQ(count(svg, "<circle"), 2u);
  EXPECT_EQ(count(svg, "<rect"), 4u);  // and the background
  EXPECT_EQ(count(svg, "<text"), count(svg, "</text>"));
  EXPECT_EQ(svg.find("nan"), std::string::npos);
}

TEST(Bench, ComparesTimesAndResults) {
  const TempFolder folder;
  const auto write = [&](const char* name, const json& report) {
    folder.write(name, report.dump());
    return folder.file(name);
  };
  const std::string a = write("a.json", one_result(1, 0.03, "9.99999999e+02 0123456789abcdef"));
  // One unit of the last digit is rounding; more is not, nor another hash.
  const auto slower = grainfield("bench --compare " + a + " " +
                                 write("b.json", one_result(1.5, 0.06, "1.00000000e+03 0123456789abcdef")));
  EXPECT_EQ(slower.code, 0) << slower.out;
  EXPECT_NE(slower.out.find("1.500   0.075  slower"), std::string::npos) << slower.out;
  const auto near = grainfield("bench --compare " + a + " " +
                               write("b.json", one_result(1.05, 0.03, "9.99999998e+02 0123456789abcdef")));
  EXPECT_EQ(near.code, 0);
  EXPECT_EQ(near.out.find("slower"), std::string::npos) << near.out;
  for (const char* other : {"9.99999996e+02 0123456789abcdef", "9.99999999e+02 0123456789abcdee",
                            "-9.99999999e+02 0123456789abcdef", "0123456789abcdef", ""}) {
    const auto differs =
        grainfield("bench --compare " + a + " " + write("b.json", one_result(0.5, 0.01, other)));
    EXPECT_EQ(differs.code, 5) << other;
    EXPECT_NE(differs.out.find("faster  RESULTS DIFFER"), std::string::npos) << differs.out;
    EXPECT_NE(differs.out.find("results differ in 1"), std::string::npos) << differs.out;
  }
  json another = one_result(1, 0, "1");
  another["results"][0]["atoms"] = 2000;
  EXPECT_EQ(grainfield("bench --compare " + a + " " + write("b.json", another)).code, 3);
}

TEST(Bench, ComparesTwoProcessors) {
  const TempFolder folder;
  json gpu = one_result(0.01, 0, "1.23456789e+05");
  gpu.at("devices")[0].at("device") = gpu.at("results")[0].at("device") = "cuda:0";
  folder.write("cpu.json", one_result(1, 0, "1.23456789e+05").dump());
  folder.write("gpu.json", gpu.dump());
  const std::string both = folder.file("cpu.json") + " " + folder.file("gpu.json");
  const auto same = grainfield("bench --compare " + both);
  EXPECT_EQ(same.code, 0) << same.err;
  EXPECT_NE(same.out.find("cuda:0"), std::string::npos) << same.out;
  EXPECT_NE(same.out.find("1 compared"), std::string::npos) << same.out;
  gpu.at("results")[0].at("checksum") = "1.23456999e+05";
  folder.write("gpu.json", gpu.dump());
  EXPECT_EQ(grainfield("bench --compare " + both).code, 5);
}

TEST(Bench, SaysWhatIsWrong) {
  const TempFolder folder;
  const auto expect = [](int code, const std::string& arguments, const std::string& words) {
    const auto done = grainfield("bench " + arguments);
    EXPECT_EQ(done.code, code) << arguments << ": " << done.err;
    EXPECT_NE(done.err.find(words), std::string::npos) << arguments << ": " << done.err;
    EXPECT_EQ(count(done.err, "\n"), 1u) << done.err;
  };
  expect(2, "--sizes 16q", "--sizes 16q");
  expect(2, "--sizes 5", "--sizes 5");
  expect(2, "--sizes 1k,,2k", "--sizes");
  expect(2, "--filter '('", "regular expression");
  expect(2, "--filter zzz", "selects no case");
  expect(2, "--threads -1", "--threads -1");
  expect(2, "--repeats 0", "--repeats 0");
  expect(2, "--limit 0", "--limit 0");
  expect(2, "--simd sse", "--simd sse");
  expect(2, "--device tpu", "--device tpu");
  expect(2, "--compare a.json", "--compare");
  expect(4, "-o /nowhere/at/all.json", "/nowhere/at/all.json");
  expect(4, "--compare /nowhere/a.json /nowhere/b.json", "/nowhere/a.json");
  folder.write("no.json", "{\"schema\": \"other\"}");
  expect(3, "--compare " + folder.file("no.json") + " " + folder.file("no.json"), "no.json");
  folder.write("text", "text");
  expect(3, "--compare " + folder.file("text") + " " + folder.file("text"), "text");
}

TEST(Bench, ListsItsCases) {
  const auto list = grainfield("bench --list");
  EXPECT_EQ(list.code, 0);
  for (const char* name : {"read ", "ghosts ", "cells ", "neighbor_list ", "density ", "density_sum ",
                           "density_profile ", "coordination ", "rdf ", "voronoi ", "sfd ", "structure ",
                           "eam ", "mtp_06 ", "mtp_28 ", "grade_16 ", "write "})
    EXPECT_NE(("\n" + list.out).find(std::string("\n") + name), std::string::npos) << name;
}

// Times are measured: what seconds_of() says is what passed.
TEST(Bench, ClockOfTheHost) {
  const double before = seconds_of(Exec{}, "test", [] {});
  EXPECT_GE(before, 0);
  volatile double sum = 0;
  const auto work = [&](int n) {
    for (int k = 0; k < n; ++k) sum = sum + k;
  };
  EXPECT_GT(seconds_of(Exec{}, "test", [&] { work(3'000'000); }),
            seconds_of(Exec{}, "test", [&] { work(300); }));
}

// Threads and instruction sets change no result.
TEST(LongBench, ChecksumsStandForResults) {
  const TempFolder folder;
  const std::string cases =
      "--sizes 500,2000 --filter '^(?!mtp_(08|10|12|14|18|2.|16_mixed)|grade_24|density_sum|stream_|cut_)' ";
  const json one = run(cases + "--threads 1", folder.file("one"));
  const json two = run(cases + "--threads 2", folder.file("two"));
  ASSERT_EQ(one.at("results").size(), 2u * 18);
  ASSERT_EQ(two.at("results").size(), one.at("results").size());
  for (size_t k = 0; k < one.at("results").size(); ++k) {
    const json &a = one.at("results")[k], &b = two.at("results")[k];
    EXPECT_EQ(a.at("case"), b.at("case"));
    EXPECT_EQ(a.at("checksum"), b.at("checksum")) << a.at("case");
  }
  for (const char* simd : {"portable", "avx2"}) {
    run(cases + "--threads 1 --simd " + simd, folder.file("other"));
    const auto compared = grainfield("bench --compare " + folder.file("one") + " " + folder.file("other"));
    EXPECT_EQ(compared.code, 0) << simd << "\n" << compared.out;
  }
  // Another input gives other results in every case.
  const json other = run(cases + "--threads 1 --seed 2", folder.file("other"));
  for (size_t k = 0; k < one.at("results").size(); ++k)
    EXPECT_NE(one.at("results")[k].at("checksum"), other.at("results")[k].at("checksum"))
        << one.at("results")[k].at("case");
}

}  // namespace
}  // namespace grainfield
