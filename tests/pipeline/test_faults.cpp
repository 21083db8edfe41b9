// `grainfield analyze` when things go wrong: bad frames, kills, full disks, missing rights, too little
// memory.
#include <grp.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <random>
#include <thread>

#include "io/mtp_file.hpp"
#include "tests/pipeline/runs.hpp"
#include "tests/support/command.hpp"
#include "tests/support/mtp_models.hpp"
#include "tests/support/places.hpp"
#include "tests/support/replaced.hpp"
#include "tests/support/temp_folder.hpp"

namespace grainfield {
namespace {

using test::replaced;

namespace fs = std::filesystem;
using namespace test;

const std::string dense =
    " --compute density --structure bcc --lattice 2.83 --set density.beta=3 --threads 1 ";

std::vector<std::string> dense_arguments(const std::string& input, const std::string& out) {
  return {"analyze", input,   "--compute",      "density", "--structure", "bcc",       "--lattice",
          "2.83",    "--set", "density.beta=3", "-o",      out,           "--threads", "1"};
}

template <class T>
std::vector<T> values_of(const Datasets& datasets, const std::string& name) {
  const auto at = datasets.find(name);
  if (at == datasets.end()) {
    ADD_FAILURE() << "there is no " << name;
    return {};
  }
  std::vector<T> values(at->second.size() / sizeof(T));
  if (!values.empty()) std::memcpy(values.data(), at->second.data(), at->second.size());
  return values;
}

const std::string frame_index = "parameters/grainfield/frames/index";
const std::string density = "particles/all/number_density/value";

// Makes frame k of a trajectory unreadable: its first position is NaN, or a number is none.
void damage(const std::string& path, int k) {
  if (!path.ends_with(".h5")) {
    const std::string text = read_file(path);
    const std::string at = path.ends_with(".cfg")    ? "cartes_z\n"
                           : path.ends_with(".dump") ? "ITEM: ATOMS id type element x y z\n"
                                                     : "pos:R:3";
    const std::string bad =
        path.ends_with(".extxyz") ? replaced(text, at, "pos:R:4", k) : replaced(text, at, at + "x ", k);
    std::ofstream(path, std::ios::binary) << bad;
    return;
  }
  const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
  const hid_t set = H5Dopen2(file, "particles/all/position/value", H5P_DEFAULT);
  const hid_t space = H5Dget_space(set);
  const hsize_t offset[] = {static_cast<hsize_t>(k), 0, 0}, count[] = {1, 1, 1};
  H5Sselect_hyperslab(space, H5S_SELECT_SET, offset, nullptr, count, nullptr);
  const hid_t one = H5Screate_simple(3, count, nullptr);
  const double nan = std::nan("");
  EXPECT_GE(H5Dwrite(set, H5T_NATIVE_DOUBLE, one, space, H5P_DEFAULT, &nan), 0);
  H5Sclose(one);
  H5Sclose(space);
  H5Dclose(set);
  H5Fclose(file);
}

// Without the flag the run stops and keeps what is done; the flag joins a --resume, and the file is the one
// of a run that had it from the start: the good frames, with their numbers and values.
TEST(Faults, BadFramesAreSkippedInEveryFormatOfManyFrames) {
  for (const char* name : {"a.dump", "a.extxyz", "a.cfg", "a.h5"}) {
    SCOPED_TRACE(name);
    const TempFolder folder;
    const std::string input = trajectory(folder, name, 6, 3);
    const std::string out = folder.file("out.h5"), fresh = folder.file("fresh.h5");
    ASSERT_EQ(grainfield("analyze " + input + dense + "-o " + folder.file("whole.h5")).code, 0);
    damage(input, 2);
    const CommandResult stopped = grainfield("analyze " + input + dense + "-o " + out);
    EXPECT_EQ(stopped.code, 3);
    EXPECT_NE(stopped.err.find("2 frames complete in "), std::string::npos) << stopped.err;
    EXPECT_NE(stopped.err.find("--skip-bad-frames"), std::string::npos) << stopped.err;
    EXPECT_FALSE(fs::exists(out));

    const std::string skip = "analyze " + input + dense + "--skip-bad-frames ";
    const CommandResult rest = grainfield(skip + "--resume -o " + out);
    ASSERT_EQ(rest.code, 0) << rest.err;
    EXPECT_NE(rest.out.find("\n1 frame skipped as bad"), std::string::npos) << rest.out;
    EXPECT_NE(rest.out.find("\n  frame 2 skipped: " + input), std::string::npos) << rest.out;
    EXPECT_NE(rest.out.find("2 frames of an earlier run kept"), std::string::npos) << rest.out;
    ASSERT_EQ(grainfield(skip + "-o " + fresh).code, 0);
    const Datasets found = datasets_of(out), whole = datasets_of(folder.file("whole.h5"));
    EXPECT_EQ(found, datasets_of(fresh));
    EXPECT_EQ(values_of<int64_t>(found, frame_index), (std::vector<int64_t>{0, 1, 3, 4, 5}));
    auto expected = values_of<double>(whole, density);
    ASSERT_EQ(expected.size(), 6u * 54);
    expected.erase(expected.begin() + 2 * 54, expected.begin() + 3 * 54);
    EXPECT_EQ(values_of<double>(found, density), expected);

    // Numbers count the bad frame, from either end.
    const CommandResult some = grainfield(skip + "--frames -4::2 --quiet -o " + folder.file("some.h5"));
    EXPECT_EQ(some.code, 0) << some.err;
    EXPECT_EQ(some.out, "");
    EXPECT_NE(some.err.find("1 bad frame skipped; the first: frame 2 skipped: "), std::string::npos)
        << some.err;
    EXPECT_EQ(values_of<int64_t>(datasets_of(folder.file("some.h5")), frame_index),
              (std::vector<int64_t>{4}));
    const CommandResult others = grainfield(skip + "--frames 3: --quiet -o " + folder.file("others.h5"));
    EXPECT_EQ(others.code, 0) << others.err;
    EXPECT_EQ(others.err, "");  // a bad frame that nobody asked for is no news
  }
}

TEST(Faults, WithoutAnyGoodFrameThereIsNoFile) {
  const TempFolder folder;
  const std::string input = trajectory(folder, "a.dump", 1, 3), out = folder.file("out.h5");
  damage(input, 0);
  const std::string empty = folder.write("b.dump", "");
  const CommandResult run =
      grainfield("analyze " + input + " " + empty + dense + "--skip-bad-frames -o " + out);
  EXPECT_EQ(run.code, 3);
  EXPECT_NE(run.err.find("no frame could be read; 2 skipped, the first: frame 0 skipped: " + input),
            std::string::npos)
      << run.err;
  EXPECT_FALSE(fs::exists(out));
  EXPECT_FALSE(fs::exists(out + ".partial"));
  // A file that cannot be read at all counts as one frame.
  const std::string good = trajectory(folder, "c.dump", 1, 3);
  const CommandResult some =
      grainfield("analyze " + empty + " " + good + dense + "--skip-bad-frames -o " + out);
  EXPECT_EQ(some.code, 0) << some.err;
  EXPECT_EQ(values_of<int64_t>(datasets_of(out), frame_index), (std::vector<int64_t>{1}));
}

// A quota, or the limit of `ulimit -f`: the error has a code and one line, and the rest can be computed
// later.
TEST(Faults, AFullDiskKeepsCompleteFrames) {
  const TempFolder folder;
  const std::string input = trajectory(folder, "a.dump", 3, 3);
  const std::string big = trajectory(folder, "b.dump", 1, 22);
  const std::string both = "analyze " + input + " " + big + dense + "-o ";
  ASSERT_EQ(grainfield(both + folder.file("whole.h5")).code, 0);
  const std::string out = folder.file("out.h5"), err = folder.file("err");
  std::vector<std::string> arguments = dense_arguments(input, out);
  arguments.insert(arguments.begin() + 2, big);
  const pid_t child = start(arguments, err, [] {
    const rlimit limit{1000000, 1000000};
    setrlimit(RLIMIT_FSIZE, &limit);
  });
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status)) << "signal " << WTERMSIG(status);
  EXPECT_EQ(WEXITSTATUS(status), 4);
  const std::string message = read_file(err);
  EXPECT_NE(message.find("grainfield: error: " + out), std::string::npos) << message;
  EXPECT_NE(message.find("File too large"), std::string::npos) << message;
  EXPECT_NE(message.find("3 frames complete in "), std::string::npos) << message;
  EXPECT_FALSE(fs::exists(out));
  EXPECT_EQ(complete_frames(out + ".partial"), 3);
  ASSERT_EQ(grainfield(both + out + " --resume").code, 0);
  EXPECT_EQ(datasets_of(out), datasets_of(folder.file("whole.h5")));
}

