#include "tools/cli/run_program.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <fstream>
#include <thread>

#include "host/error.hpp"

namespace grainfield {
namespace {

int open_output(const std::string& path) {
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (file < 0) throw ResourceError(fmt::format("{}: cannot be written: {}", path, std::strerror(errno)));
  return file;
}

std::string last_line(const std::string& path) {
  std::ifstream file(path);
  std::string last;
  for (std::string line; std::getline(file, line);)
    if (line.find_first_not_of(" \t\r") != std::string::npos) last = line;
  constexpr size_t longest = 200;
  return last.size() > longest ? last.substr(0, longest) + "..." : last;
}

}  // namespace

std::string run_program(const std::vector<std::string>& argv, const std::string& stdout_path,
                        const std::string& stderr_path, const ProgramLimits& limits) {
  // All that allocates comes before the fork: other threads may hold locks.
  std::vector<char*> words;
  for (const std::string& word : argv) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  const int out = open_output(stdout_path), err = open_output(stderr_path);
  int failed[2];  // a pipe that the program's start closes: errno where there was no start
  if (pipe2(failed, O_CLOEXEC) != 0)
    throw ResourceError(fmt::format("no pipe can be made: {}", std::strerror(errno)));
  const pid_t parent = getpid(), child = fork();
  if (child < 0) throw ResourceError(fmt::format("no process can be made: {}", std::strerror(errno)));
  if (child == 0) {
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() == parent && dup2(out, STDOUT_FILENO) >= 0 && dup2(err, STDERR_FILENO) >= 0)
      execvp(words[0], words.data());
    const int why = errno;
    [[maybe_unused]] const ssize_t told = write(failed[1], &why, sizeof why);
    _exit(127);
  }
  setpgid(child, child);  // here too: whichever comes first
  close(failed[1]);
  int why = 0;
  const bool started = read(failed[0], &why, sizeof why) != sizeof why;
  for (const int file : {failed[0], err}) close(file);

  using Clock = std::chrono::steady_clock;
  auto since = Clock::now();
  bool has_written = false;
  int status = 0;
  std::string late;
  while (waitpid(child, &status, WNOHANG) == 0) {
    struct stat about {};
    if (!has_written && fstat(out, &about) == 0 && about.st_size > 0) {
      has_written = true;
      since = Clock::now();
    }
    const double limit = has_written ? limits.run : limits.start;
    if (std::chrono::duration<double>(Clock::now() - since).count() > limit) {
      late = has_written ? fmt::format("ended after {:.3g} s", limit)
                         : fmt::format("ended: not ready after {:.3g} s", limit);
      kill(-child, SIGKILL);
      waitpid(child, &status, 0);
      break;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  close(out);
  if (!started) return fmt::format("{} cannot be started: {}", argv[0], std::strerror(why));
  if (!late.empty()) return late;
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return "";
  const std::string said = last_line(stderr_path);
  return fmt::format("{}{}{}",
                     WIFSIGNALED(status) ? fmt::format("ended by signal {}", WTERMSIG(status))
                                         : fmt::format("ended with code {}", WEXITSTATUS(status)),
                     said.empty() ? "" : ": ", said);
}

}  // namespace grainfield
