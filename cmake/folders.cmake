# SPDX-License-Identifier: MIT
# Finds the folders that hold sources. They become OBJECT libraries, because the linker drops from
# an archive what nobody names, and a policy that registers itself is named by nobody.

# Sets ${out} to the .cpp files below the given folders of this directory, sorted.
function(ring3_sources out)
    list(TRANSFORM ARGN APPEND "/*.cpp" OUTPUT_VARIABLE patterns)
    file(GLOB_RECURSE found CONFIGURE_DEPENDS
        RELATIVE "${CMAKE_CURRENT_SOURCE_DIR}" ${patterns})
    list(SORT found)
    set(${out} "${found}" PARENT_SCOPE)
endfunction()

# Sets ${out} to the folders of the given files, and sources_of_<folder> to the files of each.
macro(ring3_group_by_folder out)
    set(${out} "")
    foreach(source ${ARGN})
        get_filename_component(folder "${source}" DIRECTORY)
        list(APPEND ${out} "${folder}")
        list(APPEND sources_of_${folder} "${source}")
    endforeach()
    list(REMOVE_DUPLICATES ${out})
endmacro()

# Makes an OBJECT library of each folder below the given ones, and links its objects into ${into}.
function(ring3_folders into)
    ring3_sources(sources ${ARGN})
    list(REMOVE_ITEM sources cli/main.cpp)
    ring3_group_by_folder(folders ${sources})
    foreach(folder ${folders})
        string(REPLACE "/" "_" name "${folder}")
        add_library(${name} OBJECT ${sources_of_${folder}})
        target_link_libraries(${name} PRIVATE ring3_flags ring3_packages)
        target_sources(${into} INTERFACE $<TARGET_OBJECTS:${name}>)
    endforeach()
endfunction()
