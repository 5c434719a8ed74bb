// SPDX-License-Identifier: MIT
#include "hv/control/create_request.hpp"

#include <utility>

#include <fmt/format.h>

namespace ring3 {

GuestSpec guest_spec(DomainConfig config, const FindFile& find_file) {
    GuestSpec spec;
    spec.config = std::move(config);
    spec.kernel_path = find_file(spec.config.kernel);
    if (!spec.config.ramdisk.empty()) spec.ramdisk_path = find_file(spec.config.ramdisk);
    for (DiskSpec& disk : spec.config.disks) {
        for (std::string* path : {&disk.source.path, &disk.source.overlay_path})
            if (!path->empty()) *path = find_file(*path);
    }
    for (VifSpec& vif : spec.config.vifs)
        if (!vif.pcap.empty()) vif.pcap = find_file(vif.pcap);
    return spec;
}

Json create_arguments(const DomainConfig& config, const std::string& text,
                      std::span<const std::string> overrides, const FindFile& find_file) {
    Json files = Json::object();
    guest_spec(config, [&](const std::string& name) {
        files[name] = find_file(name);
        return name;
    });
    return {{"config", text_of_bytes(text)},
            {"path", config.path.string()},
            {"overrides", Json(std::vector<std::string>(overrides.begin(), overrides.end()))},
            {"files", std::move(files)}};
}

GuestSpec guest_spec(const Arguments& arguments) {
    DomainConfig config =
        parse_domain_config(arguments.string("path"), bytes_of_text(arguments.string("config")),
                            arguments.strings("overrides"));
    const Arguments files(arguments.object("files"));
    return guest_spec(std::move(config),
                      [&](const std::string& name) { return files.string(name.c_str()); });
}

}  // namespace ring3
