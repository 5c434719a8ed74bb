// SPDX-License-Identifier: MIT
#include "workloads/images/manifest.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "hv/base/errors.hpp"

namespace ring3 {
namespace {

constexpr int schema_version = 1;

}  // namespace

std::string to_json(const Manifest& manifest) {
    // nlohmann::json keeps its keys sorted, so the text does not depend on the order of insertion.
    nlohmann::json json{{"schema", schema_version},
                        {"image", manifest.image},
                        {"recipe", manifest.recipe},
                        {"images", manifest.images},
                        {"packages", nlohmann::json::array()},
                        {"files", nlohmann::json::object()}};
    for (const Manifest::Input& package : manifest.packages)
        json["packages"].push_back({{"name", package.name},
                                    {"version", package.version},
                                    {"architecture", package.architecture}});
    for (const auto& [name, file] : manifest.files)
        json["files"][name] = {{"size_bytes", file.size_bytes}, {"sha256", file.sha256}};
    return json.dump(2) + "\n";
}

Manifest manifest_of_json(std::string_view text) {
    try {
        const nlohmann::json json = nlohmann::json::parse(text);
        if (json.at("schema") != schema_version)
            throw EnvironmentError{"the manifest is of another version of ring3"};
        Manifest manifest{.image = json.at("image"),
                          .recipe = json.at("recipe"),
                          .packages = {},
                          .images = json.at("images"),
                          .files = {}};
        for (const auto& package : json.at("packages"))
            manifest.packages.push_back(
                {package.at("name"), package.at("version"), package.at("architecture")});
        for (const auto& [name, file] : json.at("files").items())
            manifest.files[name] = {file.at("size_bytes"), file.at("sha256")};
        return manifest;
    } catch (const nlohmann::json::exception& error) {
        throw EnvironmentError{fmt::format("the manifest is damaged: {}", error.what())};
    }
}

}  // namespace ring3
