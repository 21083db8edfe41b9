#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "cuda_runtime.h"
#include "tests/emulated_gpu/warp.hpp"

using Clock = std::chrono::steady_clock;

namespace {
constexpr size_t page = 4096, shared_limit = 232'448, shared_unasked = 48 << 10;
constexpr size_t arena_bytes = size_t{1} << 44;  // addresses, never used twice
constexpr int multiprocessors = 4;
constexpr size_t most_together = 64;  // operations that one child does
}  // namespace

// Dynamic shared memory: launch.hpp declares it inside its kernel.
namespace grainfield {
alignas(64) unsigned char shared_memory[shared_limit + page];
}

struct CUevent_st {
  bool recorded = false;  // the stream has come to it
  Clock::time_point at;
};

namespace {

struct Operation {
  enum Kind { work, to_device, to_host, record, wait } kind = work;
  // work
  std::vector<unsigned char> closure;
  void (*invoke)(const void*) = nullptr;
  const char* name = "";
  bool scratch = false;
  dim3 grid, block;
  size_t shared = 0;
  // copies: `bytes` holds what ordinary memory held; page-locked memory is read when the copy is done
  char* target = nullptr;
  const char* source = nullptr;
  size_t n = 0;
  std::vector<unsigned char> bytes;
  std::shared_ptr<CUevent_st> event;
};

}  // namespace

struct CUstream_st {
  std::deque<Operation> pending;
  bool blocking = true;  // waits for the default stream, which waits for it
};

namespace {

struct Report {  // from the child
  int number;    // of the operation
  int code;
  const char* why;
  uintptr_t address;
  double seconds[most_together];
  alignas(64) unsigned char mailbox[64];
};

Report* report = nullptr;  // here, and not in Device: the child has no heap

void print_times();

// pieces: first byte, bytes.
bool lies_in_one_of(const std::map<char*, size_t>& pieces, const void* p, size_t n) {
  const char* at = static_cast<const char*>(p);
  auto it = pieces.upper_bound(const_cast<char*>(at));
  if (it == pieces.begin()) return false;
  --it;
  return at + n <= it->first + it->second;
}

struct Device {
  std::recursive_mutex lock;
  char* arena = nullptr;  // addresses of the device: not to be read or written here
  char* bytes = nullptr;  // the same memory, as copies reach it
  size_t next = 0;
  std::map<char*, size_t> allocated;  // first byte, bytes
  size_t in_use = 0, total = 0;
  std::map<char*, size_t> page_locked;
  std::map<const void*, int> shared_of_kernel;
  CUstream_st default_stream;
  std::vector<CUstream_st*> streams;
  std::map<CUevent_st*, std::shared_ptr<CUevent_st>> events;
  bool notes_times = false;
  std::map<std::string, std::pair<int64_t, double>> times;  // of kernels: launches, seconds
  cudaError_t last = cudaSuccess;
  cudaError_t broken = cudaSuccess;  // a fault of the device stays

