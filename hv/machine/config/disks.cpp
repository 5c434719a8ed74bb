// SPDX-License-Identifier: MIT
#include "hv/machine/config/disks.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <new>

#include <unistd.h>

#include <fmt/format.h>

#include "hv/base/errors.hpp"

extern "C" {
#include <libxlutil.h>
}

namespace ring3 {
namespace {

constexpr std::uint64_t sector_size = 512;

[[noreturn]] void refuse(const std::string& text, const std::string& why) {
    throw ConfigError{fmt::format("disk '{}': {}", text, why)};
}

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front())) != 0)
        text.remove_prefix(1);
    while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())) != 0)
        text.remove_suffix(1);
    return text;
}

bool has_own_prefix(std::string_view target) {
    constexpr std::array<std::string_view, 3> prefixes{"overlay:", "memory:", "image:"};
    return std::ranges::any_of(prefixes, [&](auto prefix) { return target.starts_with(prefix); });
}

/// What Xen's parser would not take is taken out of the text, and put back afterwards.
struct Prepared {
    std::string text;
    std::string target;  ///< with a prefix of ours; empty: Xen's parser finds it
    bool is_shared = false;
    bool is_phy = false;
};

Prepared prepare(std::string_view text) {
    text = trimmed(text);
    Prepared prepared;
    prepared.is_phy = text.starts_with("phy:");
    std::size_t at = 0;
    if (has_own_prefix(text)) {
        at = std::min(text.find(','), text.size());
        prepared.target = trimmed(text.substr(0, at));
        // As with file: the format may be left out, as configs of xm do.
        const std::string_view rest = text.substr(std::min(at + 1, text.size()));
        const std::string_view second = trimmed(rest.substr(0, rest.find(',')));
        constexpr std::array<std::string_view, 6> formats{"", "raw", "qcow", "qcow2", "vhd", "qed"};
        const bool has_format =
            second.find('=') != second.npos || std::ranges::find(formats, second) != formats.end();
        prepared.text = has_format ? "/target" : "file:/target";
    }
    // w! is the access of xm for disks that several domains write to; xl has it no more.
    while (at < text.size()) {
        const std::size_t end = std::min(text.find(',', at + 1), text.size());
        std::string_view field = text.substr(at, end - at);
        const std::string_view word = trimmed(field.substr(field.starts_with(',') ? 1 : 0));
        if (word.starts_with("target=")) break;
        const bool is_access = word == "w!" || word == "rw!" || word == "access=w!" ||
                               word == "access=rw!" || word == "mode=w!";
        if (is_access) {
            prepared.is_shared = true;
            field = field.substr(0, field.rfind('!'));
        }
        prepared.text += field;
        at = end;
    }
    prepared.text += text.substr(at);
    return prepared;
}

/// Xen's parser with what it says, and its result, which it allocates.
class ParsedDisk final {
public:
    ParsedDisk(const std::string& text, const std::string& original) {
        char* said = nullptr;
        std::size_t size = 0;
        std::FILE* const report = ::open_memstream(&said, &size);
        if (report == nullptr) throw std::bad_alloc{};
        XLU_Config* const config = xlu_cfg_init(report, "disk");
        libxl_device_disk_init(&disk_);
        const char* const spec = text.c_str();
        const int failure = config != nullptr ? xlu_disk_parse(config, 1, &spec, &disk_) : ENOMEM;
        if (config != nullptr) xlu_cfg_destroy(config);
        std::fclose(report);
        std::string why(said, size);
        std::free(said);
        if (failure == 0) return;
        libxl_device_disk_dispose(&disk_);
        if (failure == ENOMEM) throw std::bad_alloc{};
        // "disk: config parsing error in disk specification: WHAT"
        constexpr std::string_view before = "disk specification: ";
        if (const auto found = why.find(before); found != why.npos)
            why.erase(0, found + before.size());
        std::ranges::replace(why, '\n', ' ');
        refuse(original, std::string(trimmed(why)));
    }
    ~ParsedDisk() { libxl_device_disk_dispose(&disk_); }
    ParsedDisk(const ParsedDisk&) = delete;
    ParsedDisk& operator=(const ParsedDisk&) = delete;

    libxl_device_disk& disk() { return disk_; }

private:
    libxl_device_disk disk_;
};

