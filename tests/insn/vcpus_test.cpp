// SPDX-License-Identifier: MIT
// Several vCPUs and domains on one engine: each has its own TLBs, changes are told to all that they
// concern and to nobody else, and translated code is everybody's.
#include <gtest/gtest.h>

#include "hv/cpu/translate/vcpu_contexts.hpp"
#include "hv/memory/derived_state.hpp"
#include "tests/insn/bare_guest.hpp"

namespace ring3::test {
namespace {

using namespace entry_bits;
using Bytes = std::vector<std::uint8_t>;

constexpr std::uint64_t flags = present | writable | user | accessed | dirty;
constexpr std::uint64_t base = BareGuest::base, data = BareGuest::data;
const Bytes load_rax{0x48, 0x8b, 0x07};                       // mov rax, [rdi]
const Bytes jump_to_next_page{0xe9, 0xfb, 0x0f, 0x00, 0x00};  // jmp +4096

class Vcpus : public testing::Test {
protected:
    static constexpr DomainId one{1}, two{2};

    explicit Vcpus(std::map<std::string, std::int64_t> engine_params = {})
        : guest(std::move(engine_params)) {}

    /// Tables of their own that map these frames from `base` on.
    struct Space {
        Mfn root{}, l1{};
        std::vector<Mfn> page;
    };
    Mfn allocate(DomainId domain) { return *guest.frames.allocate(domain); }
    void put(Mfn table, std::uint64_t index, Mfn mfn) {
        const std::uint64_t value = mfn.raw << page_shift | flags;
        guest.frames.write(table, index * 8, std::as_bytes(std::span{&value, 1}));
    }
    Space make_space(DomainId domain, std::vector<Mfn> pages) {
        const Mfn l4 = allocate(domain), l3 = allocate(domain), l2 = allocate(domain);
        Space space{l4, allocate(domain), std::move(pages)};
        put(l4, 0, l3);
        put(l3, 0, l2);
        put(l2, 0, space.l1);
        for (std::size_t i = 0; i < space.page.size(); ++i) {
            put(space.l1, (base >> page_shift) + i, space.page[i]);
        }
        EXPECT_EQ(guest.tables.pin(domain, l4, 4), 0);
        return space;
    }
    std::vector<Mfn> new_pages(DomainId domain) {
        std::vector<Mfn> pages;
        for (unsigned i = 0; i < BareGuest::pages; ++i) pages.push_back(allocate(domain));
        return pages;
    }
    CpuState vcpu(DomainId domain, const Space& space, std::uint32_t id = 0) {
        CpuState state = guest.state;
        state.domain = domain;
        state.vcpu = VcpuId{id};
        state.kernel_root = state.user_root = space.root;
        return state;
    }
    void write(Mfn frame, std::uint64_t offset, const Bytes& bytes) {
        guest.frames.write(frame, offset, std::as_bytes(std::span{bytes}));
    }
    void write(Mfn frame, std::uint64_t number) {
        guest.frames.write(frame, 0, std::as_bytes(std::span{&number, 1}));
    }
    Exit run(CpuState& state, std::uint64_t instructions = 1) {
        return guest.engine->run(state, guest.environment, instructions);
    }
    /// What `load_rax` at the start of the code finds in the first page of data.
    std::uint64_t load(CpuState& state) {
        state.rip = base;
        state.reg(Gpr::rdi) = data;
        run(state);
        return state.reg(Gpr::rax);
    }
    /// An L1 entry changes past all that tells of it.
    void smuggle(const Space& space, std::uint64_t va, Mfn mfn) {
        const std::uint64_t value = mfn.raw << page_shift | flags;
        std::memcpy(guest.frames.at(space.l1).host + (va >> page_shift) * 8, &value, sizeof value);
    }
    int change(DomainId domain, const Space& space, std::uint64_t va, Mfn mfn) {
        return guest.tables.update(domain, maddr_of(space.l1, (va >> page_shift) * 8),
                                   mfn.raw << page_shift | flags, EntryUpdate::normal);
    }