  Device() {
    // No file of ours: limits on those are not meant for this.
    void* addresses =
        mmap(nullptr, arena_bytes, PROT_NONE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    void* again = addresses == MAP_FAILED ? MAP_FAILED : mremap(addresses, 0, arena_bytes, MREMAP_MAYMOVE);
    void* shared = mmap(nullptr, page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (again == MAP_FAILED || shared == MAP_FAILED ||
        mprotect(again, arena_bytes, PROT_READ | PROT_WRITE) != 0) {
      broken = cudaErrorMemoryAllocation;  // ulimit -v, under which a driver finds no addresses either
      return;
    }
    arena = static_cast<char*>(addresses);
    bytes = static_cast<char*>(again);
    report = static_cast<Report*>(shared);
    notes_times = std::getenv("GRAINFIELD_EMULATED_GPU_TIMES") != nullptr;
    if (notes_times) (void)std::atexit(print_times);
    const char* mib = std::getenv("GRAINFIELD_EMULATED_GPU_MIB");
    total = static_cast<size_t>(mib ? std::atol(mib) : 4096) << 20;
  }
  char* reached(const void* p) const { return bytes + (static_cast<const char*>(p) - arena); }
  // The whole range lies in one allocation, of the device or of page-locked memory.
  bool holds(const void* p, size_t n) const { return lies_in_one_of(allocated, p, n); }
  bool is_page_locked(const void* p, size_t n) const { return lies_in_one_of(page_locked, p, n); }
  bool in_arena(const void* p) const { return p >= arena && p < arena + arena_bytes; }
};

Device& device() {
  static Device* the = new Device;  // used by destructors of other statics: stays
  return *the;
}

void print_times() {
  for (const auto& [name, spent] : device().times)
    std::fprintf(stderr, "%9.3f s %8ld x  %s\n", spent.second, static_cast<long>(spent.first), name.c_str());
}

using Guard = std::lock_guard<std::recursive_mutex>;

cudaError_t fails(cudaError_t status) {
  if (status != cudaSuccess) device().last = status;
  return status;
}

char* first_page(char* at) { return reinterpret_cast<char*>(reinterpret_cast<uintptr_t>(at) / page * page); }

// ---- the child: the device at work ----

const Operation* const* operations_of_child = nullptr;
size_t n_of_child = 0;
char maps_text[1 << 20];

void on_fault(int signal, siginfo_t* info, void*) {
  report->code = signal;
  report->address = reinterpret_cast<uintptr_t>(info->si_addr);
  _exit(1);
}

// Nothing of the host but its programs: heap, stacks and arrays go. /proc/self/maps without malloc.
void leave_host_memory(uintptr_t keep_begin, uintptr_t keep_end) {
  const int maps = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
  size_t n = 0;
  for (ssize_t got;
       n + 1 < sizeof maps_text && (got = read(maps, maps_text + n, sizeof maps_text - n - 1)) > 0;)
    n += static_cast<size_t>(got);
  maps_text[n] = 0;
  close(maps);
  const auto thread = reinterpret_cast<uintptr_t>(__builtin_thread_pointer());
  uintptr_t file_end = 0;  // data of a program goes on without a name: .bss
  for (char* line = maps_text; *line;) {
    char* next = line;
    while (*next && *next != '\n') ++next;
    const bool more = *next == '\n';
    *next = 0;
    char* p = line;
    uintptr_t begin = std::strtoul(p, &p, 16);
    uintptr_t end = std::strtoul(p + 1, &p, 16);
    const bool writable = p[2] == 'w', is_private = p[4] == 'p';
    const char* name = std::strpbrk(p, "/[");
    const bool of_file = name && name[0] == '/', bss = !name && begin == file_end;
    if (of_file || bss) file_end = end;
    const bool ours = begin < keep_end && end > keep_begin;
    const bool of_loader = !name && end - begin < (64 << 10);  // malloc maps no such small pieces
    if (writable && is_private && !of_file && !bss && !ours && !of_loader) {
      // The thread's own variables lie at the end of its stack, or in an array apart.
      if (thread >= begin && thread < end) end = std::max(begin, (thread - (64 << 10)) / page * page);
      if (name && std::strcmp(name, "[stack]") == 0 && thread >= begin && thread < end) end = begin;
      if (end > begin) (void)mprotect(reinterpret_cast<void*>(begin), end - begin, PROT_NONE);
    }
    line = more ? next + 1 : next;
  }
}

// What the child needs of an operation.
struct Task {
  void (*invoke)(const void*);
  const void* closure;
  dim3 grid, block;
  size_t shared;
};

void run_kernel(const Task& task) {
  using grainfield::shared_memory;
  gridDim = task.grid;
  blockDim = task.block;
  for (unsigned b = 0; b < task.grid.x; ++b) {
    blockIdx.x = report->number % 2 == 0 ? b : task.grid.x - 1 - b;  // no kernel may count on an order
    // Not-a-numbers in it and behind its end.
    std::memset(shared_memory, 0xff, task.shared + 64);
    if (!emulated_gpu::run_block(task.block, task.invoke, task.closure, &report->why)) _exit(1);
    for (size_t k = task.shared; k < task.shared + 64; ++k)
      if (shared_memory[k] != 0xff) {
        report->why = "shared memory is written beyond its end";
        _exit(1);
      }
  }
}

// On a stack that the host does not know.
char* fresh = nullptr;
constexpr size_t main_stack = size_t{1} << 20;
size_t fresh_bytes = 0;

void child() {
  const bool scratch = operations_of_child[0]->scratch;
  static unsigned char alternative[64 << 10];
  const stack_t signals{alternative, 0, sizeof alternative};
  (void)sigaltstack(&signals, nullptr);
  struct sigaction action {};
  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL}) (void)sigaction(signal, &action, nullptr);
  emulated_gpu::use_stacks(fresh + main_stack);
  // Operations and closures move to where the device sees them.
  Task tasks[most_together];
  const size_t n = n_of_child;
  char* at = fresh + main_stack + emulated_gpu::stacks_bytes;
  for (size_t k = 0; k < n; ++k) {
    const Operation& op = *operations_of_child[k];
    std::memcpy(at, op.closure.data(), op.closure.size());
    tasks[k] = {op.invoke, at, op.grid, op.block, op.shared};
    at += (op.closure.size() + 63) / 64 * 64;
  }
  if (!scratch) {
    const auto begin = reinterpret_cast<uintptr_t>(fresh);
    leave_host_memory(begin, begin + fresh_bytes);
  }
  for (size_t k = 0; k < n; ++k) {
    report->number = static_cast<int>(k);
    const auto start = Clock::now();
    if (scratch)
      tasks[k].invoke(tasks[k].closure);
    else
      run_kernel(tasks[k]);
    report->seconds[k] = std::chrono::duration<double>(Clock::now() - start).count();
  }
  report->code = 0;
  _exit(0);
}

// Of cudaLaunchKernelEx, what it was made for: the kernel's type.
std::string kernel_of(const Operation& op) {
  const std::string name = op.name;
  const size_t at = name.find("P = {");
  return at == std::string::npos ? name : name.substr(at + 5, name.find(", long int", at) - at - 5);
}

void run_in_child(const std::vector<const Operation*>& operations) {
  Device& d = device();
  if (d.broken != cudaSuccess) return;
  report->code = -1;
  report->why = nullptr;
  report->number = 0;
  // Signals are for the host: its handlers would find their memory gone.
  sigset_t for_host, before;
  sigemptyset(&for_host);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGALRM}) sigaddset(&for_host, signal);
  pthread_sigmask(SIG_BLOCK, &for_host, &before);
  const pid_t pid = fork();
  if (pid != 0) pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (pid == 0) {
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)close_range(3, ~0u, 0);  // with them go locks that the host may give back meanwhile
    for (const auto& [at, bytes] : d.allocated) {
      char* first = first_page(at);
      if (mprotect(first, static_cast<size_t>(at + bytes - first), PROT_READ | PROT_WRITE) != 0) _exit(2);
    }
    operations_of_child = operations.data();
    n_of_child = operations.size();
    size_t bytes = 0;
    for (const Operation* op : operations) bytes += op->closure.size() + 64;
    fresh_bytes = (main_stack + emulated_gpu::stacks_bytes + bytes + 2 * page) / page * page;
    void* memory = mmap(nullptr, fresh_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) _exit(2);
    fresh = static_cast<char*>(memory);
    ucontext_t context;
    getcontext(&context);
    context.uc_stack.ss_sp = fresh;
    context.uc_stack.ss_size = main_stack;
    context.uc_link = nullptr;
    makecontext(&context, child, 0);
    setcontext(&context);
    _exit(2);
  }
  int status = 0;
  while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0) {
    for (size_t k = 0; d.notes_times && k < operations.size(); ++k) {
      auto& [count, seconds] = d.times[kernel_of(*operations[k])];
      ++count;
      seconds += report->seconds[k];
    }
    return;
  }
  const Report& r = *report;
  const std::string text = kernel_of(*operations[static_cast<size_t>(r.number)]);
  const char* name = text.c_str();
  if (r.why)
    std::fprintf(stderr, "emulated GPU: %s in %s\n", r.why, name);
  else if (r.code > 0)
    std::fprintf(stderr, "emulated GPU: %s at %#lx (%s) in %s\n", strsignal(r.code), r.address,
                 d.in_arena(reinterpret_cast<void*>(r.address)) ? "not or no longer allocated on the device"
                                                                : "memory of the host",
                 name);
  else
    std::fprintf(stderr, "emulated GPU: the device's process ended with status %#x in %s\n",
                 pid < 0 ? -1 : status, name);
  d.broken = r.why || r.code <= 0 ? cudaErrorLaunchFailure : cudaErrorIllegalAddress;
}

