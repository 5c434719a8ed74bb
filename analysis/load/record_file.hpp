// SPDX-License-Identifier: MIT
// One HDF5 file of a record, opened for reading. What is wrong with it is a ConfigError that names
// the file and the object; no H5::Exception (which is no std::exception) leaves this class.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "analysis/load/campaign.hpp"

namespace ring3::analysis {

class RecordFile final {
public:
    /// `format` is what its attribute of that name must say.
    RecordFile(const std::filesystem::path& path, const char* format);
    ~RecordFile();
    RecordFile(const RecordFile&) = delete;
    RecordFile& operator=(const RecordFile&) = delete;

    bool has(const std::string& object) const;
    /// Numbers as text.
    std::map<std::string, std::string> attributes(const std::string& object) const;
    /// The text that a scalar dataset holds.
    std::string text(const std::string& object) const;
    /// A dataset of bytes.
    std::string bytes(const std::string& object) const;
    /// The names in a group, sorted.
    std::vector<std::string> names(const std::string& group) const;
    /// The rows of a table, by the names of its columns; it may have more of them.
    template <typename Row>
    std::vector<Row> rows(const std::string& object,
                          std::span<const record::Column> columns) const {
        std::vector<Row> rows(count(object));
        read(object, columns, sizeof(Row), rows.data());
        return rows;
    }
    /// The first rows of a table of any columns.
    Columns table(const std::string& object, std::size_t most_rows) const;

private:
    struct Open;

    std::size_t count(const std::string& object) const;
    void read(const std::string& object, std::span<const record::Column> columns,
              std::size_t row_size, void* rows) const;

    std::unique_ptr<Open> open_;
};

}  // namespace ring3::analysis
