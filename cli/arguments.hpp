// SPDX-License-Identifier: MIT
// What stands behind a verb: options and words. The one place where a command line is parsed.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "hv/base/errors.hpp"

namespace boost::program_options {
class options_description;
}

namespace ring3 {

class CommandLine final {
public:
    /// How many words a verb takes beside its options; `names` is for messages: "DOMAIN KEY".
    struct Words {
        std::size_t least = 0;
        std::size_t most = 0;
        const char* names = "";
    };
    static constexpr std::size_t any_number = ~std::size_t{0};

    explicit CommandLine(std::string verb);
    ~CommandLine();
    CommandLine(const CommandLine&) = delete;
    CommandLine& operator=(const CommandLine&) = delete;

    /// `name` as "console,c". What is pointed at is set by parse(), and stays as it is when the
    /// option is not given.
    CommandLine& flag(const char* name, bool& value);
    CommandLine& value(const char* name, std::string& value);
    CommandLine& value(const char* name, double& value);
    /// May be given several times.
    CommandLine& values(const char* name, std::vector<std::string>& values);

    /// The words. Throws ConfigError; a shortened option is refused, tomorrow it may mean another.
    std::vector<std::string> parse(std::span<const std::string> arguments, Words words);

private:
    const std::string verb_;
    std::unique_ptr<boost::program_options::options_description> options_;
};

}  // namespace ring3
