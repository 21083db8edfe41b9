// grainfield: the command.
#include <fmt/format.h>
#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <new>
#include <string>
#include <system_error>
#include <vector>

#include "host/error.hpp"
#include "host/suggest.hpp"
#include "host/version.hpp"
#include "tools/cli/commands.hpp"
#include "tools/cli/signals.hpp"

namespace {

// One line, whatever the message holds.
int fail(int code, std::string message) {
  for (char& c : message)
    if (c == '\n' || c == '\r') c = ' ';
  std::fflush(stdout);
  fmt::print(stderr, "grainfield: error: {}\n", message);
  return code;
}

// OpenBLAS, where it is loaded (host/openblas.hpp), is to start no threads: ours do the parallel work.
void prepare_openblas() { ::setenv("OPENBLAS_NUM_THREADS", "1", 1); }

// glibc's arenas of threads map 64 MiB each, which nobody needs where address space is short.
void prepare_memory() {
  rlimit limit{};
  if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) mallopt(M_ARENA_MAX, 1);
}

// The command as a shell would take it back.
std::string command_line(int argc, char** argv) {
  const std::string plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=.,:/@%";
  std::string line;
  for (int i = 0; i < argc; ++i) {
    const std::string word = argv[i];
    if (i > 0) line += ' ';
    if (!word.empty() && word.find_first_not_of(plain) == std::string::npos) {
      line += word;
      continue;
    }
    line += '\'';
    for (const char c : word) line += c == '\'' ? std::string("'\\''") : std::string(1, c);
    line += '\'';
  }
  return line;
}

// Names the commands where the first word is none of them.
void check_command(const CLI::App& app, const std::string& word) {
  std::vector<std::string> known;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; }))
    known.push_back(command->get_name());
  if (word.empty() || (word[0] != '-' && std::find(known.begin(), known.end(), word) == known.end()))
    throw grainfield::UsageError(
        fmt::format("{}{}; known: {}; grainfield --help says more",
                    word.empty() ? "a command is missing" : fmt::format("there is no command '{}'", word),
                    grainfield::suggestion(word, known), grainfield::listed(known)));
}

}  // namespace

int main(int argc, char** argv) {
  using namespace grainfield;
  prepare_signals();
  prepare_openblas();
  prepare_memory();
  CLI::App app("Grain boundaries at the scale of atoms: build, analyze, convert", "grainfield");
  app.set_version_flag("--version", std::string("grainfield ") + library_version());
  app.require_subcommand(1);
  app.footer(
      "Examples:\n"
      "  grainfield build polycrystal --structure bcc --lattice 2.83 --element Fe --box 56.6 56.6 56.6 \\\n"
      "      --grains 8 --min-distance 2.0 -o fe.h5\n"
      "  grainfield analyze fe.h5 --compute density,coordination --structure bcc --lattice 2.83 -o "
      "results.h5\n"
      "Every command has --help.\n"
      "Exit codes: 0 done, 1 a bug, 2 wrong usage, 3 bad input, 4 resources (memory, disk, device),\n"
      "5 a verdict (screen --fail-above, bench --compare), 130 or 143 interrupted (Ctrl-C, SIGTERM;\n"
      "analyze keeps complete frames: --resume).");
  add_analyze(app, command_line(argc, argv));
  add_bench(app);
  add_build(app);
  add_convert(app);
  add_devices(app);
  add_info(app);
  add_list(app);
  add_potential(app);
  add_screen(app, command_line(argc, argv));
  add_select(app);
  try {
    check_command(app, argc > 1 ? argv[1] : "");
    app.parse(argc, argv);
    return exit_ok;
  } catch (const Exit& exit) {
    return exit.code;
  } catch (const CLI::CallForHelp& help) {
    return app.exit(help);
  } catch (const CLI::CallForAllHelp& help) {
    return app.exit(help);
  } catch (const CLI::CallForVersion& version) {
    return app.exit(version);
  } catch (const CLI::ParseError& error) {
    return fail(exit_usage, error.what());
  } catch (const UsageError& error) {
    return fail(exit_usage, error.what());
  } catch (const InputError& error) {
    return fail(exit_input, error.what());
  } catch (const ResourceError& error) {
    return fail(exit_resource, error.what());
  } catch (const std::bad_alloc&) {
    return fail(exit_resource, "not enough memory; lower --memory");
  } catch (const std::system_error& error) {  // no thread, no room for output
    return fail(exit_resource, error.what());
  } catch (const std::exception& error) {
    return fail(exit_bug, error.what());
  }
}
