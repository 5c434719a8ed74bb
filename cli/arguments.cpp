// SPDX-License-Identifier: MIT
#include "cli/arguments.hpp"

#include <fmt/format.h>
#include <boost/program_options.hpp>

namespace ring3 {

namespace po = boost::program_options;

CommandLine::CommandLine(std::string verb)
    : verb_(std::move(verb)), options_(std::make_unique<po::options_description>()) {}

CommandLine::~CommandLine() = default;

CommandLine& CommandLine::flag(const char* name, bool& value) {
    options_->add_options()(name, po::bool_switch(&value));
    return *this;
}

CommandLine& CommandLine::value(const char* name, std::string& value) {
    options_->add_options()(name, po::value(&value));
    return *this;
}

CommandLine& CommandLine::value(const char* name, double& value) {
    options_->add_options()(name, po::value(&value));
    return *this;
}

CommandLine& CommandLine::values(const char* name, std::vector<std::string>& values) {
    options_->add_options()(name, po::value(&values)->composing());
    return *this;
}

std::vector<std::string> CommandLine::parse(std::span<const std::string> arguments, Words wanted) {
    std::vector<std::string> words;
    options_->add_options()("<words>", po::value(&words));
    namespace style = po::command_line_style;
    po::variables_map values;
    try {
        po::store(po::command_line_parser{{arguments.begin(), arguments.end()}}
                      .options(*options_)
                      .style(style::unix_style & ~style::allow_guessing)
                      .positional(po::positional_options_description{}.add("<words>", -1))
                      .run(),
                  values);
        po::notify(values);
    } catch (const po::error& error) {
        throw ConfigError{
            fmt::format("ring3 {}: {}; `ring3 help {}` tells", verb_, error.what(), verb_)};
    }
    if (words.size() >= wanted.least && words.size() <= wanted.most) return words;
    throw ConfigError{
        wanted.most == 0
            ? fmt::format("ring3 {} takes no words, not \"{}\"", verb_, words[0])
            : fmt::format("ring3 {} takes {}; `ring3 help {}` tells", verb_, wanted.names, verb_)};
}

}  // namespace ring3
