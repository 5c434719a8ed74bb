// SPDX-License-Identifier: MIT
// What the image `base` has in the place of Debian's own files: how it starts and stops, its
// network, its boot menu.
#pragma once

#include <string>
#include <vector>

namespace ring3 {

struct BaseFile {
    const char* path;
    const char* content;
    unsigned permissions = 0644;
};

const std::vector<BaseFile>& base_files();

/// Run once by sh as root in the new tree.
extern const char* const base_script;

}  // namespace ring3
