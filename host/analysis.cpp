#include "host/analysis.hpp"

#include <fast_float/fast_float.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "host/error.hpp"
#include "host/slab_plan.hpp"
#include "host/suggest.hpp"
#include "kernels/core/parallel.hpp"

namespace grainfield {
namespace {

double parse_real(const std::string& parameter, std::string_view text) {
  double value = 0;
  const auto [end, error] = fast_float::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value))
    throw UsageError(fmt::format("{}: expected a finite number, found '{}'", parameter, text));
  return value;
}

int64_t parse_integer(const std::string& parameter, std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size())
    throw UsageError(fmt::format("{}: expected a whole number, found '{}'", parameter, text));
  return value;
}

std::vector<double> parse_reals(const std::string& parameter, std::string_view text) {
  std::vector<double> values;
  for (size_t at = 0; at <= text.size();) {
    const size_t comma = std::min(text.find(',', at), text.size());
    values.push_back(parse_real(parameter, text.substr(at, comma - at)));
    at = comma + 1;
  }
  return values;
}

void check_range(const std::string& parameter, const ParameterSpec& spec, double value) {
  if (value < spec.min || value > spec.max)
    throw UsageError(fmt::format("{}: {} {}is out of range; expected {:g} to {:g}", parameter, value,
                                 spec.unit.empty() ? "" : spec.unit + " ", spec.min, spec.max));
}

void check_value(const std::string& parameter, const ParameterSpec& spec, const std::string& text) {
  switch (spec.kind) {
    case ParameterKind::real:
      check_range(parameter, spec, parse_real(parameter, text));
      break;
    case ParameterKind::integer:
      check_range(parameter, spec, static_cast<double>(parse_integer(parameter, text)));
      break;
    case ParameterKind::reals:
      for (const double v : parse_reals(parameter, text)) check_range(parameter, spec, v);
      break;
    case ParameterKind::flag:
      if (text != "true" && text != "false")
        throw UsageError(fmt::format("{}: expected true or false, found '{}'", parameter, text));
      break;
    case ParameterKind::text:
      break;
  }
}

}  // namespace

Parameters::Parameters(const AnalysisInfo& info,
                       const std::vector<std::pair<std::string, std::string>>& given)
    : analysis_(info.name) {
  for (const ParameterSpec& spec : info.parameters) values_.emplace_back(spec.name, spec.default_value);
  for (const auto& [name, text] : given) {
    const auto spec = std::find_if(info.parameters.begin(), info.parameters.end(),
                                   [&](const ParameterSpec& s) { return s.name == name; });
    if (spec == info.parameters.end()) {
      std::vector<std::string> known;
      for (const ParameterSpec& s : info.parameters) known.push_back(s.name);
      throw UsageError(fmt::format("--set {}.{}: there is no such parameter{}; {} has {}", info.name, name,
                                   suggestion(name, known), info.name, listed(known)));
    }
    check_value(fmt::format("--set {}.{}", info.name, name), *spec, text);
    values_[static_cast<size_t>(spec - info.parameters.begin())].second = text;
  }
}

const std::string& Parameters::value(std::string_view name) const {
  for (const auto& [key, text] : values_)
    if (key == name) return text;
  throw std::logic_error(fmt::format("{} has no parameter {}", analysis_, name));
}

bool Parameters::is_set(std::string_view name) const { return !value(name).empty(); }
double Parameters::real(std::string_view name) const {
  return parse_real(analysis_ + "." + std::string(name), value(name));
}
int64_t Parameters::integer(std::string_view name) const {
  return parse_integer(analysis_ + "." + std::string(name), value(name));
}
std::vector<double> Parameters::reals(std::string_view name) const {
  return parse_reals(analysis_ + "." + std::string(name), value(name));
}
std::string Parameters::text(std::string_view name) const { return value(name); }
bool Parameters::flag(std::string_view name) const { return value(name) == "true"; }

