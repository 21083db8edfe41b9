// GF_HD marks a function that runs on the host and on the device; it is empty for a plain C++ compiler.
#pragma once

#if defined(__CUDACC__)
#define GF_HD __host__ __device__
#else
#define GF_HD
#endif
