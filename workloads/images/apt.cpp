// SPDX-License-Identifier: MIT
#include "workloads/images/apt.hpp"

#include <algorithm>
#include <optional>
#include <sstream>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "workloads/images/process.hpp"

namespace ring3 {
namespace {

namespace fs = std::filesystem;

constexpr const char* how_to_renew_lists =
    "apt's package lists may be missing or old; with a network, run: sudo apt-get update";

/// "linux-image-6.1.0-40-amd64 (= 6.1.153-1) | other, libc6" -> the names, without alternatives.
std::vector<std::string> dependency_names(std::string_view field) {
    std::vector<std::string> names;
    while (!field.empty()) {
        const std::size_t comma = field.find(',');
        std::string_view item = field.substr(0, comma);
        field = comma == field.npos ? "" : field.substr(comma + 1);
        item.remove_prefix(std::min(item.find_first_not_of(' '), item.size()));
        names.emplace_back(item.substr(0, item.find_first_of(" (|:")));
    }
    return names;
}

/// The first paragraph that `apt-cache show` printed.
Package parse_paragraph(const std::string& text) {
    Package package;
    std::istringstream lines{text};
    for (std::string line; std::getline(lines, line) && !line.empty();) {
        const std::size_t colon = line.find(": ");
        if (colon == line.npos || line[0] == ' ') continue;
        const std::string field = line.substr(0, colon);
        const std::string value = line.substr(colon + 2);
        if (field == "Package") package.name = value;
        if (field == "Version") package.version = value;
        if (field == "Architecture") package.architecture = value;
        if (field == "Depends") package.depends = dependency_names(value);
    }
    return package;
}

/// "Inst libc6 (2.36-9 Debian:12.11/stable [amd64])", a line of a simulated installation. What else
/// may stand between does not matter.
std::optional<Package> parse_installation(const std::string& line) {
    std::istringstream words{line};
    std::string verb;
    Package package;
    words >> verb >> package.name >> package.version;
    const std::size_t bracket = line.rfind('[');
    const std::size_t end = line.rfind(']');
    if (verb != "Inst" || !package.version.starts_with('(') || bracket == line.npos ||
        end == line.npos || end < bracket)
        return std::nullopt;
    package.name = package.name.substr(0, package.name.find(':'));
    package.version.erase(0, 1);
    package.architecture = line.substr(bracket + 1, end - bracket - 1);
    return package;
}

}  // namespace

std::vector<std::string> Apt::command(const char* tool, std::vector<std::string> arguments) const {
    // As root, apt would fetch as another user, who cannot write into our directory.
    std::vector<std::string> result{tool, "-q", "-o", "APT::Sandbox::User=root"};
    if (is_fresh_) {
        result.insert(result.end(), {"-o", "Dir::State::Lists=" + (directory_ / "lists").string(),
                                     "-o", "Dir::Cache=" + (directory_ / "cache").string()});
    }
    result.insert(result.end(), arguments.begin(), arguments.end());
    return result;
}

Package Apt::candidate(const std::string& name) const {
    const std::string text = [&] {
        try {
            return output_of(command("apt-cache", {"show", "--no-all-versions", name + ":amd64"}),
                             "/");
        } catch (const CommandError& error) {
            throw AptError{fmt::format("apt knows no package {} ({}): {}", name, error.complaint(),
                                       how_to_renew_lists)};
        }
    }();
    Package package = parse_paragraph(text);
    if (package.name != name || package.version.empty())
        throw AptError{
            fmt::format("apt knows no version of package {}: {}", name, how_to_renew_lists)};
    return package;
}

Package Apt::behind(const Package& meta, const std::string& prefix) const {
    for (const std::string& name : meta.depends)
        if (name.starts_with(prefix)) return candidate(name);
    throw EnvironmentError{
        fmt::format("package {} {} depends on no {}...", meta.name, meta.version, prefix)};
}

std::vector<Package> Apt::closure(const std::vector<std::string>& names) const {
    // A simulated installation where nothing is installed. Native packages alone: an essential
    // package of a foreign architecture is another package.
    std::vector<std::string> arguments{"--simulate",
                                       "-o",
                                       "Dir::State::status=/dev/null",
                                       "-o",
                                       "APT::Install-Recommends=false",
                                       "-o",
                                       "APT::Install-Suggests=false",
                                       "install",
                                       "?and(?essential,?architecture(amd64))"};
    arguments.insert(arguments.end(), names.begin(), names.end());
    std::string text;
    try {
        text = output_of(command("apt-get", std::move(arguments)), "/");
    } catch (const CommandError& error) {
        throw AptError{fmt::format("apt finds no way to install {} ({}): {}", fmt::join(names, " "),
                                   error.complaint(), how_to_renew_lists)};
    }
    std::vector<Package> packages;
    std::istringstream lines{text};
    for (std::string line; std::getline(lines, line);)
        if (auto package = parse_installation(line)) packages.push_back(std::move(*package));
    return packages;
}

std::map<std::string, fs::path> Apt::download(const std::vector<Package>& packages,
                                              const fs::path& into) const {
    std::map<std::string, fs::path> files;
    if (packages.empty()) return files;
    fs::create_directories(into);
    std::vector<std::string> arguments{"download"};
    for (const Package& package : packages)
        arguments.push_back(fmt::format("{}{}={}", package.name,
                                        package.architecture == "all" ? "" : ":amd64",
                                        package.version));
    try {
        output_of(command("apt-get", std::move(arguments)), into);
    } catch (const CommandError& error) {
        throw AptError{fmt::format("packages cannot be fetched ({}): {}", error.complaint(),
                                   how_to_renew_lists)};
    }
    for (const auto& entry : fs::directory_iterator{into}) {
        const std::string file = entry.path().filename();
        if (file.ends_with(".deb")) files[file.substr(0, file.find('_'))] = entry.path();
    }
    for (const Package& package : packages)
        if (!files.contains(package.name))
            throw EnvironmentError{
                fmt::format("apt-get download left no file of package {}", package.name)};
    return files;
}

bool Apt::try_refresh() {
    if (is_fresh_) return false;
    fs::create_directories(directory_ / "lists" / "partial");
    fs::create_directories(directory_ / "cache" / "archives" / "partial");
    is_fresh_ = true;
    try {
        output_of(command("apt-get", {"update"}), "/");
    } catch (const CommandError&) {
        is_fresh_ = false;
    }
    return is_fresh_;
}

}  // namespace ring3
