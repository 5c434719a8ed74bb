# SPDX-License-Identifier: MIT
# The one place for language, warnings, optimisation, hardening and sanitizers.

set(RING3_SANITIZE "" CACHE STRING "sanitizers for every object, e.g. address,undefined")
option(RING3_FUZZ "instrument for libFuzzer, and build tests/fuzz instead of tests" OFF)

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)

if(NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE Release CACHE STRING "Release or Debug" FORCE)
endif()
# -g1 keeps function names and lines for a backtrace, at a quarter of the size and link time of full
# debug information. NDEBUG stays away: asserts of the libraries guard our use of them.
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1")
set(CMAKE_CXX_FLAGS_DEBUG "-Og -g")

add_library(ring3_flags INTERFACE)
target_include_directories(ring3_flags INTERFACE
    "${PROJECT_SOURCE_DIR}" "${PROJECT_BINARY_DIR}/generated")
target_compile_options(ring3_flags INTERFACE
    -Wall -Wextra -Wshadow -Wconversion
    # __FILE__ and debug lines name files from the repository's root, whatever the machine.
    "-ffile-prefix-map=${PROJECT_SOURCE_DIR}/="
    # PIE and not PIC: functions of other files cannot be interposed, so calls stay direct.
    -fPIE -fstack-protector-strong -fstack-clash-protection
    # No IBT or shadow-stack marks: emitted code has no ENDBR64, and chained blocks leave by jumps
    # that a shadow stack would refuse.
    -fcf-protection=none)
target_compile_definitions(ring3_flags INTERFACE _GLIBCXX_ASSERTIONS)
target_link_options(ring3_flags INTERFACE -pie -Wl,-z,relro,-z,now,-z,noexecstack
    # Names what one build keeps on disk (hv/base/build_id.hpp).
    -Wl,--build-id=sha1)

# g++ is the compiler whose warnings count; clang's differ and come on top only when fuzzing.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(ring3_flags INTERFACE -Werror)
endif()

if(RING3_FUZZ)
    set(RING3_SANITIZE "fuzzer-no-link,address")
endif()
set(is_fortified false)
if(RING3_SANITIZE)
    # A finding ends the run: a message in a log nobody reads is none.
    target_compile_options(ring3_flags INTERFACE
        "-fsanitize=${RING3_SANITIZE}" -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(ring3_flags INTERFACE "-fsanitize=${RING3_SANITIZE}")
elseif(CMAKE_BUILD_TYPE STREQUAL "Release")
    set(is_fortified true)
    # Not beside AddressSanitizer, whose interceptors do not know the checked variants.
    target_compile_options(ring3_flags INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
endif()
