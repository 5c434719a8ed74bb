# SPDX-License-Identifier: MIT
# Builds the cost models of hv/clock/costs into the program: generated/cost_models.hpp.

file(GLOB models CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/hv/clock/costs/*.toml")
list(SORT models)
set(cost_model_entries "")
foreach(model ${models})
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${model}")
    get_filename_component(name "${model}" NAME_WLE)
    file(READ "${model}" text)
    string(APPEND cost_model_entries "    {\"${name}\", R\"toml(${text})toml\"},\n")
endforeach()
configure_file(cmake/cost_models.hpp.in generated/cost_models.hpp @ONLY)
