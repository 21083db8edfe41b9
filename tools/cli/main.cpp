// grainfield: the command.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <new>
#include <string>

#include "host/error.hpp"
#include "host/version.hpp"
#include "tools/cli/commands.hpp"

namespace {

int fail(int code, const char* message) {
  std::fprintf(stderr, "grainfield: error: %s\n", message);
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace grainfield;
  CLI::App app("Grain boundaries at the scale of atoms: build, analyze, convert", "grainfield");
  app.require_subcommand(1);
  app.set_version_flag("--version", std::string("grainfield ") + library_version());
  add_build(app);
  add_convert(app);
  add_devices(app);
  add_info(app);
  try {
    app.parse(argc, argv);
    return exit_ok;
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
    return fail(exit_resource, "not enough memory");
  } catch (const std::exception& error) {
    return fail(exit_bug, error.what());
  }
}
