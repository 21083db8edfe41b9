#include "tools/cli/signals.hpp"

#include <dlfcn.h>
#include <execinfo.h>
#include <unistd.h>

#include <csignal>
#include <cstring>

#include "host/error.hpp"
#include "io/hdf5_watch.hpp"

namespace grainfield {
namespace {

template <size_t n>
[[noreturn]] void end(const char (&message)[n], int code) {
  (void)!::write(STDERR_FILENO, message, n - 1);
  ::_exit(code);
}

bool is_inside_hdf5() {
  void* callers[64];
  const int n = backtrace(callers, 64);
  for (int k = 0; k < n; ++k) {
    Dl_info info;
    if (dladdr(callers[k], &info) != 0 && info.dli_fname && std::strstr(info.dli_fname, "libhdf5"))
      return true;
  }
  return false;
}

}  // namespace

void prepare_signals() {
  std::signal(SIGXFSZ, SIG_IGN);
  std::signal(SIGBUS, [](int) {
    end("\ngrainfield: error: a file could not be read to its end: it was cut while it was read, or its disk "
        "fails; complete frames of an analysis are kept (--resume)\n",
        exit_resource);
  });
  void* first[1];
  backtrace(first, 1);  // loads what it needs now, not in the handler
  std::signal(SIGSEGV, [](int signal) {
    if (is_inside_hdf5())
      end("\ngrainfield: error: the HDF5 library crashed: a file that it was given is damaged (h5dump tells "
          "more); complete frames of an analysis are kept (--resume)\n",
          exit_input);
    std::signal(signal, SIG_DFL);  // and the instruction is tried once more
  });
  std::signal(SIGALRM, [](int) {
    end("\ngrainfield: error: the HDF5 library does not come to an end with the texts of a file: it is "
        "damaged "
        "(h5dump tells more); complete frames of an analysis are kept (--resume)\n",
        exit_input);
  });
  watch_hdf5_texts([](unsigned seconds) { ::alarm(seconds); });
}

}  // namespace grainfield
