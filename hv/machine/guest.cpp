// SPDX-License-Identifier: MIT
#include "hv/machine/guest.hpp"

#include <utility>

#include <fmt/format.h>

#include "hv/abi/sched.hpp"
#include "hv/base/check.hpp"
#include "hv/base/errors.hpp"
#include "hv/base/sha256.hpp"
#include "hv/domain/builder/boot_file.hpp"
#include "hv/domain/builder/builder.hpp"
#include "hv/machine/store_nodes.hpp"

namespace ring3 {
namespace {

/// The files of a start, and what the builder is told. Freed when the domain is built.
struct Start {
    explicit Start(const GuestSpec& spec) {
        const DomainConfig& config = spec.config;
        kernel = load_kernel(read_boot_file(spec.kernel_path, "kernel"), config.kernel,
                             config.memory.raw * page_size);
        if (!spec.ramdisk_path.empty()) initrd = read_boot_file(spec.ramdisk_path, "initrd");
        params.memory = config.memory;
        params.kernel = &kernel;
        params.initrd = initrd;
        params.command_line = config.command_line;
    }
    Start(const Start&) = delete;
    Start& operator=(const Start&) = delete;

    KernelImage kernel;
    std::vector<std::byte> initrd;
    BuildParams params;
};

EventPort back_end_port(Domain& domain) {
    const int port = domain.events().alloc_unbound(domain0);
    HV_CHECK(port > 0, "a new domain has no event channel");
    return EventPort{static_cast<std::uint32_t>(port)};
}

}  // namespace

std::string describe_build(const GuestSpec& spec, Frames free_frames) {
    const Start start(spec);
    check_build(start.params, free_frames);
    const Layout layout = plan_layout(start.kernel, start.initrd.size(), start.params.memory);
    return describe(layout);
}

Guest::Guest(GuestSpec spec) : spec_(std::move(spec)), name_(spec_.config.name) {}

Guest::~Guest() = default;

std::string Guest::identity() const {
    const DomainConfig& config = spec_.config;
    Sha256 hash;
    hash.update(fmt::format("{}\n{}\n{}\n{} {} {} {}\n", config.name, to_string(config.uuid),
                            config.command_line, config.memory.raw, config.max_memory.raw,
                            config.vcpus, config.max_vcpus));
    hash.update(to_string(config.scheduling) + config.pool);
    hash.update(read_boot_file(spec_.kernel_path, "kernel"));
    if (!spec_.ramdisk_path.empty()) hash.update(read_boot_file(spec_.ramdisk_path, "initrd"));
    return hash.finish_hex();
}

void Guest::make(DomainId id, Hypervisor& hypervisor, PageTables& tables) {
    HV_CHECK(!domain_, "the guest has a domain already");
    Domain::Parameters parameters;
    parameters.id = id;
    parameters.name = name_;
    parameters.uuid = spec_.config.uuid;
    parameters.max_memory = spec_.config.max_memory;
    parameters.vcpus = spec_.config.max_vcpus;
    parameters.cpu_model = spec_.cpu_model;
    domain_ = std::make_unique<Domain>(hypervisor, tables, std::move(parameters));
}

void Guest::build(store::Store& store, DriverDomain& driver_domain) {
    {
        Start start(spec_);
        start.params.domain = domain_->id();
        start.params.store_port = back_end_port(*domain_).raw;
        start.params.console_port = back_end_port(*domain_).raw;
        if (spec_.starts_paused) domain_->pause();
        domain_->adopt(build_domain(start.params, domain_->tables()));
    }
    FrameTable& frames = domain_->frames();
    write_store_nodes(store, *domain_, name_, spec_.config);
    console_port_ = std::make_unique<BackEndPort>(*domain_, domain_->console.port,
                                                  [this] { console_->drain(); });
    store_task_ = std::make_unique<DriverDomain::Task>(driver_domain, [this, &driver_domain] {
        driver_domain.charge({.requests = 1});
        store_->serve();
    });
    store_port_ = std::make_unique<BackEndPort>(*domain_, domain_->store.port,
                                                [this] { store_task_->schedule(); });
    HV_CHECK(console_port_->is_bound() && store_port_->is_bound(),
             "the back ends' event channels are taken");
    console_ = std::make_unique<Console>(frames, domain_->console.mfn,
                                         [this] { console_port_->notify(); });
    console_->set_sink([this](std::span<const std::byte> bytes) {
        if (spec_.show) spec_.show(bytes);
        if (on_output) on_output();
    });
    store_ = std::make_unique<store::Connection>(frames, domain_->store.mfn, store, domain_->id(),
                                                 [this] { store_port_->notify(); });
    store.introduce(domain_->id());
}

void Guest::destroy(store::Store& store) {
    if (!domain_) return;
    last_reason_ = domain_->shutdown_reason();
    if (store_) {
        store.release(domain_->id());
        remove_store_nodes(store, *domain_);
    }
    devices_.clear();
    store_task_.reset();
    console_port_.reset();
    store_port_.reset();
    console_.reset();
    store_.reset();
    domain_->release_memory();
    domain_.reset();
}

bool Guest::has_crashed() const {
    const auto reason = shutdown_reason();
    return reason == SHUTDOWN_crash || reason == SHUTDOWN_watchdog;
}

void Guest::attach(std::unique_ptr<xenbus::BackEnd> device) {
    xenbus::BackEnd& attached = *devices_.emplace_back(std::move(device));
    attached.on_closed = [this, &attached] { tear_off(attached); };
    attached.open();
}

void Guest::detach(xenbus::BackEnd& device) { device.close(); }

void Guest::tear_off(xenbus::BackEnd& device) {
    const std::string kind = device.kind();
    const std::uint32_t number = device.number();
    std::erase_if(devices_, [&](const auto& each) { return each.get() == &device; });
    if (on_device_gone) on_device_gone(kind, number);
}

void Guest::poll_back_ends() {
    if (console_) console_->drain();
}

void Guest::deliver_watch(std::string_view path, std::string_view token) {
    if (!store_) return;
    store_->add_event(path, token);
    store_task_->schedule();
}

}  // namespace ring3