Field& FrameContext::add_field(const OutputSpec& spec, int components, bool is_integer,
                               std::vector<std::string> component_names) {
  Field& field = results.fields.emplace_back();
  field.name = spec.name;
  field.unit = spec.unit;
  field.doc = spec.doc;
  field.components = components;
  field.component_names = std::move(component_names);
  field.is_integer = is_integer;
  const auto n = static_cast<size_t>(frame.n_atoms()) * static_cast<size_t>(components);
  if (is_integer)
    field.integer.resize(n);
  else
    field.real.resize(n);
  return field;
}

Observable& FrameContext::add_observable(const OutputSpec& spec, std::vector<int64_t> shape,
                                         bool is_integer) {
  Observable& observable = results.observables.emplace_back();
  observable.name = spec.name;
  observable.unit = spec.unit;
  observable.doc = spec.doc;
  observable.is_integer = is_integer;
  size_t n = 1;
  for (const int64_t s : shape) n *= static_cast<size_t>(s);
  observable.shape = std::move(shape);
  if (is_integer)
    observable.integer.resize(n);
  else
    observable.real.resize(n);
  return observable;
}

FrameContext::Budget FrameContext::budget(const Needs& needs, const PassMemory* taken) const {
  // Frames and results lie on the host, what a pass takes lies where it runs; the limit holds for either.
  const bool on_gpu = run.exec.on_gpu();
  Budget b{};
  b.held = on_gpu ? 0 : static_cast<double>(bytes_of(frame) + bytes_of(results) + held_elsewhere);
  b.limit =
      static_cast<double>(run.memory_limit > 0 ? run.memory_limit : available_host_bytes() + bytes_of(frame));
  if (on_gpu)
    b.free_on_device = run.device_memory > 0 ? static_cast<double>(run.device_memory)
                       : taken               ? taken->free_on_device
                                             : static_cast<double>(available_bytes(run.exec));
  b.available = on_gpu
                    ? std::min(b.limit, 0.95 * (b.free_on_device - static_cast<double>(needs.local_memory)))
                    : b.limit - b.held;
  return b;
}

void FrameContext::for_each_slab(const Needs& needs, const std::function<void(const SlabContext&)>& body) {
  // Of another pass: its memory would come on top.
  std::unique_ptr<PassMemory> memory;
  if (kept && *kept && (*kept)->needs == needs) memory = std::move(*kept);
  if (kept) kept->reset();
  const Budget left = budget(needs, memory.get());
  const SlabPlan plan = plan_slabs(frame, needs, run.exec.on_gpu(), left.available, left.held, left.limit);
  if (plans) plans->push_back(plan);
  if (memory && memory->planned > left.available) memory.reset();
  if (!memory) memory = std::make_unique<PassMemory>(run.exec);
  memory->needs = needs;
  memory->planned = std::max(memory->planned, plan.bytes);
  memory->free_on_device = left.free_on_device;
  for (int k = 0; k < plan.n_slabs(); ++k) {
    const Slab slab = plan.slab(k);
    if (clock) clock->set_slab(k, plan.n_slabs());
    {
      const StageClock::Scope timed(clock, "ghosts, cells and lists");
      memory->batch.build({&frame}, std::max(needs.reach, needs.cutoff), cell_size_for(needs), slab);
      if (needs.cutoff > 0) memory->list.build(memory->batch, needs.cutoff);
    }
    memory->scratch.reset();
    body({memory->batch, needs.cutoff > 0 ? &memory->list : nullptr, slab, k, plan.n_slabs(), memory->scratch,
          memory->held});
  }
  if (kept) *kept = std::move(memory);
  if (clock) clock->set_slab(0, 1);
}

namespace {

// What tells the memory of a sweep from that of other passes.
Needs mark_of(const SweepNeeds& sweep) {
  Needs mark;
  mark.reach = sweep.reach;
  mark.bytes_per_atom = sweep.bytes_per_visited;
  mark.bytes_per_ghost = -1;
  return mark;
}

}  // namespace

