# SPDX-License-Identifier: MIT
# One source per header, which includes it twice: a header must bring what it uses, and bear being
# included again. Not optimised, since nothing of it runs.

file(GLOB_RECURSE headers CONFIGURE_DEPENDS RELATIVE "${PROJECT_SOURCE_DIR}"
    "${PROJECT_SOURCE_DIR}/hv/*.hpp" "${PROJECT_SOURCE_DIR}/cli/*.hpp"
    "${PROJECT_SOURCE_DIR}/workloads/*.hpp" "${PROJECT_SOURCE_DIR}/experiments/*.hpp"
    "${PROJECT_SOURCE_DIR}/analysis/*.hpp" "${PROJECT_SOURCE_DIR}/tests/*.hpp")
set(header_sources "")
foreach(header ${headers})
    set(header_source "${CMAKE_CURRENT_BINARY_DIR}/headers/${header}.cpp")
    file(CONFIGURE OUTPUT "${header_source}"
        CONTENT "#include \"@header@\"\n#include \"@header@\"\n" @ONLY)
    list(APPEND header_sources "${header_source}")
endforeach()

add_library(headers_alone OBJECT ${header_sources})
target_link_libraries(headers_alone PRIVATE ring3_flags ring3_packages GTest::gmock)
target_compile_options(headers_alone PRIVATE -O0 -g0 -U_FORTIFY_SOURCE)
