// SPDX-License-Identifier: MIT
// An HDF5 file that is written once, in a fixed order, without times: the same content gives the
// same bytes. It has its name only when it is whole and on the disk.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/load/layout.hpp"

namespace ring3::record {

class Hdf5File final {
public:
    /// Throws EnvironmentError, as all of these do when the host fails.
    Hdf5File(const std::filesystem::path& path, std::string_view format,
             std::string_view descriptor_sha256);
    Hdf5File(const Hdf5File&) = delete;
    Hdf5File& operator=(const Hdf5File&) = delete;
    /// What was not committed is removed.
    ~Hdf5File();

    /// "/meta": those above it must exist.
    void group(const std::string& path);
    void attribute(const std::string& object, const std::string& name, std::string_view value);
    void attribute(const std::string& object, const std::string& name, std::uint64_t value);
    /// A text as a dataset of its own.
    void text(const std::string& path, std::string_view value);
    void bytes(const std::string& path, std::string_view value);
    /// By the HDF5 Table Specification.
    template <class Row>
    void table(const std::string& path, const std::string& title, std::span<const Column> columns,
               const std::vector<Row>& rows) {
        write_table(path, title, columns, rows.data(), rows.size(), sizeof(Row));
    }
    /// A link to the root of another file, whose path is relative to this one's.
    void link(const std::string& path, const std::string& file);

    /// Closes it, waits for the disk and gives it its name.
    void commit();
    /// The same without the wait, for what can be made again.
    void close();

private:
    void write_table(const std::string& path, const std::string& title,
                     std::span<const Column> columns, const void* rows, std::size_t count,
                     std::size_t row_size);
    struct Open;

    std::filesystem::path path_, unfinished_;
    std::unique_ptr<Open> open_;
};

}  // namespace ring3::record
