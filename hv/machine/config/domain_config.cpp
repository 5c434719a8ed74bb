// SPDX-License-Identifier: MIT
#include "hv/machine/config/domain_config.hpp"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string_view>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "hv/base/errors.hpp"
#include "hv/base/nearest_name.hpp"
#include "hv/base/sha256.hpp"
#include "hv/machine/config/xl_config.hpp"
#include "hv/machine/config/xl_keys.hpp"

namespace ring3 {
namespace {

constexpr std::size_t longest_config_bytes = 1 << 20;
constexpr std::size_t longest_name = 63;
constexpr const char* domain_name_rule = "1 to 63 letters, digits and _ - . : +, and not Domain-0";
// The guest gets its command line in start_info's array of MAX_GUEST_CMDLINE (1024) with a final
// NUL.
constexpr std::size_t longest_command_line = 1023;
// 16 TiB: what the page tables of Xen's 64-bit guests can name. Far from overflow when made bytes.
constexpr std::uint64_t most_memory_mib = std::uint64_t{16} << 20;
constexpr std::uint64_t frames_per_mib = (std::uint64_t{1} << 20) >> page_shift;
constexpr std::uint64_t most_vcpus = 32;

struct ActionName {
    const char* name;
    OnShutdown action;
};
constexpr ActionName action_names[] = {
    {"destroy", OnShutdown::destroy},
    {"restart", OnShutdown::restart},
    {"rename-restart", OnShutdown::rename_restart},
    {"preserve", OnShutdown::preserve},
    {"coredump-destroy", OnShutdown::coredump_destroy},
    {"coredump-restart", OnShutdown::coredump_restart},
};

const XlKey* key_named(std::string_view name) {
    const auto keys = xl_keys();
    const auto found = std::ranges::find(keys, name, &XlKey::name);
    return found == keys.end() ? nullptr : &*found;
}

void refuse_unknown_keys(const std::vector<XlSetting>& settings, const auto& place_of) {
    for (const XlSetting& setting : settings) {
        if (key_named(setting.key) != nullptr) continue;
        std::vector<std::string> names;
        for (const XlKey& key : xl_keys()) names.emplace_back(key.name);
        throw ConfigError{fmt::format("{}: neither ring3 nor xl knows a key \"{}\"{}",
                                      place_of(setting), setting.key,
                                      nearest_name_hint(setting.key, names))};
    }
}

/// One warning that names all keys which do nothing. A device list that is empty asks for nothing.
std::vector<std::string> warnings_for(const XlConfig& config) {
    std::vector<std::string_view> none, later;
    for (const XlSetting& setting : config.settings()) {
        const XlKey* const key = key_named(setting.key);
        if (setting.is_empty || key->use == XlKey::Use::used) continue;
        auto& names = key->use == XlKey::Use::not_built_yet ? later : none;
        if (std::ranges::find(names, key->name) == names.end()) names.push_back(key->name);
    }
    std::vector<std::string> parts;
    if (!none.empty())
        parts.push_back(fmt::format("without effect here: {}", fmt::join(none, ", ")));
    if (!later.empty())
        parts.push_back(
            fmt::format("not built yet, so the domain starts without: {}", fmt::join(later, ", ")));
    if (parts.empty()) return {};
    return {fmt::format("{}: {}", config.path(), fmt::join(parts, "; "))};
}

bool is_domain_name(std::string_view name) {
    return !name.empty() && name.size() <= longest_name && name != "Domain-0" &&
           std::ranges::all_of(name, [](unsigned char c) {
               return std::isalnum(c) != 0 || std::strchr("_-.:+", c) != nullptr;
           });
}

std::string read_name(const XlConfig& config) {
    const auto name = config.string("name");
    if (!name)
        throw ConfigError{
            fmt::format("{}: the domain has no name; give it one: name = \"...\"", config.path())};
    if (!is_domain_name(*name))
        config.refuse("name", fmt::format("takes {}, not \"{}\"", domain_name_rule, *name));
    return *name;
}

/// Debian's GRUB for PV guests, which boots the kernel that lies inside the guest's own disk.
constexpr const char* pvgrub = "image:pvgrub/grub-x86_64-xen.bin";

/// The kernel, or the boot loader that finds one. xm's and xl's pygrub does outside of the guest
/// what pvgrub does inside: the same menu of the same disk.
std::string read_kernel(const XlConfig& config, std::vector<std::string>& warnings) {
    const auto kernel = config.string("kernel");
    const auto bootloader = config.string("bootloader");
    if (kernel && !kernel->empty()) {
        if (bootloader && !bootloader->empty())
            warnings.push_back(fmt::format("{}: kernel is given, so bootloader is ignored",
                                           config.place_of("bootloader")));
        return *kernel;
    }
    if (bootloader && !bootloader->empty()) {
        const std::string name = std::filesystem::path(*bootloader).filename();
        if (name == "pygrub" || name == "pvgrub") return pvgrub;
        config.refuse(
            "bootloader",
            fmt::format("takes \"pygrub\" or \"pvgrub\", not \"{}\"{}", *bootloader,
                        nearest_name_hint(name, std::vector<std::string>{"pygrub", "pvgrub"})));
    }
    throw ConfigError{
        fmt::format("{}: the domain has no kernel; name one: kernel = \"...\" (a file, or an image "
                    "such as image:debian-cloud/vmlinuz)",
                    config.path())};
}

/// Refuses domains of another kind than the one there is: PV.
void check_type(const XlConfig& config) {
    if (const auto type = config.string("type"); type && *type != "pv")
        config.refuse("type",
                      fmt::format("takes \"pv\", not \"{}\": ring3 runs PV guests only", *type));
    if (const auto builder = config.string("builder");
        builder && *builder != "linux" && *builder != "generic")
        config.refuse(
            "builder",
            fmt::format("takes \"linux\" or \"generic\", not \"{}\": ring3 runs PV guests only",
                        *builder));
}

/// cmdline, or else root and extra, as xl puts them together.
std::string read_command_line(const XlConfig& config, std::vector<std::string>& warnings) {
    const auto whole = config.string("cmdline");
    const auto root = config.string("root");
    const auto extra = config.string("extra");
    if (whole && (root || extra))
        warnings.push_back(fmt::format("{}: cmdline is given, so root and extra are ignored",
                                       config.place_of("cmdline")));
    std::string line = whole ? *whole : "";
    if (!whole && root) line = "root=" + *root + (extra ? " " : "");
    if (!whole && extra) line += *extra;
    if (line.size() > longest_command_line)
        config.refuse(whole   ? "cmdline"
                      : extra ? "extra"
                              : "root",
                      fmt::format("makes a command line of {} letters; a guest can be given {}",
                                  line.size(), longest_command_line));
    return line;
}

void read_memory(const XlConfig& config, DomainConfig& domain) {
    const auto memory = config.number("memory", 1, most_memory_mib, "MiB");
    const auto most = config.number("maxmem", 1, most_memory_mib, "MiB");
    if (!memory && !most)
        throw ConfigError{fmt::format(
            "{}: how much memory has the domain? Say it in MiB: memory = 256", config.path())};
    const std::uint64_t memory_mib = memory.value_or(most.value_or(0));
    const std::uint64_t most_mib = most.value_or(memory_mib);
    if (most_mib < memory_mib)
        config.refuse("maxmem", fmt::format("= {} is less than memory = {}", most_mib, memory_mib));
    domain.memory = Frames{memory_mib * frames_per_mib};
    domain.max_memory = Frames{most_mib * frames_per_mib};
}

void read_vcpus(const XlConfig& config, DomainConfig& domain) {
    const auto vcpus = config.number("vcpus", 1, most_vcpus, "");
    const auto most = config.number("maxvcpus", 1, most_vcpus, "");
    if (vcpus && most && *vcpus > *most)
        config.refuse("maxvcpus", fmt::format("= {} is less than vcpus = {}", *most, *vcpus));
    domain.vcpus = static_cast<std::uint32_t>(vcpus.value_or(most.value_or(1)));
    domain.max_vcpus = static_cast<std::uint32_t>(most.value_or(domain.vcpus));
}

void read_action(const XlConfig& config, const char* key, OnShutdown& action) {
    const auto value = config.string(key);
    if (!value) return;
    std::vector<std::string> names;
    for (const ActionName& known : action_names) {
        if (*value == known.name) {
            action = known.action;
            return;
        }
        names.emplace_back(known.name);
    }
    config.refuse(key, fmt::format("takes {}, not \"{}\"{}", fmt::join(names, ", "), *value,
                                   nearest_name_hint(*value, names)));
}

/// Disks of old names get Xen's, and with them the root on the command line.
void read_disks(const XlConfig& config, DomainConfig& domain) {
    std::vector<std::string> notes, renamed;
    for (const std::string& text : config.list("disk").value_or(std::vector<std::string>{})) {
        try {
            domain.disks.push_back(parse_disk(text, notes));
        } catch (const ConfigError& error) {
            throw ConfigError{fmt::format("{}: {}", config.place_of("disk"), error.what())};
        }
        const DiskSpec& disk = domain.disks.back();
        if (std::ranges::count(domain.disks, disk.number, &DiskSpec::number) != 1)
            config.refuse("disk", fmt::format("has two disks named {}", disk.vdev));
        if (!disk.old_name.empty())
            renamed.push_back(fmt::format("{} becomes {}", disk.old_name, disk.vdev));
    }
    for (const std::string& note : notes)
        domain.warnings.push_back(fmt::format("{}: {}", config.place_of("disk"), note));
    if (renamed.empty()) return;
    const std::string command_line = rename_root(domain.command_line, domain.disks);
    const bool has_other_root = command_line != domain.command_line;
    domain.command_line = command_line;
    domain.warnings.push_back(fmt::format("{}: {}{}, as Linux names the disks of Xen",
                                          config.place_of("disk"), fmt::join(renamed, ", "),
                                          has_other_root ? ", and so does the root" : ""));
}

/// The UUID of a domain that was given none: made of its description, so that the same config
/// starts the same domain each time.
Uuid derived_uuid(const DomainConfig& domain) {
    Sha256 hash;
    for (const std::string& part :
         {domain.name, domain.kernel, domain.ramdisk, domain.command_line})
        hash.update(fmt::format("{}:{},", part.size(), part));
    hash.update(fmt::format("{},{},{},{}", domain.memory.raw, domain.max_memory.raw, domain.vcpus,
                            domain.max_vcpus));
    return uuid_of_digest(hash.finish());
}

void read_uuid(const XlConfig& config, DomainConfig& domain) {
    const auto text = config.string("uuid");
    const auto uuid = text ? parse_uuid(*text) : derived_uuid(domain);
    if (!uuid)
        config.refuse(
            "uuid",
            fmt::format("takes the form 01234567-89ab-cdef-0123-456789abcdef, not \"{}\"", *text));
    domain.uuid = *uuid;
}

std::string read_text(const std::filesystem::path& path) {
    const auto refuse = [&](const char* why) -> std::string {
        throw ConfigError{fmt::format("cannot read the config {}: {}", path.string(), why)};
    };
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) return refuse(std::strerror(errno));
    std::string text(longest_config_bytes + 1, '\0');
    std::size_t size = 0;
    ssize_t got = 0;
    do {
        got = ::read(file, text.data() + size, text.size() - size);
        if (got > 0) size += static_cast<std::size_t>(got);
    } while (got > 0 || (got < 0 && errno == EINTR));
    const int error = got < 0 ? errno : 0;
    ::close(file);
    if (error != 0) return refuse(std::strerror(error));
    if (size > longest_config_bytes) return refuse("it is larger than 1 MiB");
    text.resize(size);
    return text;
}

}  // namespace

