# SPDX-License-Identifier: MIT
# tests/fuzz/loader_fuzz.cpp is the libFuzzer target loader_fuzz. libFuzzer is clang's and wants
# everything instrumented, so the targets have a build tree of their own (preset `fuzz`); building
# that tree, and running each target for a short while, are tests of the preset `release`.
# Inputs to start from stand in tests/fuzz/corpus/<target>/.

ring3_sources(fuzz_sources fuzz)
set(fuzz_seconds 10 CACHE STRING "how long ctest runs each fuzz target")
set(fuzz_tree "${PROJECT_BINARY_DIR}/fuzz")

if(RING3_SANITIZE AND NOT RING3_FUZZ)
    return()  # the targets bring their own sanitizers: once is enough
elseif(fuzz_sources AND NOT RING3_FUZZ)
    include(ProcessorCount)
    ProcessorCount(processors)
    add_test(NAME fuzz/configure WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}"
        COMMAND "${CMAKE_COMMAND}" --preset fuzz -B "${fuzz_tree}")
    add_test(NAME fuzz/build
        COMMAND "${CMAKE_COMMAND}" --build "${fuzz_tree}" --target fuzz_targets)
    set_tests_properties(fuzz/configure PROPERTIES FIXTURES_SETUP fuzz_configured LABELS slow)
    set_tests_properties(fuzz/build PROPERTIES LABELS slow TIMEOUT 1800
        PROCESSORS ${processors}  # ninja takes them all: no other test beside it
        FIXTURES_REQUIRED fuzz_configured FIXTURES_SETUP fuzz_built)
    # The tree has the program as well, by another compiler.
    add_test(NAME boot/one_digest COMMAND "${CMAKE_CURRENT_SOURCE_DIR}/boot/one_digest"
        "$<TARGET_FILE:ring3>" "${fuzz_tree}/ring3")
    set_tests_properties(boot/one_digest PROPERTIES LABELS slow TIMEOUT 300
        FIXTURES_REQUIRED fuzz_built)
endif()

if(RING3_FUZZ)
    add_custom_target(fuzz_targets DEPENDS ring3)
endif()
foreach(source ${fuzz_sources})
    get_filename_component(name "${source}" NAME_WE)
    if(RING3_FUZZ)
        add_executable(${name} ${source})
        target_link_libraries(${name} PRIVATE ring3_flags ring3_parts)
        target_link_options(${name} PRIVATE -fsanitize=fuzzer)
        add_dependencies(fuzz_targets ${name})
        continue()
    endif()

    # New finds go to the build tree; an input that crashes is left beside them.
    set(seeds "${CMAKE_CURRENT_SOURCE_DIR}/fuzz/corpus/${name}")
    if(NOT IS_DIRECTORY "${seeds}")
        set(seeds "")
    endif()
    file(MAKE_DIRECTORY "${PROJECT_BINARY_DIR}/fuzz-corpus/${name}")
    add_test(NAME fuzz/${name}
        COMMAND "${fuzz_tree}/tests/${name}" -max_total_time=${fuzz_seconds} -timeout=10
            "-artifact_prefix=${PROJECT_BINARY_DIR}/fuzz-corpus/${name}-"
            "${PROJECT_BINARY_DIR}/fuzz-corpus/${name}" ${seeds})
    math(EXPR timeout "${fuzz_seconds} * 2 + 60")
    set_tests_properties(fuzz/${name} PROPERTIES
        LABELS slow FIXTURES_REQUIRED fuzz_built TIMEOUT ${timeout})
endforeach()