// ---- streams ----

CUstream_st& stream_of(cudaStream_t stream) { return stream ? *stream : device().default_stream; }

void copy_in(char* target, const void* source, size_t n) { std::memcpy(device().reached(target), source, n); }
void copy_out(char* target, const char* source, size_t n) {
  std::memcpy(target, device().reached(source), n);
}

void run_until(CUstream_st& stream, const CUevent_st* event);

// The stream whose work comes before the event; its operations up to there.
void reach(const std::shared_ptr<CUevent_st>& event) {
  Device& d = device();
  std::vector<CUstream_st*> all = d.streams;
  all.push_back(&d.default_stream);
  for (CUstream_st* s : all)
    for (const Operation& op : s->pending)
      if (op.kind == Operation::record && op.event == event) return run_until(*s, event.get());
}

// All that is pending, or up to the record of `event`.
void run_until(CUstream_st& stream, const CUevent_st* event) {
  bool done = false;
  while (!done && !stream.pending.empty()) {
    std::vector<Operation> together;
    while (!stream.pending.empty() && stream.pending.front().kind == Operation::work &&
           together.size() < most_together &&
           (together.empty() || !(together.back().scratch || stream.pending.front().scratch))) {
      together.push_back(std::move(stream.pending.front()));
      stream.pending.pop_front();
    }
    if (!together.empty()) {
      std::vector<const Operation*> operations;
      for (const Operation& op : together) operations.push_back(&op);
      run_in_child(operations);
      continue;
    }
    const Operation op = std::move(stream.pending.front());
    stream.pending.pop_front();
    if (device().broken != cudaSuccess && op.kind != Operation::record) continue;
    switch (op.kind) {
      case Operation::work:
        break;
      case Operation::to_device:
        copy_in(op.target, op.bytes.empty() ? op.source : static_cast<const void*>(op.bytes.data()), op.n);
        break;
      case Operation::to_host:
        copy_out(op.target, op.source, op.n);
        break;
      case Operation::wait:
        reach(op.event);
        break;
      case Operation::record:
        op.event->recorded = true;
        op.event->at = Clock::now();
        done = op.event.get() == event;
        break;
    }
  }
}