std::uint64_t parse_size(const std::string& text, std::string_view size) {
    std::uint64_t number = 0;
    const char* const end = size.data() + size.size();
    const auto [stop, error] = std::from_chars(size.data(), end, number);
    unsigned shift = 0;
    if (stop != end) {
        constexpr std::string_view units = "KMGT";
        const auto unit = units.find(static_cast<char>(std::toupper(*stop)));
        shift = unit == units.npos || stop + 1 != end ? 64 : static_cast<unsigned>(unit + 1) * 10;
    }
    // At most 1 PiB: far from overflow, and no disk in memory is larger.
    if (error != std::errc{} || shift == 64 || number == 0 ||
        number > (std::uint64_t{1} << 50) >> shift || (number << shift) % sector_size != 0)
        refuse(text, fmt::format("memory: takes a size, a multiple of 512, such as 64M or 2G, not "
                                 "\"{}\"",
                                 size));
    return number << shift;
}

/// A target as the config gives it, which may have a prefix of ours.
void set_target(const std::string& text, std::string_view target, DiskSource& source) {
    if (target.starts_with("memory:")) {
        source.kind = DiskSource::Kind::memory;
        source.bytes = parse_size(text, target.substr(7));
        return;
    }
    if (target.starts_with("overlay:")) {
        source.kind = DiskSource::Kind::overlay;
        target.remove_prefix(8);
        const std::size_t name = target.starts_with("image:") ? 6 : 0;
        if (const auto colon = target.rfind(':'); colon != target.npos && colon >= name) {
            source.overlay_path = target.substr(colon + 1);
            if (source.overlay_path.empty()) refuse(text, "the overlay has no name behind the ':'");
            target = target.substr(0, colon);
        }
    }
    source.path = target;
    if (source.path.empty() || source.path == "image:") refuse(text, "it names no file");
}

void refuse_what_is_not_built(const std::string& text, const libxl_device_disk& disk) {
    if (disk.format == LIBXL_DISK_FORMAT_EMPTY)
        refuse(text, "a drive without a disk is not built: name a file or a device");
    if (disk.format != LIBXL_DISK_FORMAT_RAW)
        refuse(text, fmt::format("format {} is not built; convert it: qemu-img convert -O raw ...",
                                 libxl_disk_format_to_string(disk.format)));
    if (disk.script != nullptr) refuse(text, "scripts are not built");
    const std::string backend = disk.backend_domname != nullptr ? disk.backend_domname : "0";
    if (backend != "0" && backend != "Domain-0")
        refuse(text, "driver domains are not built: every disk is Domain-0's");
}

/// As Xen's hotplug script finds a device; a file where there is no such device.
std::string find_device(const std::string& name) {
    if (name.starts_with('/')) return name;
    const std::string device = "/dev/" + name;
    return ::access(device.c_str(), F_OK) == 0 ? device : name;
}

std::string letters_of(std::uint32_t disk) {
    std::string letters;
    for (std::int64_t rest = disk; rest >= 0; rest = rest / 26 - 1)
        letters.insert(letters.begin(), static_cast<char>('a' + rest % 26));
    return letters;
}

/// Xen's docs/man/xen-vbd-interface(7).
std::optional<VirtualDevice> device_of(std::uint64_t disk, std::uint64_t partition) {
    if (disk >= std::uint64_t{1} << 20 || partition > 255) return std::nullopt;
    VirtualDevice device;
    device.name = "xvd" + letters_of(static_cast<std::uint32_t>(disk));
    if (partition != 0) device.name += std::to_string(partition);
    const bool is_classic = disk < 16 && partition < 16;
    device.number =
        static_cast<std::uint32_t>(is_classic ? 202u << 8 | disk << 4 | partition
                                              : std::uint64_t{1} << 28 | disk << 8 | partition);
    return device;
}

std::optional<VirtualDevice> device_of_number(std::uint64_t number) {
    if (number >> 28 == 1) return device_of(number >> 8 & 0xfffff, number & 0xff);
    const std::uint64_t minor = number & 0xff;
    switch (number >> 8) {
        case 202:
        case 8:
            return device_of(minor >> 4, minor & 15);
        case 3:
            return device_of(minor >> 6, minor & 63);
        case 22:
            return device_of(2 + (minor >> 6), minor & 63);
        default:
            return std::nullopt;
    }
}

std::optional<std::uint64_t> parse_number(std::string_view text) {
    std::uint64_t number = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, number);
    if (error != std::errc{} || stop != end || number > UINT32_MAX) return std::nullopt;
    return number;
}

}  // namespace

