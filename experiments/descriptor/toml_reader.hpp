// SPDX-License-Identifier: MIT
// Reads tables of a TOML file key by key, and goes on after an error, so that a user hears of all
// of them at once. Keys that nobody asked for are errors too. The one place that knows toml++ here.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "experiments/descriptor/descriptor.hpp"

namespace ring3::experiment {

/// What is wrong with a file, in the order of its lines.
class Errors {
public:
    explicit Errors(std::string path) : path_(std::move(path)) {}

    void add(unsigned line, unsigned column, const std::string& message);
    /// Where no place is known, as with --set: `origin` stands in front.
    void add(const std::string& origin, const std::string& message);
    bool empty() const { return found_.empty(); }
    /// Throws ConfigError if there is any.
    void raise() const;

private:
    struct Found {
        unsigned line, column;
        std::string text;
    };
    std::string path_;
    std::vector<Found> found_;
};

/// One table of the file. Absent tables read as empty ones.
class TableReader {
public:
    /// A value that may be anything, as TOML writes it; texts without quotes.
    struct Any {
        std::vector<std::string> values;  ///< several if it is an array
        bool is_array = false;
    };

    ~TableReader();
    TableReader(TableReader&&) noexcept;

    std::string text(std::string_view key, std::string_view otherwise);
    /// An error if it is not there or empty.
    std::string required_text(std::string_view key);
    std::string choice(std::string_view key, std::string_view otherwise,
                       const std::vector<std::string>& allowed);
    std::uint64_t integer(std::string_view key, std::uint64_t otherwise, std::uint64_t least,
                          std::uint64_t most);
    double number(std::string_view key, double otherwise, double least, double most);
    /// False where it is not there.
    bool flag(std::string_view key);
    std::vector<std::string> texts(std::string_view key, std::vector<std::string> otherwise);
    std::vector<std::uint64_t> integers(std::string_view key, std::vector<std::uint64_t> otherwise);
    std::optional<Any> any(std::string_view key);

    bool has(std::string_view key) const;
    TableReader table(std::string_view key);
    /// The tables of an array of tables.
    std::vector<TableReader> tables(std::string_view key);
    /// All keys that are there, in the order of the file.
    std::vector<std::string> keys() const;

    /// An error at the place of `key`, or of the table.
    void fail(std::string_view key, const std::string& message);
    /// After all that is known was asked for: an error for every other key.
    void reject_unknown(const std::vector<std::string>& others = {});

private:
    friend class FileReader;
    struct State;
    explicit TableReader(std::unique_ptr<State> state);

    std::unique_ptr<State> state_;
};

/// The whole file, with settings on top.
class FileReader {
public:
    /// Syntax errors and bad settings go to `errors`; `effective` gets what is read.
    FileReader(std::string_view text, const std::vector<std::string>& settings, Errors& errors,
               std::vector<Effective>& effective);
    ~FileReader();

    TableReader root();

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace ring3::experiment
