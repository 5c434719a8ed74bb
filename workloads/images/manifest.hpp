// SPDX-License-Identifier: MIT
// What an image in the store consists of and was made from: one JSON file beside its files. The
// SHA-256 of that file's bytes is the image's content hash, and the name of its directory.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace ring3 {

struct Manifest {
    struct Input {
        std::string name, version, architecture;
        bool operator==(const Input&) const = default;
    };
    struct File {
        std::uint64_t size_bytes = 0;
        std::string sha256;
        bool operator==(const File&) const = default;
    };

    std::string image;
    std::string recipe;                         // SHA-256 of the recipe's text
    std::vector<Input> packages;                // as fetched
    std::map<std::string, std::string> images;  // image name -> its content hash
    std::map<std::string, File> files;

    bool operator==(const Manifest&) const = default;
};

/// The manifest's text: the same manifest, the same bytes. It holds no date and no place.
std::string to_json(const Manifest& manifest);

/// EnvironmentError if the text is no manifest.
Manifest manifest_of_json(std::string_view text);

}  // namespace ring3
