// SPDX-License-Identifier: MIT
// Where the files of a run are: kernels, disks and trees out of the image store, built if need be.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "experiments/descriptor/cells.hpp"
#include "experiments/platforms/platform.hpp"
#include "workloads/images/image_store.hpp"

namespace ring3::experiment {

class BootFiles final {
public:
    explicit BootFiles(ImageStore::Progress progress)
        : images_(ImageStore::default_root(), registered_recipes(), std::move(progress)) {}

    /// All that a cell's run needs. Builds images; throws EnvironmentError and ConfigError.
    Boot boot_of(const Descriptor& descriptor, const Cell& cell,
                 const std::filesystem::path& scratch);
    /// Images that would be built first, in words for a user; builds nothing.
    std::vector<std::string> missing(const Descriptor& descriptor,
                                     const std::vector<Cell>& cells) const;
    /// What of it must be the same where two platforms are compared (Boot::software). Reads files
    /// that are of no image.
    std::map<std::string, std::string> software_of(const Boot& boot);
    /// A hash for the content of a file: of an image its manifest's, else the bytes'.
    std::string identity(const std::filesystem::path& file);

private:
    std::filesystem::path find(const std::string& name);

    ImageStore images_;
    std::map<std::string, std::filesystem::path> found_;
    std::map<std::filesystem::path, std::string> identities_;
};

}  // namespace ring3::experiment