cudaError_t run_all() {
  Device& d = device();
  const std::vector<CUstream_st*> all = d.streams;
  for (CUstream_st* s : all) run_until(*s, nullptr);
  run_until(d.default_stream, nullptr);
  return d.broken;
}

// The default stream and those that block it take turns.
cudaError_t add(cudaStream_t stream, Operation operation) {
  Device& d = device();
  if (d.broken != cudaSuccess) return fails(d.broken);
  CUstream_st& s = stream_of(stream);
  if (&s == &d.default_stream) {
    for (CUstream_st* other : d.streams)
      if (other->blocking) run_until(*other, nullptr);
  } else if (s.blocking) {
    run_until(d.default_stream, nullptr);
  }
  s.pending.push_back(std::move(operation));
  return cudaSuccess;
}

}  // namespace

namespace emulated_gpu {

cudaError_t enqueue(const cudaLaunchConfig_t& config, const void* kernel, const Work& work) {
  const Guard guard(device().lock);
  const auto asked = device().shared_of_kernel.find(kernel);
  const size_t allowed = asked == device().shared_of_kernel.end()
                             ? shared_unasked
                             : std::max<size_t>(shared_unasked, static_cast<size_t>(asked->second));
  if (config.gridDim.x == 0 || config.gridDim.x > 0x7fffffffu || config.blockDim.x == 0 ||
      config.blockDim.x > 1024 || config.dynamicSmemBytes > allowed)
    return fails(cudaErrorInvalidValue);
  Operation op;
  const auto* bytes = static_cast<const unsigned char*>(work.closure);
  op.closure.assign(bytes, bytes + work.bytes);
  op.invoke = work.invoke;
  op.name = work.name;
  op.scratch = work.scratch;
  op.grid = config.gridDim;
  op.block = config.blockDim;
  op.shared = config.dynamicSmemBytes;
  return add(config.stream, std::move(op));
}

void* mailbox() { return report->mailbox; }

cudaError_t enqueue_for_result(const cudaLaunchConfig_t& config, const Work& work, void* result,
                               size_t bytes) {
  const Guard guard(device().lock);  // until the result is out: there is one mailbox
  cudaError_t status = enqueue(config, nullptr, work);
  if (status == cudaSuccess) status = cudaStreamSynchronize(config.stream);
  if (status == cudaSuccess) std::memcpy(result, report->mailbox, bytes);
  return status;
}

cudaError_t allow_shared_memory(const void* kernel, int bytes) {
  const Guard guard(device().lock);
  if (bytes < 0 || static_cast<size_t>(bytes) > shared_limit) return fails(cudaErrorInvalidValue);
  device().shared_of_kernel[kernel] = bytes;
  return cudaSuccess;
}

}  // namespace emulated_gpu

