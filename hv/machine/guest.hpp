// SPDX-License-Identifier: MIT
// One domain of a machine as its user sees it: made from a config, with its back ends, and made
// again when it reboots. The Domain inside changes then; the Guest stays.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "hv/base/units.hpp"
#include "hv/domain/back_end_port.hpp"
#include "hv/domain/domain.hpp"
#include "hv/io/console/console.hpp"
#include "hv/io/driver_domain.hpp"
#include "hv/io/store/connection.hpp"
#include "hv/io/store/store.hpp"
#include "hv/io/xenbus/back_end.hpp"
#include "hv/machine/config/domain_config.hpp"

namespace ring3 {

/// What a guest is made from. The files are read at each start.
struct GuestSpec {
    DomainConfig config;
    /// Paths of files, image names resolved. An empty ramdisk: none.
    std::string kernel_path;
    std::string ramdisk_path;
    const CpuModel* cpu_model = &default_cpu_model();
    bool starts_paused = false;
    /// Gets the console's output.
    Console::Sink show;
    /// What is typed at the console, in a closed world (see ScriptedInput).
    std::vector<std::byte> scripted_input;
};

/// Reads the kernel and the initrd and says what would be built, for people. Throws as a start
/// does.
std::string describe_build(const GuestSpec& spec, Frames free_frames);

class Guest final {
public:
    explicit Guest(GuestSpec spec);
    ~Guest();
    Guest(const Guest&) = delete;
    Guest& operator=(const Guest&) = delete;

    const GuestSpec& spec() const { return spec_; }
    /// The SHA-256 of all that it is made from, the contents of its files included.
    std::string identity() const;
    /// xl adds a number when an earlier domain of this name is kept.
    const std::string& name() const { return name_; }
    void rename(std::string name) { name_ = std::move(name); }

    /// Makes an empty domain with its event channels.
    void make(DomainId id, Hypervisor& hypervisor, PageTables& tables);
    /// Fills it: kernel, memory, back ends. Its first vCPU is runnable from then on. Throws
    /// ConfigError or EnvironmentError.
    void build(store::Store& store, DriverDomain& driver_domain);
    /// Takes the domain away, with its memory and what the store holds of it.
    void destroy(store::Store& store);

    /// Null before make() and after destroy().
    Domain* domain() { return domain_.get(); }
    /// Made, and neither shut down nor destroyed.
    bool is_alive() const { return domain_ && !domain_->shutdown_reason(); }
    /// Why the last domain ended.
    std::optional<std::uint32_t> shutdown_reason() const {
        return domain_ ? domain_->shutdown_reason() : last_reason_;
    }

    /// By its own doing or by a watchdog.
    bool has_crashed() const;

    /// Adds a device to the domain that there is. The guest's driver finds it by itself.
    void attach(std::unique_ptr<xenbus::BackEnd> device);
    /// Asks the guest to let go of a device, which is gone when it has.
    void detach(xenbus::BackEnd& device);
    /// Takes a device away, whatever the guest does with it.
    void tear_off(xenbus::BackEnd& device);
    /// Called when a device was taken away from a domain that goes on.
    std::function<void(const std::string& kind, std::uint32_t number)> on_device_gone;
    const std::vector<std::unique_ptr<xenbus::BackEnd>>& devices() const { return devices_; }

    /// What back ends do without being asked: a guest that finds its console's ring full spins.
    void poll_back_ends();
    void deliver_watch(std::string_view path, std::string_view token);
    /// Null before build() and after destroy().
    Console* console() { return console_.get(); }
    /// When the console has shown something.
    std::function<void()> on_output;

private:
    GuestSpec spec_;
    std::string name_;
    std::unique_ptr<Domain> domain_;
    std::unique_ptr<BackEndPort> console_port_;
    std::unique_ptr<BackEndPort> store_port_;
    std::unique_ptr<Console> console_;
    std::unique_ptr<store::Connection> store_;
    std::unique_ptr<DriverDomain::Task> store_task_;
    std::vector<std::unique_ptr<xenbus::BackEnd>> devices_;
    std::optional<std::uint32_t> last_reason_;
};

}  // namespace ring3
