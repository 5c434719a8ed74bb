// SPDX-License-Identifier: MIT
#include "hv/sched/plug_in.hpp"

#include <dlfcn.h>

#include <array>
#include <cerrno>
#include <exception>
#include <filesystem>
#include <fstream>
#include <span>
#include <system_error>

#include <fmt/format.h>

#include "hv/base/errors.hpp"
#include "hv/base/sha256.hpp"
#include "hv/sched/guarded.hpp"
#include "hv/sched/scheduler_error.hpp"

namespace ring3 {
namespace {

constexpr const char* symbol = "ring3_scheduler";

std::string content_hash(const std::string& path) {
    std::error_code error;
    if (std::filesystem::exists(path, error) && !std::filesystem::is_regular_file(path, error))
        throw ConfigError(
            fmt::format("{}: is no file, and a scheduler's name with a slash is "
                        "the path of one",
                        path));
    std::ifstream file(path, std::ios::binary);
    Sha256 hash;
    std::array<char, 65536> part;
    while (file.read(part.data(), part.size()) || file.gcount() > 0)
        hash.update(std::string_view(part.data(), static_cast<std::size_t>(file.gcount())));
    if (file.eof()) return hash.finish_hex();
    throw EnvironmentError(
        fmt::format("cannot read {}: {}", path, std::generic_category().message(errno)));
}

/// A shared object; what is made from it must go before it.
class SharedObject final {
public:
    explicit SharedObject(const std::string& path)
        : handle_(::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL)) {
        if (handle_ == nullptr)
            throw ConfigError(fmt::format("cannot load the scheduler {}", ::dlerror()));
    }
    ~SharedObject() { ::dlclose(handle_); }
    SharedObject(const SharedObject&) = delete;
    SharedObject& operator=(const SharedObject&) = delete;

    const void* find(const char* name) const { return ::dlsym(handle_, name); }

private:
    void* handle_;
};

const sched::PlugIn& plug_in_of(const SharedObject& object, const std::string& path) {
    // The symbol is a PlugIn of some version, whose first members are alike in all.
    const auto* const found = static_cast<const sched::PlugIn*>(object.find(symbol));
    if (found == nullptr)
        throw ConfigError(fmt::format(
            "{}: is no scheduler for ring3: it has no symbol {} (examples/scheduler shows one)",
            path, symbol));
    if (found->version != sched::plug_in_version)
        throw ConfigError(fmt::format(
            "{}: is built for version {} of the interface, and this is version {}: build it again",
            path, found->version, sched::plug_in_version));
    if (found->layout != sched::plug_in_layout())
        throw ConfigError(
            fmt::format("{}: is built with another compiler or other headers than "
                        "ring3: build it again with those of this tree",
                        path));
    if (found->make == nullptr)
        throw ConfigError(fmt::format("{}: its {} has no function that makes one", path, symbol));
    return *found;
}

std::unique_ptr<Scheduler> make(const sched::PlugIn& plug_in, const std::string& path,
                                Params& params) {
    std::unique_ptr<Scheduler> made;
    try {
        made = plug_in.make(params);
    } catch (const ConfigError&) {
        throw;  // its parameters are wrong, and it says so
    } catch (const std::exception& error) {
        throw SchedulerError(
            fmt::format("the scheduler {} threw when it was made: {}", path, error.what()));
    } catch (...) {
        throw SchedulerError(fmt::format("the scheduler {} threw when it was made", path));
    }
    if (made == nullptr) throw SchedulerError(fmt::format("the scheduler {} made nothing", path));
    return made;
}

}  // namespace

std::unique_ptr<Scheduler> Scheduler::load(const std::string& path, Params& params) {
    const std::string content = content_hash(path);
    const std::string wanted =
        params.text("sha256", content, "the shared object's SHA-256, which a result depends on");
    if (wanted != content)
        throw ConfigError(fmt::format("{}: {} is another file: its SHA-256 is {}",
                                      params.origin_of("sha256"), path, content));
    auto object = std::make_shared<const SharedObject>(path);
    auto made = make(plug_in_of(*object, path), path, params);
    return std::make_unique<sched::Guarded>(std::move(made), path, std::move(object));
}

}  // namespace ring3