// ---- the runtime's interface ----

cudaError_t cudaGetLastError() {
  const Guard guard(device().lock);
  return std::exchange(device().last, cudaSuccess);
}

const char* cudaGetErrorString(cudaError_t status) {
  switch (status) {
    case cudaSuccess:
      return "no error";
    case cudaErrorInvalidValue:
      return "invalid argument";
    case cudaErrorMemoryAllocation:
      return "out of memory";
    case cudaErrorInsufficientDriver:
      return "CUDA driver version is insufficient for CUDA runtime version";
    case cudaErrorNoDevice:
      return "no CUDA-capable device is detected";
    case cudaErrorInvalidDevice:
      return "invalid device ordinal";
    case cudaErrorIllegalAddress:
      return "an illegal memory access was encountered";
    case cudaErrorLaunchFailure:
      return "unspecified launch failure";
  }
  return "unrecognized error code";
}

cudaError_t cudaDriverGetVersion(int* version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}
cudaError_t cudaGetDeviceCount(int* count) {
  *count = 1;
  return cudaSuccess;
}
cudaError_t cudaGetDevice(int* number) {
  *number = 0;
  return cudaSuccess;
}
cudaError_t cudaSetDevice(int number) {
  return fails(number == 0 ? device().broken : cudaErrorInvalidDevice);
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int number) {
  if (number != 0) return fails(cudaErrorInvalidDevice);
  *properties = {};
  std::strcpy(properties->name, "emulated GPU");
  properties->totalGlobalMem = device().total;
  properties->major = 9;
  return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int number) {
  if (number != 0) return fails(cudaErrorInvalidDevice);
  switch (attribute) {
    case cudaDevAttrClockRate:
    case cudaDevAttrMemoryClockRate:
      *value = 1'000'000;
      break;
    case cudaDevAttrMultiProcessorCount:
      *value = multiprocessors;
      break;
    case cudaDevAttrMaxThreadsPerMultiProcessor:
      *value = 2048;
      break;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
      *value = shared_limit;
      break;
  }
  return cudaSuccess;
}

cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
  const Guard guard(device().lock);
  if (device().broken != cudaSuccess) return fails(device().broken);
  *total = device().total;
  *free = device().total - device().in_use;
  return cudaSuccess;
}

cudaError_t cudaMalloc(void** pointer, size_t bytes) {
  Device& d = device();
  const Guard guard(d.lock);
  *pointer = nullptr;
  if (d.broken != cudaSuccess) return fails(d.broken);
  if (bytes == 0) return cudaSuccess;
  if (bytes > d.total - d.in_use || bytes > arena_bytes - d.next) return fails(cudaErrorMemoryAllocation);
  // Its end, rounded to 16 bytes, is the end of a page; the page behind stays empty.
  const size_t rounded = (bytes + 15) / 16 * 16, pages = (rounded + page - 1) / page * page;
  char* at = d.arena + d.next + (pages - rounded);
  d.next += pages + page;
  d.allocated[at] = bytes;
  d.in_use += bytes;
  constexpr size_t filled_at_most = size_t{64} << 20;
  std::memset(d.reached(at), 0xff, std::min(rounded, filled_at_most));
  *pointer = at;
  return cudaSuccess;
}

cudaError_t cudaFree(void* pointer) {
  if (!pointer) return cudaSuccess;
  Device& d = device();
  const Guard guard(d.lock);
  const cudaError_t status = run_all();
  const auto it = d.allocated.find(static_cast<char*>(pointer));
  if (it == d.allocated.end()) return fails(cudaErrorInvalidValue);
  char* first = first_page(it->first);
  const size_t rounded = static_cast<size_t>(it->first - first) + (it->second + 15) / 16 * 16;
  (void)madvise(d.reached(first), rounded, MADV_REMOVE);
  d.in_use -= it->second;
  d.allocated.erase(it);
  return fails(status);
}

cudaError_t cudaHostAlloc(void** pointer, size_t bytes, unsigned) {
  Device& d = device();
  const Guard guard(d.lock);
  *pointer = std::aligned_alloc(page, (bytes + page - 1) / page * page);
  if (!*pointer) return fails(cudaErrorMemoryAllocation);
  d.page_locked[static_cast<char*>(*pointer)] = bytes;
  return cudaSuccess;
}