std::optional<SlabPlan> FrameContext::plan_sweep(const Needs& needs, const SweepNeeds& sweep) const {
  const bool is_kept = kept && *kept && ((*kept)->needs == needs || (*kept)->needs == mark_of(sweep));
  const Budget left = budget(needs, is_kept ? kept->get() : nullptr);
  return grainfield::plan_sweep(frame, needs, sweep, run.exec.on_gpu(), left.available);
}

void FrameContext::sweep(const SlabPlan& plan, const SweepNeeds& needs,
                         const std::function<void(const SlabContext&)>& body) {
  const Needs mark = mark_of(needs);
  std::unique_ptr<PassMemory> memory;
  if (kept && *kept && (*kept)->needs == mark && (*kept)->planned <= plan.bytes) memory = std::move(*kept);
  if (kept) kept->reset();
  if (plans) plans->push_back(plan);
  if (!memory) memory = std::make_unique<PassMemory>(run.exec);
  memory->free_on_device = budget(mark, memory->planned > 0 ? memory.get() : nullptr).free_on_device;
  memory->needs = mark;
  memory->planned = plan.bytes;
  const auto visit = [&](Slab slab, int index) {
    slab.halo = 0;
    {
      const StageClock::Scope timed(clock, "ghosts, cells and lists");
      memory->batch.build({&frame}, needs.reach, cell_size_for(mark), slab);
    }
    memory->scratch.reset();
    body({memory->batch, nullptr, slab, index, plan.n_slabs(), memory->scratch, memory->held});
  };
  // Images within the reach beyond a face, in pieces no thicker than the slabs: memory is planned for those.
  const double depth = frame.box.periodic[plan.axis] ? needs.reach / frame.box.height(plan.axis) : 0;
  const int pieces = static_cast<int>(std::ceil(depth / (plan.cuts[1] - plan.cuts[0])));
  const auto visit_images = [&](double from) {
    for (int k = 0; k < pieces; ++k)
      visit({plan.axis, from + depth * k / pieces, from + depth * (k + 1) / pieces}, -1);
  };
  visit_images(plan.cuts.front() - depth);
  for (int k = 0; k < plan.n_slabs(); ++k) {
    if (clock) clock->set_slab(k, plan.n_slabs());
    visit(plan.slab(k), k);
  }
  visit_images(plan.cuts.back());
  if (kept) *kept = std::move(memory);
  if (clock) clock->set_slab(0, 1);
}

namespace {

template <class T>
void scatter_values(const Batch& batch, const T* values, int components, std::vector<T>& frame_values) {
  const auto n = static_cast<size_t>(batch.n_local());
  std::vector<T> host_values;
  std::vector<int64_t> host_source;
  const int64_t* source = batch.source().data;
  const Exec& exec = batch.exec();
  if (exec.on_gpu()) {
    host_values.resize(n * static_cast<size_t>(components));
    host_source.resize(n);
    copy_to_host(exec, host_values.data(), values, host_values.size() * sizeof(T));
    copy_to_host(exec, host_source.data(), source, n * sizeof(int64_t));
    values = host_values.data();
    source = host_source.data();
  }
  parallel_for(
      exec.threads, static_cast<int64_t>(n),
      [&](int64_t i) {
        for (int c = 0; c < components; ++c)
          frame_values[static_cast<size_t>(source[i] * components + c)] = values[i * components + c];
      },
      8192);
}

}  // namespace

void scatter(const Batch& batch, const double* values, int components, std::vector<double>& frame_values) {
  scatter_values(batch, values, components, frame_values);
}
void scatter(const Batch& batch, const int32_t* values, int components, std::vector<int32_t>& frame_values) {
  scatter_values(batch, values, components, frame_values);
}

}  // namespace grainfield
