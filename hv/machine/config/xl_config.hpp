// SPDX-License-Identifier: MIT
// A config in the syntax of xl.cfg(5), read by Xen's own parser, with values from the command line
// on top, and with the place of each setting for messages.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hv/machine/config/xl_settings.hpp"

struct XLU_Config;

namespace ring3 {

class XlConfig final {
public:
    /// `overrides` are "key=value", as xl takes them behind the config's name: they win over the
    /// text. A value need not be quoted. ConfigError for what Xen's parser refuses, for a key that
    /// is set twice in the text, and for Python.
    XlConfig(std::string path, std::string text, std::span<const std::string> overrides);
    ~XlConfig();
    XlConfig(const XlConfig&) = delete;
    XlConfig& operator=(const XlConfig&) = delete;

    const std::string& path() const { return path_; }
    const std::vector<XlSetting>& settings() const { return settings_; }

    bool has(const std::string& key) const;
    /// The value of a key that takes one string or number. ConfigError if it is a list.
    std::optional<std::string> string(const std::string& key) const;
    /// The value of a key that takes a number between the two; `unit` is for the message.
    std::optional<std::uint64_t> number(const std::string& key, std::uint64_t least,
                                        std::uint64_t most, std::string_view unit) const;
    /// The value of a key that takes a list of strings; "" stands for an empty one. ConfigError for
    /// anything else.
    std::optional<std::vector<std::string>> list(const std::string& key) const;
    bool is_list(const std::string& key) const;
    /// One of the strings of a key that takes numbers: as number().
    std::uint64_t number_in(const std::string& key, const std::string& text, std::uint64_t least,
                            std::uint64_t most, std::string_view unit) const;

    /// "FILE:LINE" where the key got its value, or "command line".
    std::string place_of(const std::string& key) const;
    std::string place_of(const XlSetting& setting) const;
    /// The ConfigError "PLACE: key: what".
    [[noreturn]] void refuse(const std::string& key, std::string_view what) const;

private:
    class Report;
    struct Free {
        void operator()(XLU_Config* config) const;
    };
    void parse();
    void refuse_duplicates() const;
    [[noreturn]] void explain(const std::string& report) const;
    std::string place(unsigned line) const;
    std::string_view line_of_text(unsigned line) const;

    std::string path_;
    std::string text_;             // of the file, then a line for each override
    unsigned first_override_ = 0;  // its line
    std::vector<XlSetting> settings_;
    std::unique_ptr<Report> report_;  // outlives config_, which writes to it
    std::unique_ptr<XLU_Config, Free> config_;
};

}  // namespace ring3
