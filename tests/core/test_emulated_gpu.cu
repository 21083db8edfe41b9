// The emulated GPU finds what a GPU may let pass. Every fault happens in a process of its own: it stays with
// the device.
#include <gtest/gtest.h>

#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "host/buffer.hpp"
#include "kernels/core/launch.hpp"
#include "tests/support/systems.hpp"

namespace grainfield {
namespace {

// Prints the error of f and ends; ends with 2 if there is none.
template <class F>
void end_with_error_of(const F& f) {
  try {
    const Exec gpu = test::gpu_executions().front();
    f(gpu);
    synchronize(gpu);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    std::exit(1);
  }
  std::exit(2);
}

struct Write {
  double* to;
  int64_t shift;
  template <class Team>
  GF_HD void operator()(Team team, int64_t i) const {
    if (team.rank() == 0) to[i + shift] = 1;
  }
};

// Lane 0 goes without the others.
struct LeaveEarly {
  double* to;
  template <class Team>
  GF_HD void operator()(Team team, int64_t i) const {
    if (team.rank() == 0) return;
    to[i] = team.sum(1.0);
  }
};

struct WriteScratch {
  int32_t n;
  template <class Team>
  GF_HD void operator()(Team team, int64_t) const {
    static_cast<int32_t*>(team.scratch())[n] = team.rank();
  }
};

class EmulatedGpu : public testing::Test {
 protected:
  void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

TEST_F(EmulatedGpu, AKernelDoesNotReachTheHost) {
  EXPECT_EXIT(end_with_error_of([](const Exec& gpu) {
                std::vector<double> host(100);
                for_each(gpu, 100, Write{host.data(), 0});
              }),
              testing::ExitedWithCode(1), "memory of the host.* in .*Write(.|\n)*an illegal memory access");
}

TEST_F(EmulatedGpu, TheHostDoesNotReachTheDevice) {
  EXPECT_EXIT(end_with_error_of([](const Exec& gpu) { *Buffer<double>(gpu, 100).data() = 1; }),
              testing::KilledBySignal(SIGSEGV), "");
}

TEST_F(EmulatedGpu, ArraysHaveEnds) {
  EXPECT_EXIT(end_with_error_of([](const Exec& gpu) {
                Buffer<double> before(gpu, 100), array(gpu, 100), behind(gpu, 100);
                for_each(gpu, 99, Write{array.data(), 2});
                synchronize(gpu);
              }),
              testing::ExitedWithCode(1), "not or no longer allocated");
}

TEST_F(EmulatedGpu, FreedMemoryIsGone) {
  EXPECT_EXIT(end_with_error_of([](const Exec& gpu) {
                double* gone = Buffer<double>(gpu, 100).data();
                Buffer<double> other(gpu, 100);
                for_each(gpu, 100, Write{gone, 0});
              }),
              testing::ExitedWithCode(1), "not or no longer allocated");
}

TEST_F(EmulatedGpu, LanesMeet) {
  EXPECT_EXIT(end_with_error_of([](const Exec& gpu) {
                Buffer<double> out(gpu, 4);
                for_each<8>(gpu, 4, LeaveEarly{out.data()});
                synchronize(gpu);
              }),
              testing::ExitedWithCode(1), "lanes wait in a collective for one that has left in .*LeaveEarly");
}

TEST_F(EmulatedGpu, ScratchHasAnEnd) {
  EXPECT_EXIT(end_with_error_of([](const Exec& gpu) { for_each<8>(gpu, 16, WriteScratch{8}, 32); }),
              testing::ExitedWithCode(1), "shared memory is written beyond its end");
}

TEST_F(EmulatedGpu, MemoryIsNotANumberAndStreamsAreLate) {
  const Exec gpu = test::gpu_executions().front();
  Buffer<double> array(gpu, 3);
  for (const double value : array.to_vector()) EXPECT_TRUE(std::isnan(value));
  double* early = nullptr;
  ASSERT_EQ(cudaHostAlloc(reinterpret_cast<void**>(&early), sizeof(double), cudaHostAllocDefault),
            cudaSuccess);
  *early = 7;
  for_each(gpu, 3, Write{array.data(), 0});
  ASSERT_EQ(cudaMemcpyAsync(early, array.data(), sizeof(double), cudaMemcpyDeviceToHost, nullptr),
            cudaSuccess);
  EXPECT_EQ(*early, 7);
  synchronize(gpu);
  EXPECT_EQ(*early, 1);
  *early = 3;
  ASSERT_EQ(cudaMemcpyAsync(array.data(), early, sizeof(double), cudaMemcpyHostToDevice, nullptr),
            cudaSuccess);
  *early = 4;  // too soon: the copy reads it when it is made
  EXPECT_EQ(array.to_vector()[0], 4);
  ASSERT_EQ(cudaFreeHost(early), cudaSuccess);
}

}  // namespace
}  // namespace grainfield