// The same with a file system that is full, where this user may mount one.
TEST(Faults, AFullFileSystemKeepsCompleteFrames) {
  const TempFolder folder;
  fs::create_directory(folder.file("disk"));
  const std::string mount = "mount -t tmpfs -o size=700k none '" + folder.file("disk") + "'";
  if (std::system(("unshare -rm sh -c \"" + mount + "\" >/dev/null 2>&1").c_str()) != 0)
    GTEST_SKIP() << "a tmpfs cannot be mounted here";
  const std::string input = trajectory(folder, "a.dump", 20, 5);
  ASSERT_EQ(grainfield("analyze " + input + dense + "-o " + folder.file("whole.h5")).code, 0);
  const std::string command =
      "'" + command_path() + "' analyze " + input + dense + "-o " + folder.file("disk/out.h5");
  folder.write("script", mount + "\n" + command + " >/dev/null 2>'" + folder.file("err") + "'\n" +
                             "echo $? >'" + folder.file("code") + "'\n" + "ls '" +
                             folder.file("disk/out.h5.partial") + "' >'" + folder.file("left") + "'\n" +
                             "mount -o remount,size=50m '" + folder.file("disk") + "'\n" + command +
                             " --resume >/dev/null && cp '" + folder.file("disk/out.h5") + "' '" +
                             folder.file("out.h5") + "'\n");
  ASSERT_EQ(std::system(("unshare -rm sh '" + folder.file("script") + "'").c_str()), 0);
  EXPECT_EQ(read_file(folder.file("code")), "4\n");
  const std::string message = read_file(folder.file("err")), left = read_file(folder.file("left"));
  EXPECT_NE(message.find("No space left on device"), std::string::npos) << message;
  EXPECT_NE(left.find("frame_000000000.h5"), std::string::npos) << left;
  EXPECT_EQ(datasets_of(folder.file("out.h5")), datasets_of(folder.file("whole.h5")));
}

