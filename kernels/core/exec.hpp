// Where and how wide a kernel runs. A plain value: passed to every launcher.
#pragma once

namespace grainfield {

enum class Processor { cpu, cuda };
// Code written for one instruction set, widest last; portable is what the compiler makes of plain C++.
enum class Simd { portable, avx2, avx512 };

struct Exec {
  Processor processor = Processor::cpu;
  int threads = 1;           // host threads; also used for the host's share of the work with a GPU
  int device = 0;            // CUDA ordinal
  void* stream = nullptr;    // cudaStream_t
  bool plain = false;        // tests: the plain schedule where a kernel has a faster one too
  Simd simd = Simd::avx512;  // tests: at most this, of what the CPU has

  bool on_gpu() const { return processor == Processor::cuda; }
};

}  // namespace grainfield
