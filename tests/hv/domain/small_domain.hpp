// SPDX-License-Identifier: MIT
// A domain of 64 frames made by hand, a machine around it that only remembers what it was asked,
// and hypercalls as an engine would hand them over.
//
//   pfn  0..31  data, mapped writable at data_va (30: console ring, 31: store ring)
//   pfn 40..43  L1, L2, L3, L4 of these mappings, mapped read-only at table_va
//   pfn 44..63  mapped nowhere
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hv/abi/errors.hpp"
#include "hv/abi/xen.hpp"
#include "hv/domain/builder/builder.hpp"
#include "hv/domain/domain.hpp"
#include "hv/memory/accounting_check.hpp"

namespace ring3 {

class FakeHypervisor final : public Hypervisor {
public:
    Time now(const Vcpu&) override { return time; }
    std::chrono::nanoseconds wall_clock_base() override {
        return std::chrono::seconds{(std::int64_t{1} << 32) + 5} + std::chrono::nanoseconds{7};
    }
    std::uint64_t random_seed(DomainId id) override { return id.raw; }

    bool charge(const Vcpu&, Cost cost, std::uint64_t count) override {
        charged[cost] += count;
        return takes_time;
    }
    void set_timer(Vcpu&, std::optional<Time> deadline) override { timer = deadline; }
    void wake(Vcpu&) override { ++wakes; }
    void domain_shutdown(Domain&) override { ++shutdowns; }
    Domain* find_domain(DomainId id) override {
        const auto found = others.find(id.raw);
        return found == others.end() ? nullptr : found->second;
    }
    void log(LogLevel, std::string_view line) override { lines.emplace_back(line); }

    trace::Recorder& trace() override { return recorder; }

    bool logged(std::string_view part) const {
        for (const std::string& line : lines) {
            if (line.find(part) != std::string::npos) return true;
        }
        return false;
    }

    Time time{Duration{1'000'000}};
    std::optional<Time> timer;
    std::map<Cost, std::uint64_t> charged;
    /// Whether what is charged moves the time on.
    bool takes_time = false;
    int wakes = 0;
    int shutdowns = 0;
    std::vector<std::string> lines;
    std::map<std::uint16_t, Domain*> others;
    trace::Recorder recorder{[this] { return time; }};
};

/// What domains of one machine share.
struct SmallMachine {
    FrameTable frames{Frames{256}};
    PageTables tables{frames};
    FakeHypervisor hypervisor;
};

class SmallDomain {
public:
    static constexpr std::uint64_t data_va = 0x1000'0000, table_va = data_va + 0x28000,
                                   unmapped_va = data_va + 0x80000, stack_top = data_va + 0x8000;
    static constexpr std::uint64_t pages = 64, first_table = 40;
    static constexpr std::uint64_t present = 1, writable = 2, user = 4, accessed = 0x20;

    explicit SmallDomain(std::uint32_t vcpus = 1, DomainId id = DomainId{1})
        : SmallDomain(std::make_unique<SmallMachine>(), nullptr, vcpus, id) {}
    /// One of several, which find each other.
    SmallDomain(SmallMachine& machine, DomainId id, std::uint32_t vcpus = 1)
        : SmallDomain(nullptr, &machine, vcpus, id) {
        hypervisor.others[id.raw] = &domain;
    }

private:
    SmallDomain(std::unique_ptr<SmallMachine> own, SmallMachine* shared, std::uint32_t vcpus,
                DomainId id)
        : own_machine_(std::move(own)),
          machine_(shared != nullptr ? *shared : *own_machine_),
          frames(machine_.frames),
          tables(machine_.tables),
          hypervisor(machine_.hypervisor),
          domain(hypervisor, tables,
                 {.id = id, .name = "small", .max_memory = Frames{pages + 8}, .vcpus = vcpus}) {
        BuiltDomain built;
        built.domain = id;
        for (std::uint64_t pfn = 0; pfn < pages; ++pfn) {
            built.p2m.push_back(*frames.allocate(id));
            frames.set_m2p(built.p2m.back(), Pfn{pfn});
        }
        p2m = built.p2m;
        make_tables();
        built.root = p2m[first_table + 3];
        built.shared_info = *frames.allocate(id);
        built.console = p2m[30];
        built.store = p2m[31];
        built.store_port = static_cast<std::uint32_t>(domain.events().alloc_unbound(domain0));
        built.console_port = static_cast<std::uint32_t>(domain.events().alloc_unbound(domain0));
        built.entry = Vaddr{data_va};
        built.stack_top = Vaddr{stack_top};
        const bool made = tables.get_writable_page(id, built.shared_info) == 0 &&
                          tables.pin(id, built.root, 4) == 0 &&
                          tables.get_table(id, built.root, 4) == 0;
        HV_CHECK(made, "the small domain is refused");
        domain.adopt(built);
        vcpu().info().set_upcall_mask(1);
    }

    std::unique_ptr<SmallMachine> own_machine_;
    SmallMachine& machine_;

public:
    Vcpu& vcpu(std::uint32_t id = 0) { return domain.vcpu(VcpuId{id}); }
    CpuState& cpu() { return vcpu().cpu; }
    std::uint64_t table_mfn(int level) const {
        return p2m[first_table + static_cast<std::uint64_t>(level) - 1].raw;
    }
    /// Machine address of the L1 entry that maps this page.
    std::uint64_t entry_address(std::uint64_t va) const {
        return (table_mfn(1) << page_shift) + (va - data_va) / page_size * 8;
    }
    std::uint64_t entry(std::uint64_t va) {
        std::uint64_t value;
        std::memcpy(&value, frames.at(p2m[first_table]).host + (entry_address(va) & ~page_mask),
                    sizeof value);
        return value;
    }