// An input that shrinks while it is read, as by a disk that fails: no crash without a word, nothing lost.
TEST(Faults, AnInputThatIsCutWhileItIsRead) {
  const TempFolder folder;
  const std::string input = trajectory(folder, "a.dump", 60, 6);
  const std::string text = read_file(input), out = folder.file("out.h5"), err = folder.file("err");
  ASSERT_EQ(grainfield("analyze " + input + dense + "-o " + folder.file("whole.h5")).code, 0);
  const pid_t child = start(dense_arguments(input, out), err);
  while (complete_frames(out + ".partial") < 2) {
    ASSERT_EQ(waitpid(child, nullptr, WNOHANG), 0) << read_file(err);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  ASSERT_EQ(truncate(input.c_str(), 0), 0);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status)) << "signal " << WTERMSIG(status);
  EXPECT_EQ(WEXITSTATUS(status), 4);
  EXPECT_NE(read_file(err).find("grainfield: error: a file could not be read to its end"), std::string::npos)
      << read_file(err);
  EXPECT_GE(complete_frames(out + ".partial"), 2);
  EXPECT_FALSE(fs::exists(out));
  folder.write("a.dump", text);
  ASSERT_EQ(grainfield("analyze " + input + dense + "--resume -o " + out).code, 0);
  EXPECT_EQ(datasets_of(out), datasets_of(folder.file("whole.h5")));
}

