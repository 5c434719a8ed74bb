# SPDX-License-Identifier: MIT
# The third-party libraries, all of them Debian packages named in packages.txt.
# Which folder may use which one: tests/repo/layering.

find_package(Threads REQUIRED)
find_package(zydis REQUIRED)
find_package(asmjit REQUIRED)
find_package(fmt REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(Boost REQUIRED COMPONENTS program_options iostreams filesystem)
find_package(Eigen3 REQUIRED NO_MODULE)
find_package(HDF5 1.10 REQUIRED COMPONENTS CXX HL)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
find_package(LibArchive REQUIRED)
find_package(ZLIB REQUIRED)
find_package(BZip2 REQUIRED)
find_package(LibLZMA REQUIRED)
find_library(LZ4_LIBRARY lz4 REQUIRED)
find_library(ZSTD_LIBRARY zstd REQUIRED)
find_library(SLIRP_LIBRARY slirp REQUIRED)
find_library(PCAP_LIBRARY pcap REQUIRED)
find_library(XLUTIL_LIBRARY xlutil REQUIRED)
find_library(XENLIGHT_LIBRARY xenlight REQUIRED)
find_library(URING_LIBRARY uring REQUIRED)
find_library(XXHASH_LIBRARY xxhash REQUIRED)
find_package(GTest REQUIRED)
find_package(benchmark REQUIRED)

add_library(ring3_packages INTERFACE)
target_link_libraries(ring3_packages INTERFACE
    Threads::Threads ${CMAKE_DL_LIBS}
    Zydis::Zydis asmjit::asmjit fmt::fmt nlohmann_json::nlohmann_json Boost::program_options
    Boost::iostreams Boost::filesystem Eigen3::Eigen ${HDF5_CXX_LIBRARIES} ${HDF5_HL_LIBRARIES}
    OpenSSL::Crypto LibArchive::LibArchive
    ZLIB::ZLIB BZip2::BZip2 LibLZMA::LibLZMA ${LZ4_LIBRARY} ${ZSTD_LIBRARY} ${XLUTIL_LIBRARY}
    ${XENLIGHT_LIBRARY} ${URING_LIBRARY} ${SLIRP_LIBRARY} ${PCAP_LIBRARY} ${XXHASH_LIBRARY})
target_include_directories(ring3_packages SYSTEM INTERFACE ${HDF5_CXX_INCLUDE_DIRS})
