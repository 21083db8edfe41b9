# Compiler settings, dependencies, and add_quantity().

set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
find_program(GRAINFIELD_CCACHE ccache)
if(GRAINFIELD_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${GRAINFIELD_CCACHE})
endif()
# Beside every object: what its kernels take of the processor, for tools/gen/kernel_resources.
set(CMAKE_CUDA_COMPILER_LAUNCHER ${CMAKE_CURRENT_LIST_DIR}/keep_resources.sh ${CMAKE_CXX_COMPILER_LAUNCHER})

if(GRAINFIELD_CUDA)
  # sm_90 machine code for Hopper; compute_80 PTX for every other GPU since Ampere.
  if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
    set(CMAKE_CUDA_ARCHITECTURES "90-real;80-virtual")
  endif()
  enable_language(CUDA)
  # Programs find the libraries of a bundle (bench/make_bundle.sh) beside them, and so do these libraries: RPATH,
  # because RUNPATH does not pass on.
  set(CMAKE_BUILD_RPATH "$ORIGIN/../lib")
  add_link_options(-Wl,--disable-new-dtags)
  find_package(CUDAToolkit 12.0 REQUIRED)
endif()

find_package(Threads REQUIRED)
find_package(OpenMP COMPONENTS CXX)
find_package(fmt REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
find_package(ZLIB REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(GRAINFIELD_ZSTD REQUIRED IMPORTED_TARGET libzstd)
set(HDF5_PREFER_PARALLEL OFF)
find_package(HDF5 REQUIRED COMPONENTS C)
find_path(FAST_FLOAT_INCLUDE fast_float/fast_float.h REQUIRED)
# Voro++, a peer: tests, benchmarks and `grainfield bench --peers` compare with it where it is installed.
find_path(VOROPP_INCLUDE voro++/voro++.hh)
find_library(VOROPP_LIBRARY voro++)

# Settings shared by the library, the command, the tests and the benchmarks.
add_library(grainfield_settings INTERFACE)
target_compile_features(grainfield_settings INTERFACE cxx_std_20)
# -Wrestrict: GCC 12 sees overlaps in "a" + std::string that are not there (GCC bug 105651).
set(GRAINFIELD_WARNINGS -Wall -Wextra -Wno-restrict $<$<BOOL:${GRAINFIELD_WERROR}>:-Werror>)
target_compile_options(grainfield_settings INTERFACE $<$<COMPILE_LANGUAGE:CXX>:${GRAINFIELD_WARNINGS}>)
if(CMAKE_UNITY_BUILD)  # there, what a source keeps to itself seems to come from a header
  target_compile_options(grainfield_settings INTERFACE -Wno-subobject-linkage)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")  # collects garbage later: a tenth less time, a tenth more memory
  target_compile_options(grainfield_settings INTERFACE
    "$<$<COMPILE_LANGUAGE:CXX>:SHELL:--param ggc-min-heapsize=1048576 --param ggc-min-expand=1000>")
endif()
if(GRAINFIELD_CUDA)
  # CMake 3.25 does not know nvcc 13's C++20 mode: ask for it in words.
  # fmt 9 gives up constexpr under nvcc, which its C++20 parts then lack: tell it that nvcc has it.
  target_compile_options(grainfield_settings INTERFACE
    $<$<COMPILE_LANGUAGE:CUDA>:-std=c++20 -DFMT_CONSTEVAL= -DFMT_USE_CONSTEXPR=1 -Xcompiler=-Wall$<COMMA>-Wno-unknown-pragmas -lineinfo -Xptxas=-v>)
endif()
if(GRAINFIELD_SANITIZE STREQUAL "address")
  # Left out are the checks at every access to memory, which double the time to build: null pointers are seen by the
  # address sanitizer all the same, alignment and dynamic types are not.
  set(flags -fsanitize=address,undefined -fno-sanitize=null,alignment,object-size,vptr -fno-sanitize-recover=all
    -fno-omit-frame-pointer)
  # GCC 12 takes the checks inside <regex> for uses of uninitialised values.
  target_compile_options(grainfield_settings INTERFACE -Wno-maybe-uninitialized)
elseif(GRAINFIELD_SANITIZE STREQUAL "thread")
  set(flags -fsanitize=thread -fno-omit-frame-pointer)
  # ThreadSanitizer cannot see the synchronisation inside libgomp: use std::thread there.
  target_compile_definitions(grainfield_settings INTERFACE GF_USE_STD_THREADS)
elseif(GRAINFIELD_SANITIZE)
  message(FATAL_ERROR "GRAINFIELD_SANITIZE is '${GRAINFIELD_SANITIZE}': expected address, thread or nothing")
endif()
target_compile_options(grainfield_settings INTERFACE ${flags})
target_link_options(grainfield_settings INTERFACE ${flags})

function(grainfield_configure target)
  target_include_directories(${target} PUBLIC
    $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/grainfield>)
  target_include_directories(${target} PRIVATE ${CMAKE_BINARY_DIR}/generated)
  target_include_directories(${target} SYSTEM PRIVATE ${HDF5_INCLUDE_DIRS} ${FAST_FLOAT_INCLUDE})
  target_compile_features(${target} PUBLIC cxx_std_20)
  target_link_libraries(${target} PRIVATE $<BUILD_INTERFACE:grainfield_settings>)
  target_link_libraries(${target} PUBLIC Threads::Threads fmt::fmt
    PRIVATE OpenSSL::Crypto ZLIB::ZLIB PkgConfig::GRAINFIELD_ZSTD hdf5::hdf5 ${CMAKE_DL_LIBS}
      $<BUILD_INTERFACE:nlohmann_json::nlohmann_json>)
  if(OpenMP_CXX_FOUND AND NOT GRAINFIELD_SANITIZE STREQUAL "thread")
    # Only C++ sources get -fopenmp; nvcc passes it to its host compiler.
    target_compile_options(${target} PUBLIC $<$<COMPILE_LANGUAGE:CXX>:${OpenMP_CXX_FLAGS}>
                                            $<$<COMPILE_LANGUAGE:CUDA>:-Xcompiler=${OpenMP_CXX_FLAGS}>)
    target_link_libraries(${target} PUBLIC OpenMP::OpenMP_CXX)
  endif()
  if(GRAINFIELD_CUDA)
    # cuBLAS is loaded when needed (host/dense.cu): the same binary runs where it is not installed. C++ sources are
    # compiled as without CUDA, so that a build folder can change over to it and keep their objects.
    target_link_libraries(${target} PUBLIC $<LINK_ONLY:CUDA::cudart_static> PRIVATE ${CMAKE_DL_LIBS})
  elseif(GRAINFIELD_EMULATED_GPU)
    target_link_libraries(${target} PUBLIC $<BUILD_INTERFACE:emulated_gpu>)
  endif()
endfunction()

# Parses these headers once for all sources of a target; left out with ccache, which keeps whole objects instead, and
# where few large sources are made of many (CMAKE_UNITY_BUILD).
function(grainfield_precompile target)
  if(NOT GRAINFIELD_CCACHE AND NOT CMAKE_UNITY_BUILD)
    target_precompile_headers(${target} PRIVATE ${ARGN})
  endif()
endfunction()

# The presets of the sanitizers build without optimization, which takes less time; what computes for long gets some.
function(grainfield_optimize_sanitized)
  if(GRAINFIELD_SANITIZE)
    set_property(SOURCE ${ARGN} TARGET_DIRECTORY grainfield APPEND PROPERTY COMPILE_OPTIONS -O1)
  endif()
endfunction()

# What a .cu file is: CUDA in a CUDA build, plain C++ otherwise; with the emulated GPU, C++ that takes it for a GPU.
function(grainfield_cu_language)
  if(NOT GRAINFIELD_CUDA)
    set_source_files_properties(${ARGN} PROPERTIES LANGUAGE CXX)
  endif()
  if(GRAINFIELD_EMULATED_GPU)
    set_source_files_properties(${ARGN} PROPERTIES SKIP_PRECOMPILE_HEADERS ON
      COMPILE_DEFINITIONS "__CUDACC__;__host__=;__device__=;__global__=;__shared__="
      INCLUDE_DIRECTORIES ${CMAKE_SOURCE_DIR}/tests/emulated_gpu/include)
  endif()
endfunction()

# Adds .cu files to the library.
function(grainfield_cu_sources)
  grainfield_cu_language(${ARGN} TARGET_DIRECTORY grainfield)
  grainfield_cu_language(${ARGN})
  target_sources(grainfield PRIVATE ${ARGN})
endfunction()

# add_quantity(density/number_density): a quantity is its header, its launcher, its reference and its test.
# Its header comes to host/registry.cpp by way of generated/quantities.hpp.
function(add_quantity path)
  get_filename_component(name ${path} NAME)
  foreach(file IN ITEMS kernels/${path}.hpp kernels/${path}.cu tests/reference/${name}_ref.hpp
                        tests/kernels/test_${name}.cpp)
    if(NOT EXISTS ${CMAKE_SOURCE_DIR}/${file})
      message(FATAL_ERROR "add_quantity(${path}): ${file} is missing. A quantity is four files: "
        "kernels/${path}.hpp (formula and kernel), kernels/${path}.cu (launcher and registration), "
        "tests/reference/${name}_ref.hpp (slow, obvious reference), tests/kernels/test_${name}.cpp; see CONTRIBUTING.md.")
    endif()
  endforeach()
  file(READ ${CMAKE_SOURCE_DIR}/host/registry.cpp registry)
  if(NOT registry MATCHES "${name}_entry\\(\\)")
    message(FATAL_ERROR "add_quantity(${path}): host/registry.cpp does not list ${name}_entry(); see CONTRIBUTING.md.")
  endif()
  grainfield_cu_sources(${CMAKE_SOURCE_DIR}/kernels/${path}.cu)
  set_property(GLOBAL APPEND_STRING PROPERTY GRAINFIELD_QUANTITIES "#include \"kernels/${path}.hpp\"\n")
endfunction()

# After the last add_quantity().
function(write_quantities_header)
  get_property(includes GLOBAL PROPERTY GRAINFIELD_QUANTITIES)
  file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/generated/quantities.hpp
    CONTENT "// Made from kernels/CMakeLists.txt.\n#pragma once\n\n${includes}" @ONLY)
endfunction()
