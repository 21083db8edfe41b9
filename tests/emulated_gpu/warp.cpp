#include "tests/emulated_gpu/warp.hpp"

#include <setjmp.h>
#include <ucontext.h>

#include <algorithm>

dim3 threadIdx, blockIdx, blockDim, gridDim;

namespace emulated_gpu {
namespace {

constexpr unsigned lanes = 32;

// makecontext starts a coroutine on its stack; later changes of place need no system call.
struct Coroutine {
  jmp_buf place;
  bool started = false;  // its stack holds the loop of live()
  bool busy = false;     // inside body
};
Coroutine coroutine[lanes];
jmp_buf scheduler;
unsigned current = 0;
char* stacks = nullptr;

void (*body_of_kernel)(const void*) = nullptr;
const void* argument_of_kernel = nullptr;

// What the lanes of a tile share; a tile's is that of its first lane.
struct Meeting {
  unsigned arrived = 0, number = 0;
  unsigned char value[lanes][largest_value];
};
Meeting meeting[lanes];
// Arrivals and departures so far: a round of all lanes without one is the end.
long progress = 0;

Meeting& meeting_of(unsigned W) { return meeting[current / W * W]; }

void give_way() {
  if (_setjmp(coroutine[current].place) == 0) _longjmp(scheduler, 1);
}

void live() {
  for (;;) {
    body_of_kernel(argument_of_kernel);
    coroutine[current].busy = false;
    ++progress;
    give_way();
  }
}

void resume(unsigned lane, unsigned first_thread) {
  current = lane;
  threadIdx.x = first_thread + lane;
  if (_setjmp(scheduler) != 0) return;
  Coroutine& c = coroutine[lane];
  if (c.started) _longjmp(c.place, 1);
  c.started = true;
  ucontext_t context;
  getcontext(&context);
  context.uc_stack.ss_sp = stacks + lane * stack_bytes;
  context.uc_stack.ss_size = stack_bytes;
  context.uc_link = nullptr;
  makecontext(&context, live, 0);
  setcontext(&context);
}

}  // namespace

void use_stacks(void* memory) {
  stacks = static_cast<char*>(memory);
  for (Coroutine& c : coroutine) c = {};
}

bool run_block(const dim3& block, void (*body)(const void*), const void* argument, const char** why) {
  body_of_kernel = body;
  argument_of_kernel = argument;
  for (unsigned first = 0; first < block.x; first += lanes) {
    const unsigned n = std::min(lanes, block.x - first);
    for (Meeting& m : meeting) m.arrived = 0;
    for (unsigned k = 0; k < n; ++k) {
      coroutine[k].busy = true;
      resume(k, first);
    }
    for (long round = 1, left = 1; left > 0; ++round) {
      const long before = progress;
      left = 0;
      for (unsigned k = 0; k < n; ++k) {
        const unsigned lane = round % 2 == 0 ? k : n - 1 - k;  // another order each time
        if (!coroutine[lane].busy) continue;
        resume(lane, first);
        if (coroutine[lane].busy) ++left;
      }
      if (left > 0 && progress == before) {
        *why = "lanes wait in a collective for one that has left";
        return false;
      }
    }
  }
  return true;
}

void meet(unsigned W) {
  Meeting& m = meeting_of(W);
  ++progress;
  if (++m.arrived == W) {
    m.arrived = 0;
    ++m.number;
    return;
  }
  for (const unsigned number = m.number; m.number == number;) give_way();
}

void exchange(unsigned W, unsigned mask, const void* mine, void* theirs, size_t bytes) {
  Meeting& m = meeting_of(W);
  std::memcpy(m.value[current % W], mine, bytes);
  meet(W);
  std::memcpy(theirs, m.value[current % W ^ mask], bytes);
  meet(W);
}

}  // namespace emulated_gpu
