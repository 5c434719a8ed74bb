// SPDX-License-Identifier: MIT
// A file of a test in a folder of its own, both gone with the object.
#pragma once

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <cstdlib>

#include "hv/base/check.hpp"

namespace ring3 {

class TemporaryFile {
public:
    explicit TemporaryFile(std::size_t bytes, char fill = 0) {
        std::string pattern = std::filesystem::temp_directory_path() / "ring3-test-XXXXXX";
        HV_CHECK(::mkdtemp(pattern.data()) != nullptr, "no folder for a test's file");
        folder_ = pattern;
        write(std::string(bytes, fill));
    }
    ~TemporaryFile() { std::filesystem::remove_all(folder_); }
    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;

    std::string path() const { return folder_ / "disk"; }
    std::string folder() const { return folder_; }
    std::string beside(const std::string& name) const { return folder_ / name; }
    void write(const std::string& bytes) { std::ofstream(path(), std::ios::binary) << bytes; }
    std::string read() const {
        std::ifstream file(path(), std::ios::binary);
        return {std::istreambuf_iterator<char>(file), {}};
    }

private:
    std::filesystem::path folder_;
};

}  // namespace ring3