DomainConfig parse_domain_config(const std::filesystem::path& path, std::string text,
                                 std::span<const std::string> overrides) {
    const XlConfig config{path.string(), std::move(text), overrides};
    refuse_unknown_keys(config.settings(),
                        [&](const XlSetting& setting) { return config.place_of(setting); });
    DomainConfig domain;
    domain.path = path;
    domain.warnings = warnings_for(config);
    check_type(config);
    domain.name = read_name(config);
    domain.kernel = read_kernel(config, domain.warnings);
    domain.ramdisk = config.string("ramdisk").value_or("");
    domain.command_line = read_command_line(config, domain.warnings);
    read_disks(config, domain);
    read_memory(config, domain);
    read_vcpus(config, domain);
    domain.scheduling = read_scheduling(config, domain.max_vcpus);
    domain.pool = config.string("pool").value_or(domain.pool);
    read_action(config, "on_poweroff", domain.on_poweroff);
    read_action(config, "on_reboot", domain.on_reboot);
    read_action(config, "on_crash", domain.on_crash);
    read_action(config, "on_watchdog", domain.on_watchdog);
    read_uuid(config, domain);
    domain.vifs = read_vifs(config, domain.uuid, domain.warnings);
    return domain;
}

DomainConfig read_domain_config(const std::filesystem::path& path,
                                std::span<const std::string> overrides) {
    return parse_domain_config(path, read_text(path), overrides);
}

const char* to_string(OnShutdown action) {
    for (const ActionName& known : action_names)
        if (known.action == action) return known.name;
    return "";
}

void check_domain_name(std::string_view name) {
    if (!is_domain_name(name))
        throw ConfigError{
            fmt::format("a domain's name takes {}, not \"{}\"", domain_name_rule, name)};
}

}  // namespace ring3
