#include "host/devices.hpp"

#include <sched.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <fstream>
#include <thread>

#include "host/error.hpp"
#include "host/limits.hpp"
#if defined(__CUDACC__)
#include "kernels/core/cuda_check.hpp"
#endif

namespace grainfield {

#if defined(__CUDACC__)
namespace {

// The driver's count of devices; -1 and the reason if it has none to show.
int count_devices(std::string* why) {
  int driver = 0;
  if (cudaDriverGetVersion(&driver) != cudaSuccess || driver == 0) {
    (void)cudaGetLastError();
    *why = "no NVIDIA driver is installed";
    return -1;
  }
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status == cudaSuccess && count > 0) return count;
  (void)cudaGetLastError();
  if (status == cudaErrorInsufficientDriver)
    *why = "the NVIDIA driver supports CUDA " + std::to_string(driver / 1000) + "." +
           std::to_string(driver % 1000 / 10) + ", too old for this build (CUDA " +
           std::to_string(CUDART_VERSION / 1000) + "." + std::to_string(CUDART_VERSION % 1000 / 10) + ")";
  else if (status == cudaSuccess || status == cudaErrorNoDevice)
    *why = "the NVIDIA driver shows no device";
  else
    *why = std::string("the NVIDIA driver fails: ") + cudaGetErrorString(status);
  return -1;
}

}  // namespace

std::vector<DeviceInfo> list_devices() {
  std::string why;
  std::vector<DeviceInfo> devices;
  const int count = count_devices(&why);
  int current = 0;
  if (count > 0) (void)cudaGetDevice(&current);
  for (int i = 0; i < count; ++i) {
    DeviceInfo info;
    info.index = i;
    cudaDeviceProp properties{};
    cudaError_t status = cudaGetDeviceProperties(&properties, i);
    if (status == cudaSuccess) {
      info.name = properties.name;
      info.memory = static_cast<int64_t>(properties.totalGlobalMem);
      info.compute_major = properties.major;
      info.compute_minor = properties.minor;
      int khz = 0;
      if (cudaDeviceGetAttribute(&khz, cudaDevAttrClockRate, i) == cudaSuccess) info.clock_mhz = khz / 1000;
      if (cudaDeviceGetAttribute(&khz, cudaDevAttrMemoryClockRate, i) == cudaSuccess)
        info.memory_clock_mhz = khz / 1000;
      size_t free = 0, total = 0;
      status = cudaSetDevice(i);
      if (status == cudaSuccess) status = cudaMemGetInfo(&free, &total);
      info.free_memory = static_cast<int64_t>(free);
    }
    if (status != cudaSuccess) {
      (void)cudaGetLastError();
      info.unusable = cudaGetErrorString(status);
    } else if (info.compute_major < 8) {
      info.unusable = "compute capability " + std::to_string(info.compute_major) + "." +
                      std::to_string(info.compute_minor) + "; this build needs 8.0 or newer";
    }
    devices.push_back(info);
  }
  if (count > 0) (void)cudaSetDevice(current);
  return devices;
}

std::string why_no_gpu() {
  std::string why;
  if (count_devices(&why) < 0) return why;
  for (const DeviceInfo& device : list_devices()) {
    if (device.unusable.empty()) return "";
    why += (why.empty() ? "" : "; ") + device.name + ": " + device.unusable;
  }
  return why;
}

std::string driver_version() {
  int cuda = 0;
  if (cudaDriverGetVersion(&cuda) != cudaSuccess || cuda == 0) return "";
  // "NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.65.06  ..."
  std::ifstream file("/proc/driver/nvidia/version");
  std::string word, number;
  while (number.empty() && file >> word)
    if (std::isdigit(static_cast<unsigned char>(word[0])) && word.find('.') != std::string::npos)
      number = word + ", ";
  return number + "CUDA " + std::to_string(cuda / 1000) + "." + std::to_string(cuda % 1000 / 10);
}

void use_device(const Exec& exec) {
  if (exec.on_gpu()) CUDA_CHECK(cudaSetDevice(exec.device));
}

std::shared_ptr<void> make_stream(const Exec& exec) {
  if (!exec.on_gpu()) return nullptr;
  cudaStream_t stream = nullptr;
  CUDA_CHECK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  return {stream, [](void* s) { (void)cudaStreamDestroy(static_cast<cudaStream_t>(s)); }};
}
#else
std::vector<DeviceInfo> list_devices() { return {}; }
std::string why_no_gpu() { return "this build has no CUDA backend"; }
std::string driver_version() { return ""; }
void use_device(const Exec&) {}
std::shared_ptr<void> make_stream(const Exec&) { return nullptr; }
#endif

int available_threads() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

Exec choose_device(const std::string& spec, int threads, std::string* why) {
  if (threads < 0)
    throw UsageError("--threads " + std::to_string(threads) + ": expected a number > 0, or 0 for all");
  Exec exec;
  exec.threads = threads == 0 ? available_threads() : threads;
  expect_threads(exec.threads);
  if (why) why->clear();
  if (spec == "cpu") return exec;

  int wanted = -1;  // any
  if (spec.starts_with("cuda:")) {
    const char *first = spec.data() + 5, *last = spec.data() + spec.size();
    const auto [end, error] = std::from_chars(first, last, wanted);
    if (error != std::errc() || end != last || wanted < 0) wanted = -2;
  }
  if (wanted == -2 || !(spec == "auto" || spec == "cuda" || spec.starts_with("cuda:")))
    throw UsageError("--device '" + spec + "': expected auto, cpu, cuda or cuda:<number>");

  const std::vector<DeviceInfo> devices = list_devices();
  for (const DeviceInfo& device : devices) {
    if (!device.unusable.empty() || (wanted >= 0 && device.index != wanted)) continue;
    exec.processor = Processor::cuda;
    exec.device = device.index;
    use_device(exec);
    return exec;
  }
  std::string reason = why_no_gpu();
  if (spec == "auto") {
#if defined(__CUDACC__)  // a build for the CPU alone has nothing to explain
    if (why) *why = "running on the CPU: " + reason;
#endif
    return exec;
  }
  if (wanted >= 0 && !devices.empty()) {
    reason =
        "there is no device " + std::to_string(wanted) + " (0 to " + std::to_string(devices.size() - 1) + ")";
    for (const DeviceInfo& device : devices)
      if (device.index == wanted) reason = device.name + ": " + device.unusable;
  }
  throw ResourceError("--device " + spec + ": " + reason + "; see 'grainfield devices', or use --device cpu");
}

}  // namespace grainfield
