// SPDX-License-Identifier: MIT
// Debian packages by apt, as this machine is set up: which mirrors, which pins, which proxy is
// apt's business. Nothing is installed, and no privilege is needed: packages are fetched as files.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "hv/base/errors.hpp"

namespace ring3 {

struct Package {
    std::string name;
    std::string version;
    std::string architecture;
    std::vector<std::string> depends;  // names only: of alternatives the first

    bool operator==(const Package&) const = default;
};

/// apt does not know a package, or cannot fetch it. Newer package lists may help.
class AptError : public EnvironmentError {
public:
    using EnvironmentError::EnvironmentError;
};

class Apt final {
public:
    /// `directory` may be filled with package lists of our own when the system's do not suffice.
    explicit Apt(std::filesystem::path directory) : directory_{std::move(directory)} {}

    /// The version of a package that apt would install. AptError if it knows none.
    Package candidate(const std::string& name) const;

    /// The package that the given one, which is empty itself, stands for: its dependency whose name
    /// begins with `prefix`. So `linux-image-cloud-amd64` leads to the newest kernel's package.
    Package behind(const Package& meta, const std::string& prefix) const;

    /// Debian's essential packages, the named ones and all that these depend on: what a system of
    /// these needs, in the order of installation. Only name, version and architecture are filled
    /// in.
    std::vector<Package> closure(const std::vector<std::string>& names) const;

    /// Fetches the packages' files into `into`, and gives where each is, by the package's name.
    /// AptError if one cannot be had.
    std::map<std::string, std::filesystem::path> download(const std::vector<Package>& packages,
                                                          const std::filesystem::path& into) const;

    /// From now on uses lists of its own, fetched at this moment: the system's may be missing, or
    /// so old that the packages which they name are gone, and only root may renew those. False if
    /// they cannot be fetched, or have been already.
    bool try_refresh();

private:
    std::vector<std::string> command(const char* tool, std::vector<std::string> arguments) const;

    std::filesystem::path directory_;
    bool is_fresh_ = false;
};

}  // namespace ring3