TEST(Faults, AReadErrorIsNamed) {
  const TempFolder folder;  // reading the start of /proc/self/mem fails with EIO
  const CommandResult run = grainfield("analyze /proc/self/mem --format extxyz --skip-bad-frames" + dense +
                                       "-o " + folder.file("out.h5"));
  EXPECT_EQ(run.code, 4);
  EXPECT_NE(run.err.find("/proc/self/mem: cannot read: Input/output error"), std::string::npos) << run.err;
}

TEST(Faults, MissingRightsAreNamed) {
  const TempFolder folder;
  const std::string input = trajectory(folder, "a.dump", 1, 3), err = folder.file("err");
  fs::create_directory(folder.file("mine"));
  fs::create_directory(folder.file("open"));
  fs::permissions(folder.file("mine"), fs::perms::owner_read | fs::perms::owner_exec |
                                           fs::perms::others_read | fs::perms::others_exec);
  fs::permissions(folder.file("open"), fs::perms::all);
  fs::permissions(folder.path(), fs::perms::owner_all | fs::perms::others_read | fs::perms::others_exec);
  const auto run = [&](const std::string& out) {
    const pid_t child = start(dense_arguments(input, folder.file(out)), err, [] {
      if (geteuid() != 0) return;  // root may do everything: become somebody else
      if (setgroups(0, nullptr) != 0 || setgid(65534) != 0 || setuid(65534) != 0) _exit(126);
    });
    int status = 0;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  };
  fs::permissions(input, fs::perms::owner_read | fs::perms::others_read);
  const int code = run("open/out.h5");
  if (code == 126 || code == 127) GTEST_SKIP() << "no other user can be had, or it cannot run this program";
  EXPECT_EQ(code, 0) << read_file(err);
  EXPECT_EQ(run("mine/out.h5"), 4);
  EXPECT_NE(read_file(err).find("mine/out.h5"), std::string::npos) << read_file(err);
  EXPECT_NE(read_file(err).find("Permission denied"), std::string::npos) << read_file(err);
  fs::permissions(input, fs::perms::none);
  EXPECT_EQ(run("open/again.h5"), 4);
  // The reader and the one who hashes the inputs race for the message: "cannot open" or "cannot read".
  EXPECT_NE(read_file(err).find(input + ": cannot "), std::string::npos) << read_file(err);
  EXPECT_NE(read_file(err).find(": Permission denied"), std::string::npos) << read_file(err);
  fs::permissions(folder.file("mine"), fs::perms::owner_all);
}

// What came of a command in an address space of so many MiB, or "" where it went well: anything but success
// or one line and exit code 4.
std::string trouble(const std::string& command, int mebibytes, const std::string& err, int& code) {
  const std::string line = "ulimit -c 0; ulimit -v " + std::to_string(mebibytes * 1024) +
                           "; exec timeout -s KILL 100 '" GF_BINARY_DIR "/grainfield' " + command +
                           " >/dev/null 2>'" + err + "'";
  const int status = std::system(("bash -c \"" + line + "\"").c_str());
  if (!WIFEXITED(status)) return "signal";
  code = WEXITSTATUS(status);
  if (code == 0) return "";
  const std::string message = read_file(err);
  if (code != 4) return "exit code " + std::to_string(code) + ": " + message;
  const size_t at = message.find("grainfield: error: ");
  const bool one = at != std::string::npos && (at == 0 || message[at - 1] == '\n') &&
                   message.find('\n', at) == message.size() - 1;
  return one ? "" : "not one line: " + message;
}

