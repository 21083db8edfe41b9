// Choice of the processor. Holds on machines with and without a GPU.
#include <gtest/gtest.h>

#include "host/devices.hpp"
#include "host/error.hpp"

namespace {

using namespace grainfield;

TEST(Devices, CpuAlwaysWorks) {
  const Exec exec = choose_device("cpu", 3);
  EXPECT_FALSE(exec.on_gpu());
  EXPECT_EQ(exec.threads, 3);
  EXPECT_EQ(choose_device("cpu", 0).threads, available_threads());
  EXPECT_GE(available_threads(), 1);
}

TEST(Devices, AutoFallsBackToTheCpuAndSaysWhy) {
  std::string why = "old";
  const Exec exec = choose_device("auto", 1, &why);
  if (exec.on_gpu()) {
    EXPECT_EQ(why, "");
    EXPECT_EQ(why_no_gpu(), "");
    EXPECT_TRUE(choose_device("cuda", 1).on_gpu());
  } else {
    // A build for the CPU alone does what is expected of it, and says nothing.
    const bool cpu_only = why_no_gpu() == "this build has no CUDA backend";
    EXPECT_EQ(why, cpu_only ? "" : "running on the CPU: " + why_no_gpu());
    EXPECT_EQ(why.find('\n'), std::string::npos);
    EXPECT_NE(why_no_gpu(), "");
  }
  EXPECT_NO_THROW(choose_device("auto", 1));
}

TEST(Devices, AGpuThatIsNotThereIsAResourceErrorWithAMend) {
  for (const std::string spec : {"cuda:99", "cuda"}) {
    if (spec == "cuda" && why_no_gpu().empty()) continue;
    try {
      choose_device(spec, 1);
      FAIL() << spec;
    } catch (const ResourceError& error) {
      const std::string message = error.what();
      EXPECT_NE(message.find("--device " + spec), std::string::npos) << message;
      EXPECT_NE(message.find("use --device cpu"), std::string::npos) << message;
    }
  }
}

TEST(Devices, OtherWordsAreUsageErrors) {
  for (const char* spec : {"", "gpu", "cuda:", "cuda:x", "cuda:-1", "cuda:1x", "cudax", "CPU"})
    EXPECT_THROW(choose_device(spec, 1), UsageError) << spec;
  EXPECT_THROW(choose_device("cpu", -1), UsageError);
}

TEST(Devices, EveryListedDeviceIsUsableOrSaysWhyNot) {
  for (const DeviceInfo& device : list_devices()) {
    EXPECT_FALSE(device.name.empty());
    EXPECT_TRUE(!device.unusable.empty() || device.memory > 0);
    EXPECT_LE(device.free_memory, device.memory);
  }
}

}  // namespace
