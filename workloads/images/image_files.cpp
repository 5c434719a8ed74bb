// SPDX-License-Identifier: MIT
#include "workloads/images/image_files.hpp"

#include <array>
#include <cerrno>
#include <fstream>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>

#include <fmt/format.h>

#include "hv/base/errors.hpp"
#include "hv/base/sha256.hpp"
#include "workloads/images/file_descriptor.hpp"

namespace ring3 {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void host_failed(const char* what, const fs::path& path) {
    throw std::system_error{errno, std::generic_category(),
                            fmt::format("cannot {} {}", what, path.string())};
}

FileDescriptor open_file(const fs::path& path, int flags, unsigned permissions = 0) {
    FileDescriptor file{::open(path.c_str(), flags | O_CLOEXEC, permissions)};
    if (!file.is_open()) host_failed("open", path);
    return file;
}

Manifest::File measure_file(const fs::path& path) {
    const FileDescriptor file = open_file(path, O_RDONLY);
    Sha256 hash;
    std::uint64_t size = 0;
    std::array<std::byte, 65536> buffer;
    for (;;) {
        const ssize_t got = ::read(file.raw(), buffer.data(), buffer.size());
        if (got == 0) break;
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) host_failed("read", path);
        hash.update(std::span{buffer}.first(static_cast<std::size_t>(got)));
        size += static_cast<std::uint64_t>(got);
    }
    return {size, hash.finish_hex()};
}

/// One line per file with what changes when somebody changes its content. The time of the last
/// status change is in it since, unlike the others, no program can set that back.
std::string stamps(const fs::path& directory, const Manifest& manifest) {
    std::string lines;
    for (const auto& [name, file] : manifest.files) {
        struct stat status;
        if (::stat((directory / name).c_str(), &status) < 0) return "";
        lines += fmt::format("{} {} {}.{:09} {}.{:09} {}\n", status.st_size, status.st_ino,
                             status.st_mtim.tv_sec, status.st_mtim.tv_nsec, status.st_ctim.tv_sec,
                             status.st_ctim.tv_nsec, name);
    }
    return lines;
}

std::string read_text(const fs::path& path) {
    const FileDescriptor file = open_file(path, O_RDONLY);
    return read_all(file.raw());
}

fs::path stamps_file(const fs::path& directory) {
    return directory.parent_path() / (directory.filename().string() + ".verified");
}

}  // namespace

std::map<std::string, Manifest::File> measure(const fs::path& directory,
                                              const std::vector<std::string>& files) {
    std::map<std::string, Manifest::File> measures;
    for (const std::string& name : files) measures[name] = measure_file(directory / name);
    return measures;
}

Manifest read_manifest(const fs::path& directory) {
    try {
        const std::string text = read_text(directory / "manifest.json");
        if (sha256_hex(text) != directory.filename())
            throw EnvironmentError{"manifest.json is not as it was written"};
        return manifest_of_json(text);
    } catch (const std::system_error& error) {
        throw EnvironmentError{error.what()};
    }
}

std::string find_damage(const fs::path& directory, const Manifest& manifest) {
    const std::string now = stamps(directory, manifest);
    std::error_code ignored;
    if (!now.empty() && fs::exists(stamps_file(directory), ignored) &&
        read_text(stamps_file(directory)) == now)
        return "";
    for (const auto& [name, expected] : manifest.files) {
        const fs::path path = directory / name;
        std::error_code error;
        const std::uintmax_t size = fs::file_size(path, error);
        if (error) return fmt::format("{}: {}", name, error.message());
        if (size != expected.size_bytes)
            return fmt::format("{} has {} bytes, not {}", name, size, expected.size_bytes);
        if (measure_file(path) != expected)
            return fmt::format("{} has another SHA-256 than when it was built", name);
    }
    // Only a memory of work done: a store that cannot be written to works without it. Written
    // beside and renamed, as another process may read it.
    const fs::path beside = fmt::format("{}.{}", stamps_file(directory).string(), ::getpid());
    if (std::ofstream stream{beside}; stream << now) {
        stream.close();
        fs::rename(beside, stamps_file(directory), ignored);
    }
    return "";
}

void write_durably(const fs::path& path, const std::string& content) {
    const FileDescriptor file = open_file(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    for (std::size_t done = 0; done < content.size();) {
        const ssize_t written = ::write(file.raw(), content.data() + done, content.size() - done);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) host_failed("write", path);
        done += static_cast<std::size_t>(written);
    }
    if (::fsync(file.raw()) < 0) host_failed("flush", path);
}

void flush_to_disk(const fs::path& path) {
    const FileDescriptor file = open_file(path, O_RDONLY);
    if (::fsync(file.raw()) < 0) host_failed("flush", path);
}

}  // namespace ring3