class LongAddressSpace : public ::testing::Test {
 protected:
  void SetUp() override {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    GTEST_SKIP() << "sanitizers map terabytes";
#endif
  }
  // Runs the command, which writes `out`, in address spaces of different sizes: either all is well and the
  // file is whole, or there is one line, exit code 4 and no file. In the smallest that it ever starts in, and
  // in the largest, it must do the one and the other.
  void check(const std::string& command, const std::string& out, const std::function<bool()>& whole) {
    SCOPED_TRACE(command);
    int failed = 0, done = 0;
    for (const int mebibytes :
         {40, 60, 80, 100, 120, 140, 160, 180, 200, 230, 260, 300, 400, 600, 1000, 2000}) {
      int code = 0;
      if (!trouble("--version", mebibytes, folder.file("err"), code).empty()) continue;  // the loader ends it
      fs::remove_all(out);
      fs::remove_all(out + ".partial");
      const std::string what = trouble(command, mebibytes, folder.file("err"), code);
      EXPECT_EQ(what, "") << mebibytes << " MiB";
      if (code == 0 && !out.empty()) {
        EXPECT_TRUE(whole()) << mebibytes << " MiB";
      }
      if (code == 4 && !out.empty()) {
        EXPECT_FALSE(fs::is_regular_file(out)) << mebibytes << " MiB";
      }
      ++(code == 0 ? done : failed);
      if (mebibytes == 2000) {
        EXPECT_EQ(code, 0) << read_file(folder.file("err"));
      }
    }
    EXPECT_GT(done, 0);
    EXPECT_GT(failed, 0);
  }
  void check_h5(const std::string& command) {
    const std::string out = folder.file("out.h5"), reference = folder.file("whole.h5");
    ASSERT_EQ(grainfield(command + " --threads 2 -o " + reference).code, 0);
    const Datasets expected = datasets_of(reference);
    check(command + " --threads 2 -o " + out, out, [&] { return datasets_of(out) == expected; });
  }
  TempFolder folder;
};

TEST_F(LongAddressSpace, Analyze) {
  check_h5("analyze " + trajectory(folder, "a.dump", 2, 24) +
           " --compute density,coordination --structure bcc" + " --lattice 2.83");
}

TEST_F(LongAddressSpace, AnalyzeCompressedWithAnyPlannedMemory) {
  check_h5("analyze " + trajectory(folder, "a.h5", 2, 24) + " --compute coordination --structure bcc" +
           " --lattice 2.83 --compress --memory 100G");
}

TEST_F(LongAddressSpace, Build) {
  check_h5(
      "build polycrystal --structure bcc --lattice 2.83 --element Fe --box 80 80 80 --grains 4 "
      "--min-distance 2");
}

TEST_F(LongAddressSpace, Convert) {
  const std::string input = trajectory(folder, "a.h5", 2, 24);
  for (const char* name : {"out.h5", "out.dump.zst"}) {
    const std::string out = folder.file(name), whole = folder.file("whole_" + std::string(name));
    ASSERT_EQ(grainfield("convert " + input + " " + whole).code, 0);
    const bool text = out.ends_with(".zst");
    const std::string bytes = text ? read_file(whole) : "";
    const Datasets expected = text ? Datasets() : datasets_of(whole);
    check("convert " + input + " " + out, out,
          [&] { return text ? read_file(out) == bytes : datasets_of(out) == expected; });
  }
}

TEST_F(LongAddressSpace, Info) { check("info " + trajectory(folder, "a.h5", 2, 24), "", {}); }

// Grades need OpenBLAS, which hangs where it may not map what it wants.
TEST_F(LongAddressSpace, SelectAndScreen) {
  MtpModel model = small_mtp(1);
  write_mtp(folder.file("small.mtp"), model);
  model.active_set = small_active_set(model);
  write_mtp(folder.file("small.almtp"), model);
  const auto writer = open_writer(folder.file("pool.cfg"));
  for (unsigned k = 1; k < 4; ++k) {
    Frame frame = bcc_frame(4, 3.2, 0.2, k);
    frame.species = {{"", 0, 0}};
    writer->write(frame);
  }
  writer->close();
  const std::string out = folder.file("out.almtp"), whole = folder.file("whole.almtp"),
                    select = "select --threads 2 --device cpu --potential " + folder.file("small.mtp") +
                             " --candidates " + folder.file("pool.cfg") + " -o ";
  const CommandResult first = grainfield(select + whole);
  ASSERT_EQ(first.code, 0) << first.err;
  const std::string bytes = read_file(whole);
  check(select + out, out, [&] { return read_file(out) == bytes; });
  check_h5("screen --device cpu " + folder.file("pool.cfg") + " --potential " + folder.file("small.almtp"));
}

