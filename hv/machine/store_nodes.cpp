// SPDX-License-Identifier: MIT
#include "hv/machine/store_nodes.hpp"

#include <string_view>

#include <fmt/format.h>

#include "hv/base/check.hpp"
#include "hv/machine/config/uuid.hpp"

namespace ring3 {
namespace {

using store::Permissions;
using store::Rights;

std::string vm_path(const Domain& domain) { return "/vm/" + to_string(domain.uuid()); }

/// Writes below one folder, as domain 0.
class Writer {
public:
    Writer(store::Store& store, std::string folder, Permissions permissions)
        : store_(store), folder_(std::move(folder)), permissions_(std::move(permissions)) {
        put(folder_, "");
    }
    void put(std::string_view name, const std::string& value) const {
        const std::string path =
            name.starts_with('/') ? std::string(name) : fmt::format("{}/{}", folder_, name);
        const store::Error written = store_.write(domain0, 0, path, value);
        const store::Error set = store_.set_permissions(domain0, 0, path, permissions_);
        HV_CHECK(written == store::Error::none && set == store::Error::none,
                 "domain 0 cannot write to the store");
    }

private:
    store::Store& store_;
    std::string folder_;
    Permissions permissions_;
};

std::string kib(Frames frames) { return fmt::to_string(frames.raw * (page_size / 1024)); }

}  // namespace

void write_store_nodes(store::Store& store, const Domain& domain, const std::string& name,
                       const DomainConfig& config) {
    const std::string home = store::Store::home_of(domain.id());
    const Permissions guest_reads{{domain0, Rights::none}, {domain.id(), Rights::read}};
    const Permissions guest_owns{{domain.id(), Rights::none}};

    const Writer vm(store, vm_path(domain), guest_reads);
    vm.put("name", name);
    vm.put("uuid", to_string(domain.uuid()));
    vm.put("image", "");
    vm.put("image/ostype", "linux");

    const Writer read_only(store, home, guest_reads);
    read_only.put("vm", vm_path(domain));
    read_only.put("name", name);
    read_only.put("domid", fmt::to_string(domain.id().raw));
    for (const char* folder : {"cpu", "memory", "device", "control", "console", "store"})
        read_only.put(folder, "");
    for (std::uint32_t vcpu = 0; vcpu < config.max_vcpus; ++vcpu) {
        read_only.put(fmt::format("cpu/{}", vcpu), "");
        read_only.put(fmt::format("cpu/{}/availability", vcpu),
                      vcpu < config.vcpus ? "online" : "offline");
    }
    read_only.put("memory/static-max", kib(config.max_memory));
    read_only.put("memory/target", kib(config.memory));
    read_only.put("control/platform-feature-multiprocessor-suspend", "1");
    read_only.put("control/platform-feature-xs_reset_watches", "1");
    read_only.put("console/backend-id", "0");
    read_only.put("console/type", "xenconsoled");
    read_only.put("console/limit", "1048576");
    read_only.put("console/output", "pty");
    read_only.put("console/port", fmt::to_string(domain.console.port.raw));
    read_only.put("console/ring-ref", fmt::to_string(domain.console.mfn.raw));
    read_only.put("store/port", fmt::to_string(domain.store.port.raw));
    read_only.put("store/ring-ref", fmt::to_string(domain.store.mfn.raw));

    const Writer guests_own(store, home + "/data", guest_owns);
    for (const char* node : {"control/shutdown", "control/feature-poweroff",
                             "control/feature-reboot", "control/feature-suspend", "control/sysrq",
                             "device/suspend/event-channel", "drivers", "feature", "attr", "error"})
        guests_own.put(fmt::format("{}/{}", home, node), "");
}

void write_vcpu_availability(store::Store& store, const Domain& domain, std::uint32_t vcpus) {
    for (std::uint32_t vcpu = 0; vcpu < domain.vcpu_count(); ++vcpu) {
        const std::string path =
            fmt::format("{}/cpu/{}/availability", store::Store::home_of(domain.id()), vcpu);
        const store::Error error =
            store.write(domain0, 0, path, vcpu < vcpus ? "online" : "offline");
        HV_CHECK(error == store::Error::none, "domain 0 cannot write to the store");
    }
}

void remove_store_nodes(store::Store& store, const Domain& domain) {
    store.remove(domain0, 0, store::Store::home_of(domain.id()));
    store.remove(domain0, 0, vm_path(domain));
}

}  // namespace ring3
