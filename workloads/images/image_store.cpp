// SPDX-License-Identifier: MIT
#include "workloads/images/image_store.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "hv/base/cache_folder.hpp"
#include "hv/base/errors.hpp"
#include "hv/base/nearest_name.hpp"
#include "hv/base/sha256.hpp"
#include "workloads/images/file_lock.hpp"
#include "workloads/images/image_files.hpp"

namespace ring3 {
namespace {

namespace fs = std::filesystem;

/// An empty directory, removed with all that is in it at the end.
class TemporaryDirectory final {
public:
    explicit TemporaryDirectory(fs::path path) : path_{std::move(path)} { clear(); }
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
    ~TemporaryDirectory() {
        std::error_code ignored;
        fs::remove_all(path_, ignored);
    }

    const fs::path& path() const { return path_; }
    void clear() const {
        fs::remove_all(path_);
        fs::create_directories(path_);
    }

private:
    fs::path path_;
};

// As many packages as are still named one by one while they are fetched.
constexpr std::size_t few_packages = 5;

std::vector<std::string> names_of(const Recipes& recipes) {
    std::vector<std::string> names;
    for (const auto& [name, recipe] : recipes) names.push_back(name);
    return names;
}

bool same_packages(const std::vector<Package>& packages,
                   const std::vector<Manifest::Input>& inputs) {
    return std::ranges::equal(packages, inputs, [](const Package& a, const Manifest::Input& b) {
        return a.name == b.name && a.version == b.version && a.architecture == b.architecture;
    });
}

std::string hash_of(const ImageStore::Image& image) { return image.directory.filename().string(); }

std::uintmax_t size_of(const fs::path& directory) {
    std::uintmax_t bytes = 0;
    for (const auto& entry : fs::recursive_directory_iterator{directory})
        if (entry.is_regular_file()) bytes += entry.file_size();
    return bytes;
}

}  // namespace

ImageStore::ImageStore(fs::path root, Recipes recipes, Progress progress)
    : root_{std::move(root)}, recipes_{std::move(recipes)}, progress_{std::move(progress)} {}

fs::path ImageStore::default_root() { return cache_folder() / "images"; }

const Recipe& ImageStore::recipe(std::string_view name) const {
    const auto found = recipes_.find(std::string{name});
    if (found != recipes_.end()) return *found->second;
    const std::vector<std::string> names = names_of(recipes_);
    throw ConfigError{fmt::format("there is no image \"{}\"{}; the images are: {}", name,
                                  nearest_name_hint(name, names), fmt::join(names, ", "))};
}

std::string ImageStore::outdated_reason(const Recipe& recipe, const Manifest& manifest) const {
    if (manifest.recipe != sha256_hex(recipe.text())) return "its recipe has changed";
    for (const std::string& input : recipe.images()) {
        const Image source = image(input);
        // A source that was removed to save space takes nothing away from what was made of it.
        if (source.state == State::missing) continue;
        if (source.state != State::ready || hash_of(source) != manifest.images.at(input))
            return fmt::format("image {}, from which it is made, has changed", input);
    }
    return "";
}

ImageStore::Image ImageStore::image(const std::string& name) const {
    const Recipe& its_recipe = recipe(name);
    Image image;
    image.name = name;
    image.summary = its_recipe.summary();
    std::error_code error;
    const fs::path target = fs::read_symlink(root_ / "names" / name, error);
    if (error) return image;
    image.directory = root_ / "objects" / target.filename();
    try {
        image.manifest = read_manifest(image.directory);
        image.reason = find_damage(image.directory, *image.manifest);
        image.state = image.reason.empty() ? State::ready : State::damaged;
    } catch (const EnvironmentError& damage) {
        image.reason = damage.what();
        image.state = State::damaged;
    }
    if (image.state != State::ready) return image;
    image.reason = outdated_reason(its_recipe, *image.manifest);
    if (!image.reason.empty()) image.state = State::outdated;
    return image;
}

std::vector<ImageStore::Image> ImageStore::images() const {
    std::vector<Image> all;
    for (const auto& [name, recipe] : recipes_) all.push_back(image(name));
    return all;
}

ImageStore::Named ImageStore::parse(std::string_view image_name) const {
    if (is_image_name(image_name)) image_name.remove_prefix(std::string_view{"image:"}.size());
    const std::size_t slash = image_name.find('/');
    const Recipe& its_recipe = recipe(image_name.substr(0, slash));
    const std::string file{slash == image_name.npos ? "" : image_name.substr(slash + 1)};
    const std::vector<std::string> files = its_recipe.files();
    if (file.empty())
        throw ConfigError{fmt::format("which file of image {}? Say {}/FILE; its files are: {}",
                                      its_recipe.name(), its_recipe.name(),
                                      fmt::join(files, ", "))};
    if (std::ranges::find(files, file) == files.end())
        throw ConfigError{fmt::format("image {} has no file \"{}\"{}; its files are: {}",
                                      its_recipe.name(), file, nearest_name_hint(file, files),
                                      fmt::join(files, ", "))};
    return {its_recipe, file};
}

fs::path ImageStore::resolve(std::string_view image_name) {
    const Named named = parse(image_name);
    return make(named.recipe, Wanted::ready).directory / named.file;
}

ImageStore::Place ImageStore::locate(std::string_view image_name) const {
    const Named named = parse(image_name);
    const Image found = image(named.recipe.name());
    if (found.state == State::ready) return {found.directory / named.file, ""};
    return {{},
            fmt::format("image {} would be built{}{}", found.name, found.reason.empty() ? "" : ": ",
                        found.reason)};
}

ImageStore::Image ImageStore::build(const std::string& name) {
    return make(recipe(name), Wanted::newest);
}

ImageStore::Image ImageStore::make(const Recipe& its_recipe, Wanted wanted) {
    const std::string name = its_recipe.name();
    if (wanted == Wanted::ready) {
        Image found = image(name);
        if (found.state == State::ready) return found;
    }
    make_folders();
    const FileLock lock{root_ / "locks" / name, [&] {
                            progress_(fmt::format("image {}: waiting for another process", name));
                        }};
    clean_up();
    return make_locked(its_recipe, wanted);
}

ImageStore::Image ImageStore::make_locked(const Recipe& its_recipe, Wanted wanted) {
    const std::string name = its_recipe.name();
    std::map<std::string, Image> sources;
    // A source comes first: that it has changed is a reason to make this one anew.
    for (const std::string& source : its_recipe.images())
        if (wanted == Wanted::newest) sources[source] = make(recipe(source), wanted);
    Image found = image(name);
    if (wanted == Wanted::ready && found.state == State::ready) return found;
    if (found.state == State::damaged || found.state == State::outdated)
        progress_(fmt::format("image {}: building it anew: {}", name, found.reason));
    for (const std::string& source : its_recipe.images())
        if (wanted == Wanted::ready) sources[source] = make(recipe(source), wanted);

    const TemporaryDirectory building{root_ / "building" / name};
    Apt apt{building.path() / "apt"};
    const auto attempt = [&]() -> std::optional<Manifest> {
        const std::vector<Package> packages = its_recipe.packages(apt);
        if (found.state == State::ready && same_packages(packages, found.manifest->packages))
            return std::nullopt;
        return build_into(its_recipe, building.path(), packages, apt, sources);
    };
    std::optional<Manifest> manifest;
    try {
        manifest = attempt();
    } catch (const AptError&) {
        progress_("apt's package lists do not lead to the package: fetching lists of this moment");
        building.clear();
        if (!apt.try_refresh()) throw;
        manifest = attempt();
    }
    if (manifest) publish(name, *manifest, building.path() / "image");
    return image(name);
}

Manifest ImageStore::build_into(const Recipe& its_recipe, const fs::path& directory,
                                const std::vector<Package>& packages, Apt& apt,
                                const std::map<std::string, Image>& sources) {
    Manifest manifest;
    manifest.image = its_recipe.name();
    manifest.recipe = sha256_hex(its_recipe.text());
    RecipeInputs inputs;
    for (const Package& package : packages)
        manifest.packages.push_back({package.name, package.version, package.architecture});
    if (packages.size() > few_packages) {
        progress_(fmt::format("image {}: fetching {} packages", manifest.image, packages.size()));
    } else {
        for (const Package& package : packages)
            progress_(fmt::format("image {}: fetching package {} {}", manifest.image, package.name,
                                  package.version));
    }
    inputs.packages = apt.download(packages, directory / "packages");
    for (const auto& [name, source] : sources) {
        inputs.images[name] = source.directory;
        manifest.images[name] = hash_of(source);
    }
    progress_(fmt::format("image {}: building", manifest.image));
    const fs::path output = directory / "image";
    fs::create_directory(output);
    its_recipe.build(inputs, output);
    manifest.files = measure(output, its_recipe.files());
    return manifest;
}

void ImageStore::publish(const std::string& name, const Manifest& manifest, const fs::path& built) {
    const std::string text = to_json(manifest);
    for (const auto& [file, measured] : manifest.files) {
        flush_to_disk(built / file);
        fs::permissions(built / file, fs::perms{0444});
    }
    write_durably(built / "manifest.json", text);
    flush_to_disk(built);

    // One step takes the place of what was there under that hash: a copy, or a damaged one.
    const fs::path object = root_ / "objects" / sha256_hex(text);
    const unsigned flags = fs::exists(object) ? RENAME_EXCHANGE : RENAME_NOREPLACE;
    if (::renameat2(AT_FDCWD, built.c_str(), AT_FDCWD, object.c_str(), flags) < 0)
        throw std::system_error{errno, std::generic_category(), "rename to " + object.string()};
    flush_to_disk(root_ / "objects");

    const fs::path link = root_ / "building" / name / "link";
    fs::create_symlink(fs::path{"../objects"} / object.filename(), link);
    fs::rename(link, root_ / "names" / name);
    flush_to_disk(root_ / "names");
}

void ImageStore::make_folders() const {
    try {
        for (const char* folder : {"names", "objects", "locks", "building"})
            fs::create_directories(root_ / folder);
    } catch (const fs::filesystem_error& error) {
        throw EnvironmentError{
            fmt::format("the image store {} cannot be made ({}); XDG_CACHE_HOME "
                        "can name another place for it",
                        root_.string(), error.code().message())};
    }
}

void ImageStore::clean_up() const {
    for (const auto& entry : fs::directory_iterator{root_ / "building"}) {
        const fs::path lock = root_ / "locks" / entry.path().filename();
        if (FileLock::try_lock(lock)) {
            std::error_code ignored;
            fs::remove_all(entry.path(), ignored);
        }
    }
}

std::uintmax_t ImageStore::remove(const std::string& name) {
    recipe(name);
    if (!fs::exists(root_ / "objects")) return 0;
    const FileLock lock{root_ / "locks" / name, [&] {
                            progress_(fmt::format("image {}: waiting for another process", name));
                        }};
    std::error_code none;
    const fs::path link = root_ / "names" / name;
    const fs::path current = fs::read_symlink(link, none).filename();
    fs::remove(link);
    const auto is_of_this_name = [&](const fs::path& object) {
        if (object.filename() == current) return true;
        try {
            return read_manifest(object).image == name;
        } catch (const EnvironmentError&) {
            return false;
        }
    };
    std::uintmax_t bytes = 0;
    for (const auto& entry : fs::directory_iterator{root_ / "objects"}) {
        if (!entry.is_directory() || !is_of_this_name(entry.path())) continue;
        bytes += size_of(entry.path());
        fs::remove(entry.path().string() + ".verified");
        fs::remove_all(entry.path());
    }
    return bytes;
}

}  // namespace ring3
