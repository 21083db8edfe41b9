#pragma once
#include "tests/emulated_gpu/thrust.hpp"
