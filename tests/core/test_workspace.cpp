// The arena of scratch memory.
#include "host/workspace.hpp"

#include <gtest/gtest.h>

#include <cstdint>

namespace grainfield {
namespace {

TEST(Workspace, PiecesAreAlignedAndApart) {
  Workspace scratch(Exec{});
  const Span<double> a = scratch.take<double>(3, "a");
  const Span<int32_t> b = scratch.take<int32_t>(1'000'000, "b");  // larger than the first block
  const Span<double> c = scratch.take<double>(5, "c");
  for (auto* p : {static_cast<void*>(a.data), static_cast<void*>(b.data), static_cast<void*>(c.data)})
    EXPECT_EQ(reinterpret_cast<uintptr_t>(p) % 64, 0u);
  for (double& v : a) v = 1.5;
  for (int32_t& v : b) v = 7;
  for (double& v : c) v = 2.5;
  for (const double v : a) EXPECT_EQ(v, 1.5);
  for (const int32_t v : b) ASSERT_EQ(v, 7);
}

TEST(Workspace, ResetKeepsTheMemoryAsOneBlock) {
  Workspace scratch(Exec{});
  const auto fill = [&] {
    const void* first = scratch.take<double>(100'000, "first").data;
    scratch.take<double>(200'000, "second");
    return first;
  };
  fill();
  scratch.reset();
  const int64_t held = memory_use(Processor::cpu).now;
  const void* once = fill();
  EXPECT_EQ(memory_use(Processor::cpu).now, held);  // nothing new from the second slab on
  scratch.reset();
  EXPECT_EQ(fill(), once);
}

TEST(Workspace, RefusesSizesThatOverflow) {
  Workspace scratch(Exec{});
  EXPECT_THROW(scratch.take<double>(std::numeric_limits<int64_t>::max() / 4, "too much"), ResourceError);
  EXPECT_EQ(scratch.take<double>(0, "nothing").size, 0);
}

}  // namespace
}  // namespace grainfield