TEST(Faults, SigtermIsACleanStopToo) {
  const TempFolder folder;
  const std::string input = trajectory(folder, "a.dump", 20, 6), out = folder.file("out.h5");
  const std::string command = "analyze " + input + dense + "-o ";
  ASSERT_EQ(grainfield(command + folder.file("whole.h5")).code, 0);
  const pid_t child = start(dense_arguments(input, out), folder.file("err"));
  while (complete_frames(out + ".partial") < 2) {
    ASSERT_EQ(waitpid(child, nullptr, WNOHANG), 0) << "the run ended before it could be stopped";
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  ASSERT_EQ(kill(child, SIGTERM), 0);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status)) << "signal " << WTERMSIG(status);
  EXPECT_EQ(WEXITSTATUS(status), 128 + SIGTERM);
  EXPECT_NE(read_file(folder.file("err")).find("--resume goes on from there"), std::string::npos);
  EXPECT_FALSE(fs::exists(out));
  ASSERT_EQ(grainfield(command + out + " --resume").code, 0);
  EXPECT_EQ(datasets_of(out), datasets_of(folder.file("whole.h5")));
}

// 20 kills at random moments of runs over 50 frames, one of them bad: whenever a run gets through, its file
// is that of a run that nobody disturbed, dataset by dataset.
void kill_twenty_times(int cells, const std::string& quantity) {
  const TempFolder folder;
  const std::string input = trajectory(folder, "a.dump", 50, cells);
  damage(input, 33);
  const std::string out = folder.file("out.h5");
  const std::vector<std::string> options{"--compute", quantity,    "--structure",
                                         "bcc",       "--lattice", "2.83",
                                         "--threads", "1",         "--skip-bad-frames"};
  std::string undisturbed = "analyze " + input + " -o " + folder.file("whole.h5");
  std::vector<std::string> arguments{"analyze", input, "-o", out, "--resume"};
  for (const std::string& option : options) {
    undisturbed += " " + option;
    arguments.push_back(option);
  }
  const auto begin = std::chrono::steady_clock::now();
  ASSERT_EQ(grainfield(undisturbed).code, 0);
  const auto whole_run =
      std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - begin);
  const Datasets whole = datasets_of(folder.file("whole.h5"));
  ASSERT_EQ(values_of<int64_t>(whole, frame_index).size(), 49u);
  std::mt19937 random(50);
  int kills = 0;
  int64_t kept = 0, most_kept = 0;
  for (int attempt = 0;; ++attempt) {
    ASSERT_LT(attempt, 400);
    const pid_t child = start(arguments);
    usleep(static_cast<useconds_t>(random() % static_cast<uint64_t>(whole_run.count())));
    if (kills < 20) kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    if (WIFSIGNALED(status)) {
      ++kills;
      const int64_t now = complete_frames(out + ".partial");
      if (!fs::exists(out)) {  // nothing that was complete is lost
        EXPECT_GE(now, kept);
        kept = now;
        most_kept = std::max(kept, most_kept);
      } else {  // merged, and killed while the folder was removed
        EXPECT_EQ(datasets_of(out), whole);
      }
      continue;
    }
    ASSERT_TRUE(WIFEXITED(status));
    ASSERT_EQ(WEXITSTATUS(status), 0);
    EXPECT_EQ(datasets_of(out), whole);
    EXPECT_FALSE(fs::exists(out + ".partial"));
    if (kills == 20) break;
    fs::remove(out);  // begin anew
    kept = 0;
  }
  EXPECT_GT(most_kept, 2);
}

TEST(LongFaults, KilledTwentyTimes) { kill_twenty_times(4, "density"); }

// Frames of 4,394 atoms, whose numbers lie in the final file while it grows.
TEST(LongFaults, KilledTwentyTimesWithLargeFrames) { kill_twenty_times(13, "coordination"); }

}  // namespace
}  // namespace grainfield