cudaError_t cudaFreeHost(void* pointer) {
  if (!pointer) return cudaSuccess;
  Device& d = device();
  const Guard guard(d.lock);
  const cudaError_t status = run_all();
  if (d.page_locked.erase(static_cast<char*>(pointer)) == 0) return fails(cudaErrorInvalidValue);
  std::free(pointer);
  return fails(status);
}

cudaError_t cudaMemcpyAsync(void* target, const void* source, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  Device& d = device();
  const Guard guard(d.lock);
  const bool from_device = kind != cudaMemcpyHostToDevice, into_device = kind != cudaMemcpyDeviceToHost;
  if ((from_device ? !d.holds(source, bytes) : d.in_arena(source)) ||
      (into_device ? !d.holds(target, bytes) : d.in_arena(target)))
    return fails(cudaErrorInvalidValue);
  if (from_device && into_device) {
    cudaLaunchConfig_t config;
    config.stream = stream;
    return emulated_gpu::launch(
        config, nullptr, [=] { std::memmove(target, source, bytes); }, "cudaMemcpyAsync");
  }
  Operation op;
  op.kind = into_device ? Operation::to_device : Operation::to_host;
  op.target = static_cast<char*>(target);
  op.source = static_cast<const char*>(source);
  op.n = bytes;
  if (into_device && !d.is_page_locked(source, bytes)) {
    op.bytes.assign(op.source, op.source + bytes);
    op.source = nullptr;
  }
  return add(stream, std::move(op));
}

cudaError_t cudaMemsetAsync(void* target, int value, size_t bytes, cudaStream_t stream) {
  const Guard guard(device().lock);
  if (!device().holds(target, bytes)) return fails(cudaErrorInvalidValue);
  cudaLaunchConfig_t config;
  config.stream = stream;
  return emulated_gpu::launch(
      config, nullptr, [=] { std::memset(target, value, bytes); }, "cudaMemsetAsync");
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  const Guard guard(device().lock);
  *stream = new CUstream_st;
  (*stream)->blocking = !(flags & cudaStreamNonBlocking);
  device().streams.push_back(*stream);
  return cudaSuccess;
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  Device& d = device();
  const Guard guard(d.lock);
  const auto it = std::find(d.streams.begin(), d.streams.end(), stream);
  if (it == d.streams.end()) return fails(cudaErrorInvalidValue);
  run_until(*stream, nullptr);
  d.streams.erase(it);
  delete stream;
  return fails(d.broken);
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  Device& d = device();
  const Guard guard(d.lock);
  if (!stream)
    for (CUstream_st* other : d.streams)
      if (other->blocking) run_until(*other, nullptr);
  run_until(stream_of(stream), nullptr);
  return fails(d.broken);
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  const Guard guard(device().lock);
  auto made = std::make_shared<CUevent_st>();
  *event = made.get();
  device().events[*event] = made;
  return cudaSuccess;
}
cudaError_t cudaEventCreate(cudaEvent_t* event) { return cudaEventCreateWithFlags(event, 0); }

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  const Guard guard(device().lock);
  return device().events.erase(event) == 1 ? cudaSuccess : fails(cudaErrorInvalidValue);
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  const Guard guard(device().lock);
  const auto found = device().events.find(event);
  if (found == device().events.end()) return fails(cudaErrorInvalidValue);
  event->recorded = false;
  Operation op;
  op.kind = Operation::record;
  op.event = found->second;
  return add(stream, std::move(op));
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  const Guard guard(device().lock);
  const auto found = device().events.find(event);
  if (found == device().events.end()) return fails(cudaErrorInvalidValue);
  Operation op;
  op.kind = Operation::wait;
  op.event = found->second;
  return add(stream, std::move(op));
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  const Guard guard(device().lock);
  const auto found = device().events.find(event);
  if (found == device().events.end()) return fails(cudaErrorInvalidValue);
  reach(found->second);
  return fails(device().broken);
}

cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t start, cudaEvent_t stop) {
  const Guard guard(device().lock);
  if (!start->recorded || !stop->recorded) return fails(cudaErrorInvalidValue);
  *milliseconds = std::chrono::duration<float, std::milli>(stop->at - start->at).count();
  return cudaSuccess;
}
