// SPDX-License-Identifier: MIT
#include "workloads/images/busybox.hpp"

#include <algorithm>
#include <cerrno>
#include <sstream>
#include <system_error>

#include <sys/mman.h>
#include <unistd.h>

#include <fmt/format.h>

#include "hv/base/errors.hpp"
#include "workloads/images/archive.hpp"
#include "workloads/images/process.hpp"

namespace ring3 {

std::string busybox_of(const std::filesystem::path& deb) {
    Process unpack{{"dpkg-deb", "--fsys-tarfile", deb.string()}, "/"};
    ArchiveReader reader{unpack.output()};
    std::string program;
    while (reader.next())
        if (reader.is_file() && reader.path().ends_with("bin/busybox")) program = reader.content();
    unpack.wait();
    if (program.empty())
        throw EnvironmentError{fmt::format("{} holds no bin/busybox", deb.string())};
    return program;
}

std::vector<std::string> busybox_tools(const std::string& busybox) {
    // Run from memory: the store may lie on a file system from which nothing may be executed.
    const FileDescriptor file{::memfd_create("busybox", 0)};
    for (std::size_t done = 0; done < busybox.size();) {
        const ssize_t written = ::write(file.raw(), busybox.data() + done, busybox.size() - done);
        if (written < 0) throw std::system_error{errno, std::generic_category(), "busybox"};
        done += static_cast<std::size_t>(written);
    }
    std::istringstream lines{
        output_of({"busybox", "--list-full"}, "/", fmt::format("/proc/self/fd/{}", file.raw()))};
    std::vector<std::string> tools;
    for (std::string line; std::getline(lines, line);)
        if (line != "bin/busybox" && line != "linuxrc") tools.push_back(line);
    std::ranges::sort(tools);
    return tools;
}

}  // namespace ring3
