#include "tools/cli/signals.hpp"

#include <dlfcn.h>
#include <execinfo.h>
#include <ucontext.h>
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

bool is_of_hdf5(const void* code) {
  Dl_info info;
  return dladdr(code, &info) != 0 && info.dli_fname && std::strstr(info.dli_fname, "libhdf5");
}

bool is_inside_hdf5(const void* context) {
  void* callers[64];
  const int n = backtrace(callers, 64);
  for (int k = 0; k < n; ++k)
    if (is_of_hdf5(callers[k])) return true;
#if defined(__x86_64__)
  // A jump to nowhere, by a pointer that HDF5 overwrote, leaves no chain of callers, but their traces.
  const auto& registers = static_cast<const ucontext_t*>(context)->uc_mcontext.gregs;
  Dl_info info;
  if (dladdr(reinterpret_cast<const void*>(registers[REG_RIP]), &info) != 0) return false;
  const auto* stack = reinterpret_cast<const void* const*>(registers[REG_RSP]);
  for (int k = 0; k < 128; ++k)
    if (is_of_hdf5(stack[k])) return true;
#else
  (void)context;
#endif
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
  struct sigaction action {};
  action.sa_flags = SA_SIGINFO;
  action.sa_sigaction = [](int signal, siginfo_t*, void* context) {
    if (is_inside_hdf5(context))
      end("\ngrainfield: error: the HDF5 library crashed: a file that it was given is damaged (h5dump tells "
          "more); complete frames of an analysis are kept (--resume)\n",
          exit_input);
    std::signal(signal, SIG_DFL);  // and the instruction is tried once more
  };
  ::sigaction(SIGSEGV, &action, nullptr);
  std::signal(SIGALRM, [](int) {
    end("\ngrainfield: error: the HDF5 library does not come to an end with the texts of a file: it is "
        "damaged "
        "(h5dump tells more); complete frames of an analysis are kept (--resume)\n",
        exit_input);
  });
  watch_hdf5_texts([](unsigned seconds) { ::alarm(seconds); });
}

}  // namespace grainfield
