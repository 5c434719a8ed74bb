// SPDX-License-Identifier: MIT
// ring3 image: what is in the image store, making it, removing it.
#include <cstdio>
#include <iostream>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli/arguments.hpp"
#include "cli/verb.hpp"
#include "hv/base/nearest_name.hpp"
#include "workloads/images/image_store.hpp"

namespace ring3 {
namespace {

constexpr const char* help =
    "usage: ring3 image build NAME...      make images from the newest Debian packages\n"
    "       ring3 image list               all images, and what is built of them\n"
    "       ring3 image path NAME/FILE...  print where a file is; builds its image if need be\n"
    "       ring3 image rm NAME...         remove images from the disk\n"
    "\n"
    "Configs name a file of an image as \"image:NAME/FILE\". Images are kept below\n"
    "$XDG_CACHE_HOME/ring3/images (~/.cache/ring3/images), and are fetched by apt as it is set up\n"
    "on this machine; nothing is installed.\n";

using Names = std::span<const std::string>;

ImageStore open_store() { return {ImageStore::default_root(), registered_recipes(), print_note}; }

std::string readable_size(std::uint64_t bytes) {
    constexpr double mib = 1024 * 1024;
    return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / mib);
}

const char* word_for(ImageStore::State state) {
    switch (state) {
        case ImageStore::State::missing:
            return "not built";
        case ImageStore::State::outdated:
            return "out of date";
        case ImageStore::State::damaged:
            return "damaged";
        case ImageStore::State::ready:
            return "built";
    }
    return "";
}

void print_image(const ImageStore::Image& image) {
    fmt::print("{:<16} {:<12} {}\n", image.name, word_for(image.state), image.summary);
    if (!image.reason.empty()) fmt::print("    {}\n", image.reason);
    if (!image.manifest) return;
    for (const auto& [file, measure] : image.manifest->files)
        fmt::print("    {:<20} {:>12}\n", file, readable_size(measure.size_bytes));
    for (const Manifest::Input& package : image.manifest->packages)
        fmt::print("    from {} {}\n", package.name, package.version);
    for (const auto& [source, hash] : image.manifest->images)
        fmt::print("    from image {} {}\n", source, hash.substr(0, 12));
}

int build(ImageStore& store, Names names) {
    for (const std::string& name : names) print_image(store.build(name));
    return to_int(ExitCode::ok);
}

int list(ImageStore& store, Names) {
    for (const ImageStore::Image& image : store.images()) print_image(image);
    return to_int(ExitCode::ok);
}

int path(ImageStore& store, Names names) {
    for (const std::string& name : names) fmt::print("{}\n", store.resolve(name).string());
    return to_int(ExitCode::ok);
}

int remove(ImageStore& store, Names names) {
    for (const std::string& name : names) {
        const std::uintmax_t bytes = store.remove(name);
        fmt::print("{}: {}\n", name,
                   bytes == 0 ? "was not built" : "removed " + readable_size(bytes));
    }
    return to_int(ExitCode::ok);
}

struct Action {
    const char* name;
    bool takes_names;
    int (*run)(ImageStore&, Names);
};
constexpr Action actions[] = {
    {"build", true, build}, {"list", false, list}, {"path", true, path}, {"rm", true, remove}};

const Action& action_named(const std::string& name) {
    std::vector<std::string> names;
    for (const Action& action : actions) {
        if (name == action.name) return action;
        names.emplace_back(action.name);
    }
    throw ConfigError{fmt::format("ring3 image cannot \"{}\"{}; it can: {}", name,
                                  nearest_name_hint(name, names), fmt::join(names, ", "))};
}

int run(std::span<const std::string> arguments) {
    const std::vector<std::string> words =
        CommandLine("image").parse(arguments, {0, CommandLine::any_number, ""});
    if (words.empty()) throw ConfigError{"ring3 image: what to do? `ring3 help image` tells"};
    const Action& action = action_named(words[0]);
    const Names names = Names{words}.subspan(1);
    if (names.empty() == action.takes_names)
        throw ConfigError{fmt::format("ring3 image {} takes {}", action.name,
                                      action.takes_names ? "at least one name" : "no names")};
    ImageStore store = open_store();
    return action.run(store, names);
}

const RegisteredVerb entry{{"image",
                            "builds and lists the kernels and file systems that guests start from",
                            help, run, VerbGroup::files}};

}  // namespace
}  // namespace ring3