    BareGuest guest;
    Space first = make_space(one, new_pages(one)), second = make_space(two, new_pages(two));
};

/// All address spaces of a vCPU take turns in one set of tables.
class VcpusWithOneSpace : public Vcpus {
protected:
    VcpusWithOneSpace() : Vcpus({{"kept_spaces", 1}}) {}
};

TEST_F(Vcpus, see_changes_that_another_vcpu_of_their_domain_makes) {
    write(first.page[0], 0, load_rax);
    write(first.page[2], 1);
    write(first.page[3], 2);
    CpuState a = vcpu(one, first), b = vcpu(one, first, 1);
    EXPECT_EQ(load(a), 1u);
    EXPECT_EQ(load(b), 1u);
    ASSERT_EQ(change(one, first, data, first.page[3]), 0);
    EXPECT_EQ(load(b), 2u);
    EXPECT_EQ(load(a), 2u);
}

TEST_F(VcpusWithOneSpace, never_take_one_address_space_for_another) {
    Space other = make_space(one, new_pages(one));
    for (Space* const space : {&first, &other}) {
        write(space->page[0], 0, load_rax);
        write(space->page[2], space == &first ? 1 : 2);
        write(space->page[3], space == &first ? 3 : 4);
    }
    CpuState a = vcpu(one, first);
    const auto load_in = [&](const Space& space, std::uint64_t address) {
        a.kernel_root = a.user_root = space.root;
        a.rip = base;
        a.reg(Gpr::rdi) = address;
        run(a);
        return a.reg(Gpr::rax);
    };
    // The engine tells spaces apart by a count of 12 bits, which comes round.
    for (unsigned switches = 4085; switches < 4105; ++switches) {
        ASSERT_EQ(load_in(first, data + page_size), 3u);
        for (unsigned i = 0; i < switches; ++i)
            ASSERT_EQ(load_in(i % 2 == 0 ? other : first, data), i % 2 == 0 ? 2u : 1u);
        ASSERT_EQ(load_in(other, data + page_size), 4u) << switches;
    }
}

TEST_F(Vcpus, find_an_address_space_as_they_left_it) {
    Space other = make_space(one, new_pages(one));
    for (Space* const space : {&first, &other}) write(space->page[0], 0, load_rax);
    write(first.page[2], 1);
    write(first.page[3], 2);
    write(other.page[2], 3);
    CpuState a = vcpu(one, first);
    const auto load_in = [&](const Space& space) {
        a.kernel_root = a.user_root = space.root;
        return load(a);
    };
    // Often enough to be taken for spaces that come back.
    for (unsigned i = 0; i < 100; ++i) {
        EXPECT_EQ(load_in(first), 1u);
        EXPECT_EQ(load_in(other), 3u);
    }
    smuggle(first, data, first.page[3]);
    EXPECT_EQ(load_in(first), 1u) << "the TLB was dropped";
    smuggle(first, data, first.page[2]);
    EXPECT_EQ(load_in(other), 3u);
    // What is told while another space is in use concerns all.
    ASSERT_EQ(change(one, first, data, first.page[3]), 0);
    EXPECT_EQ(load_in(other), 3u);
    EXPECT_EQ(load_in(first), 2u);
    // A table that is a root no more, and one again with other entries.
    EXPECT_EQ(load_in(other), 3u);
    ASSERT_EQ(guest.tables.unpin(one, first.root), 0);
    put(first.l1, data >> page_shift, first.page[2]);
    ASSERT_EQ(guest.tables.pin(one, first.root, 4), 0);
    EXPECT_EQ(load_in(first), 1u);
}

TEST_F(Vcpus, of_many_address_spaces_forget_the_oldest) {
    std::vector<Space> spaces;
    for (unsigned i = 0; i < 9; ++i) {
        spaces.push_back(make_space(one, new_pages(one)));
        write(spaces[i].page[0], 0, load_rax);
        write(spaces[i].page[2], i);
    }
    CpuState a = vcpu(one, first);
    for (unsigned turn = 0; turn < 700; ++turn) {
        const unsigned i = turn * 7 % 9;
        a.kernel_root = a.user_root = spaces[i].root;
        EXPECT_EQ(load(a), i);
    }
}

TEST_F(Vcpus, keep_what_changes_of_another_domain_do_not_concern) {
    write(first.page[0], 0, load_rax);
    write(second.page[0], 0, load_rax);
    write(second.page[2], 1);
    write(second.page[3], 2);
    CpuState a = vcpu(one, first), b = vcpu(two, second);
    load(a);
    EXPECT_EQ(load(b), 1u);
    smuggle(second, data, second.page[3]);
    guest.frames.all_pages_changed(one);
    guest.engine->derived_state().page_changed(one, Vaddr{data});
    guest.engine->forget_domain(one);
    load(a);
    EXPECT_EQ(load(b), 1u) << "the TLB was dropped";
    guest.frames.all_pages_changed(two);
    EXPECT_EQ(load(b), 2u);
}

TEST_F(Vcpus, of_a_domain_that_ended_leave_nothing) {
    write(second.page[0], 0, load_rax);
    write(second.page[2], 1);
    write(second.page[3], 2);
    CpuState b = vcpu(two, second);
    EXPECT_EQ(load(b), 1u);
    smuggle(second, data, second.page[3]);
    EXPECT_EQ(load(b), 1u);
    guest.engine->forget_domain(two);
    EXPECT_EQ(load(b), 2u);
}

TEST_F(Vcpus, whose_page_tables_differ_share_code_but_not_what_follows_it) {
    // One frame of code at one address; behind it other frames.
    std::vector<Mfn> others = first.page;
    others[1] = allocate(one);
    const Space third = make_space(one, others);
    write(first.page[0], 0xffa, {0x48, 0xff, 0xc3, 0xb8, 0x11, 0x22});    // inc rbx; mov eax, ...
    write(first.page[1], 0, {0x33, 0x44, 0x48, 0xff, 0xc1, 0x0f, 0x0b});  // inc rcx; ud2
    write(others[1], 0, {0x55, 0x66, 0x48, 0xff, 0xc9, 0x0f, 0x0b});      // dec rcx; ud2
    CpuState a = vcpu(one, first), b = vcpu(one, third, 1);
    for (int i = 0; i < 3; ++i) {
        for (CpuState* each : {&a, &b, &b, &a}) {
            each->rip = base + 0xffa;
            each->reg(Gpr::rcx) = 10;
            EXPECT_EQ(run(*each, 10).vector, 6);
            EXPECT_EQ(each->reg(Gpr::rax), each == &a ? 0x44332211u : 0x66552211u);
            EXPECT_EQ(each->reg(Gpr::rcx), each == &a ? 11u : 9u);
        }
    }
    // And one vCPU that switches between them.
    for (int i = 0; i < 4; ++i) {
        a.rip = base + 0xffa;
        a.kernel_root = i % 2 == 0 ? third.root : first.root;
        EXPECT_EQ(run(a, 10).vector, 6);
        EXPECT_EQ(a.reg(Gpr::rax), i % 2 == 0 ? 0x66552211u : 0x44332211u);
    }
}

TEST_F(Vcpus, see_code_that_another_vcpu_writes) {
    // mov [rdi], rsi at the start; the second page is written to, then run, then written to again.
    write(first.page[0], 0, {0x48, 0x89, 0x37});
    CpuState a = vcpu(one, first), b = vcpu(one, first, 1);
    const auto store = [&](std::uint64_t code) {
        a.rip = base;
        a.reg(Gpr::rdi) = base + page_size;
        a.reg(Gpr::rsi) = code;
        run(a);
    };
    const auto count = [&] {
        b.rip = base + page_size;
        b.reg(Gpr::rcx) = 10;
        EXPECT_EQ(run(b, 10).vector, 6);
        return b.reg(Gpr::rcx);
    };
    for (int i = 0; i < 3; ++i) {
        store(0x0b0f'c1ff'48);  // inc rcx; ud2
        EXPECT_EQ(count(), 11u);
        store(0x0b0f'c9ff'48);  // dec rcx; ud2
        EXPECT_EQ(count(), 9u);
    }
}

TEST_F(Vcpus, see_code_that_a_domain_writes_into_a_frame_it_granted) {
    const Mfn shared = first.page[1];
    guest.frames.granted().allow(shared, one, two, GrantAccess::read);
    ASSERT_EQ(guest.tables.map_granted(two, maddr_of(second.l1, ((base >> page_shift) + 1) * 8),
                                       shared.raw << page_shift | (flags & ~writable), one),
              0);
    write(first.page[0], 0, {0x48, 0x89, 0x37});
    CpuState a = vcpu(one, first), b = vcpu(two, second);
    for (const std::uint64_t code : {0x0b0f'c1ff'48, 0x0b0f'c9ff'48, 0x0b0f'c1ff'48}) {
        a.rip = base;
        a.reg(Gpr::rdi) = base + page_size;
        a.reg(Gpr::rsi) = code;
        run(a);
        b.rip = base + page_size;
        b.reg(Gpr::rcx) = 10;
        EXPECT_EQ(run(b, 10).vector, 6);
        EXPECT_EQ(b.reg(Gpr::rcx), code == 0x0b0f'c1ff'48 ? 11u : 9u);
    }
    ASSERT_EQ(guest.tables.unmap_granted(two, maddr_of(second.l1, ((base >> page_shift) + 1) * 8),
                                         shared, GrantAccess::read, 0),
              0);
    b.rip = base + page_size;
    EXPECT_EQ(run(b).vector, 14) << "and the grant ends for code, too";
}

TEST_F(Vcpus, run_through_more_pages_than_are_remembered) {
    // One frame at 2^18 pages, each of which jumps to the next.
    const Mfn l4 = allocate(one), l3 = allocate(one), l2 = allocate(one), l1 = allocate(one);
    const Mfn code = allocate(one);
    write(code, 0, jump_to_next_page);
    put(l4, 0, l3);
    put(l3, 0, l2);
    for (unsigned i = 0; i < entries_per_table; ++i) {
        put(l2, i, l1);
        put(l1, i, code);
    }
    ASSERT_EQ(guest.tables.pin(one, l4, 4), 0);
    constexpr std::uint64_t steps = AddressCaches::max_fetch_pages * 2 + 100;
    for (const unsigned id : {0u, 1u}) {
        CpuState state = vcpu(one, Space{l4, l1, {}}, id);
        state.rip = 0;
        EXPECT_EQ(run(state, steps).reason, Exit::Reason::budget_spent);
        EXPECT_EQ(state.rip, steps * page_size);
    }
}

TEST(VcpuContexts, are_made_once_and_go_with_their_domain) {
    FrameTable frames{Frames{16}};
    VcpuContexts contexts(frames, nullptr, 0x1234, true, 1, 0);
    CpuState state;
    state.domain = DomainId{1};
    VcpuContext& first = contexts.of(state);
    EXPECT_EQ(first.context.jumps[1][7], 0x1234u);
    EXPECT_EQ(&contexts.of(state), &first);
    state.vcpu = VcpuId{3};
    EXPECT_NE(&contexts.of(state), &first);
    state.domain = DomainId{2};
    contexts.of(state);
    EXPECT_EQ(contexts.size(), 3u);
    contexts.forget(DomainId{1});
    EXPECT_EQ(contexts.size(), 1u);
    contexts.forget(DomainId{2});
    contexts.forget(DomainId{2});
    EXPECT_EQ(contexts.size(), 0u);
}

}  // namespace
}  // namespace ring3::test
