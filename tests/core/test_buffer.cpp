// Owned arrays: growth, moves, counts of bytes, and failure with a message.
#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <numeric>

#include "host/buffer.hpp"

namespace {

using namespace grainfield;

const Exec host{};

TEST(Buffer, UploadsAndDownloads) {
  std::vector<int32_t> values(1000);
  std::iota(values.begin(), values.end(), -5);
  Buffer<int32_t> buffer(host);
  buffer.upload(values);
  EXPECT_EQ(buffer.size(), 1000);
  EXPECT_EQ(buffer.to_vector(), values);
  EXPECT_EQ(buffer.element(999), 994);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer.data()) % 64, 0u);
  buffer.zero();
  EXPECT_EQ(buffer.to_vector(), std::vector<int32_t>(1000, 0));
  buffer.upload({});
  EXPECT_EQ(buffer.size(), 0);
  EXPECT_TRUE(buffer.to_vector().empty());
}

TEST(Buffer, KeepsItsCapacityAndCountsItsBytes) {
  const int64_t before = memory_use(Processor::cpu).now;
  {
    Buffer<double> buffer(host, 1000);
    EXPECT_EQ(memory_use(Processor::cpu).now - before, 8000);
    double* const data = buffer.data();
    buffer.resize(10);
    buffer.resize(1000);
    EXPECT_EQ(buffer.data(), data);
    EXPECT_EQ(memory_use(Processor::cpu).now - before, 8000);
    reset_peak_memory(Processor::cpu);
    buffer.resize(2000);
    EXPECT_EQ(memory_use(Processor::cpu).now - before, 16000);
    EXPECT_EQ(memory_use(Processor::cpu).peak - before, 16000);  // the old memory goes first
    Buffer<double> moved(std::move(buffer));
    EXPECT_EQ(buffer.size(), 0);
    EXPECT_EQ(buffer.data(), nullptr);
    EXPECT_EQ(moved.size(), 2000);
    EXPECT_EQ(memory_use(Processor::cpu).now - before, 16000);
    Buffer<double> target(host, 50);
    target = std::move(moved);
    EXPECT_EQ(target.size(), 2000);
    EXPECT_EQ(memory_use(Processor::cpu).now - before, 16000);
    target.release();
    EXPECT_EQ(memory_use(Processor::cpu).now - before, 0);
  }
  EXPECT_EQ(memory_use(Processor::cpu).now, before);
}

// The message of the ResourceError that f throws.
template <class F>
std::string failure(const F& f) {
  try {
    f();
  } catch (const ResourceError& error) {
    return error.what();
  }
  return "no ResourceError";
}

TEST(Buffer, SizesThatNoMachineHasAreResourceErrors) {
  const int64_t before = memory_use(Processor::cpu).now;
  Buffer<double> buffer(host, 100);
  const std::string overflow =
      failure([&] { buffer.resize(std::numeric_limits<int64_t>::max() / 4, "the moon"); });
  EXPECT_NE(overflow.find("the moon"), std::string::npos) << overflow;
  EXPECT_NE(overflow.find("overflows"), std::string::npos) << overflow;
  EXPECT_EQ(buffer.size(), 100);  // untouched: the size was refused before anything was freed
  EXPECT_EQ(memory_use(Processor::cpu).now, before + 800);
  // Sanitizers end the process where an allocation fails.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  const std::string too_large = failure([&] { buffer.resize(int64_t{1} << 57, "the sea"); });
  EXPECT_NE(too_large.find("cannot allocate 1152921504606846976 bytes"), std::string::npos) << too_large;
  EXPECT_NE(too_large.find("the sea"), std::string::npos) << too_large;
  EXPECT_NE(too_large.find("--memory"), std::string::npos) << too_large;
  EXPECT_EQ(memory_use(Processor::cpu).now, before);
  EXPECT_EQ(buffer.size(), 0);  // empty and usable
#endif
  buffer.resize(7);
  EXPECT_EQ(buffer.size(), 7);
}

TEST(Memory, OfTheMachineAndTheProcess) {
  EXPECT_GT(available_host_bytes(), int64_t{1} << 20);
  EXPECT_GT(peak_resident_bytes(), int64_t{1} << 20);
}

TEST(Buffer, LargeArraysAreAlignedToHugePages) {
  Buffer<char> buffer(host, 9 << 20);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer.data()) % (2 << 20), 0u);
  buffer.data()[0] = 1;
  buffer.data()[(9 << 20) - 1] = 2;
  EXPECT_EQ(buffer.element((9 << 20) - 1), 2);
}

}  // namespace