    template <class T>
    void put(std::uint64_t va, const T& value) {
        const auto fault = write_guest(vcpu().kernel_space(), Vaddr{va}, value);
        HV_CHECK(!fault, "the test writes where nothing is mapped");
    }
    template <class T>
    T get(std::uint64_t va) {
        T value;
        const auto fault = read_guest(vcpu().kernel_space(), Vaddr{va}, value);
        HV_CHECK(!fault, "the test reads where nothing is mapped");
        return value;
    }
    std::uint64_t get64(std::uint64_t va) { return get<std::uint64_t>(va); }

    /// SYSCALL in kernel mode by vCPU `id`; answers RAX.
    std::int64_t hypercall(std::uint64_t number, std::array<std::uint64_t, 6> arguments = {},
                           std::uint32_t id = 0) {
        CpuState& state = vcpu(id).cpu;
        state.reg(Gpr::rax) = number;
        constexpr std::array registers{Gpr::rdi, Gpr::rsi, Gpr::rdx, Gpr::r10, Gpr::r8, Gpr::r9};
        for (std::size_t i = 0; i < registers.size(); ++i) state.reg(registers[i]) = arguments[i];
        last = leave(syscall_exit(), id);
        return static_cast<std::int64_t>(state.reg(Gpr::rax));
    }
    /// A hypercall whose argument structure stands at the start of the data.
    template <class T>
    std::int64_t hypercall_with(std::uint64_t number, std::uint64_t operation, const T& argument) {
        put(data_va, argument);
        return hypercall(number, {operation, data_va, 1});
    }
    /// vcpu_op has the vCPU between the operation and the argument.
    template <class T>
    std::int64_t hypercall_vcpu(std::uint64_t operation, std::uint64_t id, const T& argument) {
        put(data_va, argument);
        return hypercall(__HYPERVISOR_vcpu_op, {operation, id, data_va});
    }
    template <class T>
    T argument() {
        return get<T>(data_va);
    }

    static Exit syscall_exit() {
        Exit exit;
        exit.reason = Exit::Reason::syscall;
        exit.length = 2;
        return exit;
    }
    /// As an engine would leave: an instruction that retired has moved RIP and the count.
    Domain::Next leave(const Exit& exit, std::uint32_t id = 0) {
        CpuState& state = vcpu(id).cpu;
        if (exit.reason == Exit::Reason::syscall || exit.reason == Exit::Reason::interrupt) {
            state.rip += exit.length;
            ++state.retired;
        }
        if (exit.reason == Exit::Reason::syscall) {
            state.reg(Gpr::rcx) = state.rip;
            state.reg(Gpr::r11) = state.rflags;
        }
        return last = domain.handle_exit(vcpu(id), exit);
    }
    /// All references that the domain holds and that its tables do not explain.
    void add_references(OutsideReferences& held) {
        for (const Mfn frame : domain.grants().frames()) held.writable.push_back(frame);
        held.writable.push_back(domain.shared_info());
        held.writable.push_back(domain.console.mfn);
        held.writable.push_back(domain.store.mfn);
        if (domain.eoi_map) held.writable.push_back(*domain.eoi_map);
        for (std::uint32_t id = 0; id < domain.vcpu_count(); ++id) {
            Vcpu& each = vcpu(id);
            for (const Mfn root : {each.cpu.kernel_root, each.cpu.user_root}) {
                if (root.raw != 0) held.roots.push_back(root);
            }
            held.descriptors.insert(held.descriptors.end(), each.gdt_frames.begin(),
                                    each.gdt_frames.end());
            if (each.info().mfn() != domain.shared_info()) {
                held.writable.push_back(each.info().mfn());
            }
        }
        for (const GrantMappings::Mapping& mapping : domain.grants().mappings().all()) {
            if (mapping.device) {
                held.granted.push_back({domain.id(), mapping.mfn, mapping.access});
            }
        }
    }
    /// Goes to user mode with the same tables as the kernel's.
    void enter_user_mode() {
        const int result = vcpu().set_user_root(vcpu().cpu.kernel_root);
        HV_CHECK(result == 0, "no user root");
        vcpu().toggle_guest_mode();
        cpu().sel(Segment::cs) = FLAT_USER_CS64;
        cpu().sel(Segment::ss) = FLAT_USER_SS64;
    }

    FrameTable& frames;
    PageTables& tables;
    FakeHypervisor& hypervisor;
    Domain domain;
    std::vector<Mfn> p2m;
    Domain::Next last = Domain::Next::run;

private:
    void make_tables() {
        const auto link = [this](int level, std::uint64_t index, std::uint64_t value) {
            frames.write(p2m[first_table + static_cast<std::uint64_t>(level) - 1], index * 8,
                         std::as_bytes(std::span{&value, 1}));
        };
        for (int level = 4; level > 1; --level) {
            const std::uint64_t index = data_va >> (page_shift + 9 * (level - 1)) & 511;
            link(level, index,
                 table_mfn(level - 1) << page_shift | present | writable | user | accessed);
        }
        static_assert((data_va >> page_shift & 511) == 0);
        for (std::uint64_t pfn = 0; pfn < first_table + 4; ++pfn) {
            const std::uint64_t frame = p2m[pfn].raw << page_shift | present | accessed;
            if (pfn < 32) link(1, pfn, frame | writable);
            if (pfn >= first_table) link(1, pfn, frame);
        }
    }
};

}  // namespace ring3
