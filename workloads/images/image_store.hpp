// SPDX-License-Identifier: MIT
// The image store: kernels and file systems made by recipes, kept on the user's disk and found by
// name. The folder, for an image NAME whose manifest has the SHA-256 H:
//   names/NAME           a symlink to objects/H: the image as it is used today
//   objects/H/           manifest.json and the image's files, none of which is changed any more
//   objects/H.verified   when the files were last found to be as the manifest says
//   locks/NAME           held while the image is built or removed
//   building/NAME/       a build under way; what is left of one that was killed
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "workloads/images/manifest.hpp"
#include "workloads/images/recipe.hpp"

namespace ring3 {

class ImageStore final {
public:
    /// Told one line about each step that may take a while.
    using Progress = std::function<void(const std::string&)>;

    enum class State {
        missing,   // never built, or removed
        outdated,  // the recipe, or an image that this one is made from, has changed since
        damaged,   // its files are not what the manifest says
        ready,
    };
    struct Image {
        std::string name;
        std::string summary;
        State state = State::missing;
        std::string reason;                // of `damaged` or `outdated`
        std::filesystem::path directory;   // empty when missing
        std::optional<Manifest> manifest;  // of what is there, if that can be read
    };

    ImageStore(std::filesystem::path root, Recipes recipes, Progress progress);

    /// $XDG_CACHE_HOME/ring3/images; without that $HOME/.cache/..., and without a home a folder in
    /// /tmp which nobody else can write to. EnvironmentError if somebody else has that already.
    static std::filesystem::path default_root();

    /// Is this a name that resolve() takes, "image:NAME/FILE", or a path of the user's?
    static bool is_image_name(std::string_view text) { return text.starts_with("image:"); }

    /// The path of the file behind "image:NAME/FILE" or "NAME/FILE", whose content has been
    /// verified. Builds the image first if it is not ready. ConfigError for names that no recipe
    /// has.
    std::filesystem::path resolve(std::string_view image_name);

    /// Where that file is, if its image is ready; else what resolve() would do first, in words for
    /// a user. Builds nothing. ConfigError for names that no recipe has.
    struct Place {
        std::filesystem::path path;
        std::string needed;
    };
    Place locate(std::string_view image_name) const;

    /// Makes the image from today's newest packages, and before it the images that it is made from.
    /// Does nothing if it is there already in just that form. Gives the image.
    Image build(const std::string& name);

    /// One image as it stands, or all of them in the order of names. Builds nothing.
    Image image(const std::string& name) const;
    std::vector<Image> images() const;

    /// Removes all builds of the image from the disk; gives how many bytes that were.
    std::uintmax_t remove(const std::string& name);

private:
    enum class Wanted { newest, ready };
    struct Named {
        const Recipe& recipe;
        std::string file;
    };

    const Recipe& recipe(std::string_view name) const;
    Named parse(std::string_view image_name) const;
    Image make(const Recipe& recipe, Wanted wanted);
    Image make_locked(const Recipe& recipe, Wanted wanted);
    Manifest build_into(const Recipe& recipe, const std::filesystem::path& directory,
                        const std::vector<Package>& packages, Apt& apt,
                        const std::map<std::string, Image>& images);
    void publish(const std::string& name, const Manifest& manifest,
                 const std::filesystem::path& built);
    void make_folders() const;
    /// Removes what builds that were killed have left.
    void clean_up() const;
    std::string outdated_reason(const Recipe& recipe, const Manifest& manifest) const;

    std::filesystem::path root_;
    Recipes recipes_;
    Progress progress_;
};

}  // namespace ring3
