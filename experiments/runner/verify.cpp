// SPDX-License-Identifier: MIT
#include "experiments/runner/verify.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <sstream>

#include <unistd.h>

#include <fmt/format.h>

#include "experiments/runner/one_run.hpp"
#include "hv/base/errors.hpp"

namespace ring3::experiment {
namespace {

namespace fs = std::filesystem;

std::string bytes_of(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

/// A folder that goes with this object.
class Scratch {
public:
    Scratch() : path_(fs::temp_directory_path() / fmt::format("ring3-verify-{}", ::getpid())) {
        fs::create_directories(path_ / "run");
    }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;
    ~Scratch() {
        std::error_code ignored;
        fs::remove_all(path_, ignored);
    }
    const fs::path& path() const { return path_; }

private:
    fs::path path_;
};

std::string first_difference(const std::string& recorded, const std::string& again) {
    std::istringstream left(recorded), right(again);
    for (std::size_t line = 1;; ++line) {
        std::string one, other;
        const bool has_one = static_cast<bool>(std::getline(left, one));
        const bool has_other = static_cast<bool>(std::getline(right, other));
        if (!has_one && !has_other) return "the consoles are the same, and something else differs";
        if (one != other || has_one != has_other)
            return fmt::format("line {} of the console:\n    recorded  {}\n    again     {}", line,
                               has_one ? one : "(the end)", has_other ? other : "(the end)");
    }
}

}  // namespace

Verification verify(const fs::path& run_file, CampaignListener& listener) {
    const record::RecordedRun recorded = record::read_run_file(run_file);
    if (recorded.clock != "virtual")
        throw ConfigError{
            fmt::format("{} was recorded under a wall clock, and no such run is ever the same "
                        "twice; only those "
                        "under a virtual clock can be verified",
                        run_file.string())};
    const Descriptor descriptor =
        parse_descriptor(run_file, recorded.descriptor, recorded.settings);
    const std::vector<Cell> cells = cells_of(descriptor);
    const auto cell = std::ranges::find(cells, recorded.cell, &Cell::number);
    if (cell == cells.end())
        throw ConfigError{
            fmt::format("{}: its descriptor has no cell {}", run_file.string(), recorded.cell)};
    const Scratch scratch;
    BootFiles files([&](const std::string& text) { listener.note(text); });
    Boot boot = files.boot_of(descriptor, *cell, scratch.path() / "run");
    boot.software = files.software_of(boot);
    Verification result;
    result.again =
        run_cell(boot, *make_platform(*cell->platform), scratch.path() / "spool", listener).record;
    record::write_run_file(scratch.path() / "again.h5", result.again);
    result.is_equal = bytes_of(run_file) == bytes_of(scratch.path() / "again.h5");
    if (!result.is_equal)
        result.difference = first_difference(
            recorded.console, record::read_run_file(scratch.path() / "again.h5").console);
    return result;
}

}  // namespace ring3::experiment
