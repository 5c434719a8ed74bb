// SPDX-License-Identifier: MIT
#include "workloads/images/apt.hpp"

#include <algorithm>
#include <sstream>
#include <string_view>

#include <fmt/format.h>

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

fs::path Apt::download(const Package& package, const fs::path& into) const {
    fs::create_directories(into);
    try {
        output_of(command("apt-get",
                          {"download", fmt::format("{}:amd64={}", package.name, package.version)}),
                  into);
    } catch (const CommandError& error) {
        throw AptError{fmt::format("package {} {} cannot be fetched ({}): {}", package.name,
                                   package.version, error.complaint(), how_to_renew_lists)};
    }
    for (const auto& entry : fs::directory_iterator{into})
        if (entry.path().filename().string().starts_with(package.name + "_")) return entry.path();
    throw EnvironmentError{
        fmt::format("apt-get download left no file of package {}", package.name)};
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