std::optional<VirtualDevice> parse_vdev(std::string_view text) {
    if (text.starts_with("/dev/")) text.remove_prefix(5);
    if (const auto number = parse_number(text)) return device_of_number(*number);
    const bool is_xen = text.starts_with("xvd");
    const bool is_old = text.starts_with("hd") || text.starts_with("sd");
    if (!is_xen && !is_old) return std::nullopt;
    std::string_view rest = text.substr(is_xen ? 3 : 2);
    std::uint64_t disk = 0;
    std::size_t letters = 0;
    for (; letters < rest.size() && rest[letters] >= 'a' && rest[letters] <= 'z'; ++letters) {
        if (letters == 5) return std::nullopt;
        disk =
            (disk + (letters == 0 ? 0 : 1)) * 26 + static_cast<std::uint64_t>(rest[letters] - 'a');
    }
    if (letters == 0) return std::nullopt;
    rest.remove_prefix(letters);
    const auto partition = rest.empty() ? std::optional<std::uint64_t>{0} : parse_number(rest);
    if (!partition || rest.starts_with('0')) return std::nullopt;
    auto device = device_of(disk, *partition);
    if (device && is_old) device->old_name = text;
    return device;
}

DiskSpec parse_disk(const std::string& text, std::vector<std::string>& notes) {
    const Prepared prepared = prepare(text);
    ParsedDisk parsed(prepared.text, text);
    const libxl_device_disk& disk = parsed.disk();
    refuse_what_is_not_built(text, disk);

    DiskSpec spec;
    const std::string vdev = disk.vdev != nullptr ? disk.vdev : "";
    const auto device = parse_vdev(vdev);
    if (!device)
        refuse(text, fmt::format("\"{}\" names no disk of a guest: xvda, xvdb1, ...", vdev));
    spec.vdev = device->name;
    spec.number = device->number;
    spec.old_name = device->old_name;
    spec.is_cdrom = disk.is_cdrom != 0;
    spec.offers_discard =
        libxl_defbool_is_default(disk.discard_enable) || libxl_defbool_val(disk.discard_enable);

    DiskSource& source = spec.source;
    const bool is_writable = disk.readwrite != 0 && !spec.is_cdrom;
    source.sharing = !is_writable         ? Sharing::read_only
                     : prepared.is_shared ? Sharing::shared_writing
                                          : Sharing::exclusive;
    const std::string target = !prepared.target.empty()    ? prepared.target
                               : disk.pdev_path != nullptr ? disk.pdev_path
                                                           : "";
    set_target(text, target, source);
    if (prepared.is_phy) source.path = find_device(source.path);
    if (source.kind == DiskSource::Kind::overlay && !is_writable) {
        // Nobody writes: the base says it all, unless there is an overlay from before.
        if (source.overlay_path.empty()) source.kind = DiskSource::Kind::file;
    } else if (source.path.starts_with("image:") && source.kind == DiskSource::Kind::file &&
               is_writable) {
        source.kind = DiskSource::Kind::overlay;
        notes.push_back(fmt::format(
            "{}: {} is an image, which stays as it is: what the domain writes is gone with it "
            "(overlay:{}:FILE keeps it)",
            spec.vdev, source.path, source.path));
    }
    return spec;
}

std::string rename_root(const std::string& command_line, const std::vector<DiskSpec>& disks) {
    constexpr std::string_view key = "root=/dev/";
    std::string renamed = command_line;
    for (std::size_t at = renamed.find(key); at != renamed.npos; at = renamed.find(key, at + 1)) {
        if (at != 0 && renamed[at - 1] != ' ') continue;
        const std::size_t name = at + key.size();
        const std::size_t end = std::min(renamed.find(' ', name), renamed.size());
        const std::string old_name = renamed.substr(name, end - name);
        const auto device = parse_vdev(old_name);
        if (!device || device->old_name.empty()) continue;
        const std::string_view no_digits = "0123456789";
        const auto disk_of = [&](std::string_view whole) {
            return std::string(whole.substr(0, whole.find_last_not_of(no_digits) + 1));
        };
        // Of that disk, or of a partition of it.
        const bool is_there = std::ranges::any_of(disks, [&](const DiskSpec& disk) {
            return !disk.old_name.empty() && disk_of(disk.old_name) == disk_of(old_name);
        });
        if (is_there) renamed.replace(name, end - name, device->name);
    }
    return renamed;
}

}  // namespace ring3
