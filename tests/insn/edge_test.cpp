// SPDX-License-Identifier: MIT
// What random operands do not reach: budgets and faults in the middle of string instructions,
// LOCK where it does not belong, code that writes over itself, single-stepping, breakpoints.
#include <gtest/gtest.h>

#include "hv/cpu/decode/insn.hpp"
#include "hv/cpu/translate/context.hpp"
#include "tests/insn/bare_guest.hpp"
#include "tests/insn/many_places_guest.hpp"

namespace ring3::test {
namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::uint64_t second_data_page = BareGuest::data + page_size;

TEST(StringInsn, ends_at_any_budget_and_goes_on) {
    for (const unsigned opcode : {0xa4u, 0xaau, 0xa6u, 0xaeu, 0xacu}) {
        for (const bool down : {false, true}) {
            for (std::uint64_t split = 1; split < 40; split += 3) {
                BareGuest whole, parts;
                for (BareGuest* guest : {&whole, &parts}) {
                    CpuState& state = guest->state;
                    state.reg(Gpr::rcx) = 40;
                    state.reg(Gpr::rsi) = second_data_page - 20;
                    state.reg(Gpr::rdi) = second_data_page + page_size - 11;
                    if (down) state.rflags |= rflags::df;
                    guest->write(second_data_page - 64, Bytes(256, 0));
                    guest->write(BareGuest::base,
                                 Bytes{0xf3, static_cast<std::uint8_t>(opcode), 0x0f, 0x0b});
                }
                whole.run(1000);
                parts.run(split);
                EXPECT_EQ(parts.state.retired, split);
                EXPECT_EQ(parts.state.reg(Gpr::rcx), 40 - split);
                EXPECT_EQ(parts.state.rip, BareGuest::base);
                parts.run(1000);
                EXPECT_EQ(parts.state.gpr, whole.state.gpr);
                EXPECT_EQ(parts.state.rflags, whole.state.rflags);
                EXPECT_EQ(parts.state.retired, whole.state.retired);
                Bytes a(BareGuest::data_pages * page_size), b = a;
                whole.read(BareGuest::data, a);
                parts.read(BareGuest::data, b);
                EXPECT_EQ(a, b);
            }
        }
    }
}

/// Operands that share a look-up: the index of the first, the page of the last. Neither is mapped.
TEST(SharedLookup, finds_nothing_where_the_operands_are_on_both_sides_of_a_page_s_end) {
    constexpr std::uint32_t pages[] = {0, 1, 2, Tlb::entries};
    for (const std::uint32_t page : pages) {
        const std::uint64_t end = page * page_size;
        BareGuest guest;
        // cmp eax, eax; three times mov eax, gs:[end + offset]; setb al, so that the flags live
        Bytes code{0x39, 0xc0};
        for (const std::int32_t offset : {-8, 8, 32}) {
            const auto address =
                static_cast<std::uint32_t>(end) + static_cast<std::uint32_t>(offset);
            code.insert(code.end(), {0x65, 0x8b, 0x04, 0x25});
            for (unsigned i = 0; i < 32; i += 8)
                code.push_back(static_cast<std::uint8_t>(address >> i));
        }
        code.insert(code.end(), {0x0f, 0x92, 0xc0});
        guest.write(BareGuest::base, code);
        const Exit exit = guest.run(1000);
        EXPECT_EQ(exit.reason, Exit::Reason::exception) << exit.text;
        EXPECT_EQ(exit.vector, 14);
        EXPECT_EQ(exit.address, end - 8);
        EXPECT_EQ(guest.state.retired, 1u);
    }
}

/// The same for stores, after the second level has moved an entry that may only be read.
TEST(SharedLookup, stores_nothing_to_a_page_that_may_only_be_read) {
    constexpr std::uint64_t page = 0x7000'0000'0000, same_entry = page + Tlb::entries * page_size;
    ManyPlacesGuest places(ManyPlacesGuest::settings_for(IsaLevel::x86_64_v2));
    BareGuest& guest = places.guest;
    places.map(Vaddr{page}, guest.page[2], false);
    places.map(Vaddr{page + page_size}, guest.page[3]);
    places.map(Vaddr{same_entry}, guest.page[4]);
    // mov rax, [rsi]; mov rax, [rdi]; cmp eax, eax; mov [rdi+0xff8], rdi; mov [rdi+0x1008], rdi;
    // setb al
    guest.write(BareGuest::base,
                Bytes{0x48, 0x8b, 0x06, 0x48, 0x8b, 0x07, 0x39, 0xc0, 0x48, 0x89, 0xbf, 0xf8, 0x0f,
                      0x00, 0x00, 0x48, 0x89, 0xbf, 0x08, 0x10, 0x00, 0x00, 0x0f, 0x92, 0xc0});
    for (int i = 0; i < 3; ++i) {
        guest.state.reg(Gpr::rdi) = page;
        guest.state.reg(Gpr::rsi) = same_entry;
        guest.state.rip = BareGuest::base;
        const Exit exit = places.core->run(guest.state, guest.environment, 1000);
        EXPECT_EQ(exit.reason, Exit::Reason::exception) << exit.text;
        EXPECT_EQ(exit.vector, 14);
        EXPECT_EQ(exit.address, page + 0xff8);
        EXPECT_EQ(guest.read<std::uint64_t>(BareGuest::data + 0xff8), 0u);
        EXPECT_EQ(guest.read<std::uint64_t>(BareGuest::data + page_size + 8), 0u);
    }
}

/// Of whatever the host's registers hold meanwhile the guest sees nothing.
TEST(BitScan, of_zero_leaves_its_destination_as_it_is) {
    for (const std::uint8_t opcode : {std::uint8_t{0xbc}, std::uint8_t{0xbd}}) {
        for (unsigned destination = 0; destination < 16; ++destination) {
            const unsigned source = (destination + 1) % 16;
            BareGuest guest;
            guest.state.reg(static_cast<Gpr>(destination)) = 0x1122'3344'5566'7788;
            guest.state.reg(static_cast<Gpr>(source)) = 0;
            const auto rex =
                static_cast<std::uint8_t>(0x48 | (destination >> 3) << 2 | source >> 3);
            const auto modrm =
                static_cast<std::uint8_t>(0xc0 | (destination & 7) << 3 | (source & 7));
            guest.write(BareGuest::base, Bytes{rex, 0x0f, opcode, modrm, 0x0f, 0x0b});
            EXPECT_EQ(guest.run(1000).vector, 6);
            EXPECT_EQ(guest.state.reg(static_cast<Gpr>(destination)), 0x1122'3344'5566'7788u)
                << destination;
        }
    }
}

TEST(Rdrand, writes_its_register_at_any_width_and_sets_the_carry_flag_alone) {
    constexpr std::uint64_t number = 0x1234'5678'9abc'def0, old = 0x1111'2222'3333'4444;
    const std::pair<Bytes, std::uint64_t> widths[] = {
        {{0x49, 0x0f, 0xc7, 0xf1}, number},                            // rdrand r9
        {{0x41, 0x0f, 0xc7, 0xf1}, number & 0xffff'ffff},              // rdrand r9d
        {{0x66, 0x41, 0x0f, 0xc7, 0xf1}, (old & ~0xffffull) | 0xdef0}  // rdrand r9w
    };
    for (const auto& [code, expected] : widths) {
        BareGuest guest;
        guest.state.reg(Gpr::r9) = old;
        guest.state.rflags |= rflags::zf | rflags::of | rflags::sf;
        guest.write(BareGuest::base, code);
        // What reads the flags behind it must find them: PUSHF.
        guest.write(BareGuest::base + code.size(), Bytes{0x9c, 0x0f, 0x0b});
        EXPECT_EQ(guest.run(1000).vector, 6);
        EXPECT_EQ(guest.state.reg(Gpr::r9), expected);
        const auto flags = guest.read<std::uint64_t>(guest.state.reg(Gpr::rsp));
        EXPECT_EQ(flags & rflags::arithmetic, rflags::cf);
    }
}

TEST(StringInsn, keeps_the_iterations_before_a_fault) {
    BareGuest guest;
    guest.state.reg(Gpr::rcx) = 100;
    guest.state.reg(Gpr::rax) = 0x1122334455667788;
    guest.state.reg(Gpr::rdi) = BareGuest::end - 44;
    guest.write(BareGuest::base, Bytes{0xf3, 0x48, 0xab});  // rep stosq
    const Exit exit = guest.run(1000);
    EXPECT_EQ(exit.vector, 14);
    EXPECT_EQ(exit.address, BareGuest::end);
    EXPECT_EQ(exit.error_code, 2u);
    EXPECT_EQ(guest.state.retired, 5u);
    EXPECT_EQ(guest.state.reg(Gpr::rcx), 95u);
    EXPECT_EQ(guest.state.reg(Gpr::rdi), BareGuest::end - 4);
    EXPECT_EQ(guest.state.rip, BareGuest::base);
    // The element that lies across the border was not stored in part.
    EXPECT_EQ(guest.read<std::uint32_t>(BareGuest::end - 4), 0u);
}

TEST(StringInsn, leaves_flags_alone_without_an_iteration) {
    BareGuest guest;
    guest.state.reg(Gpr::rcx) = 0;
    // stc; sets CF and keeps ZF; repe cmpsb; setc al; setz ah; ud2
    guest.write(BareGuest::base, Bytes{0x31, 0xc0, 0xf9, 0xf3, 0xa6, 0x0f, 0x92, 0xc0, 0x0f, 0x94,
                                       0xc4, 0x0f, 0x0b});
    guest.run(1000);
    EXPECT_EQ(guest.state.reg(Gpr::rax), 0x101u);
}

TEST(Lock, is_undefined_where_it_does_not_belong) {
    const std::vector<Bytes> wrong = {
        {0xf0, 0x01, 0xc8},        // lock add eax, ecx
        {0xf0, 0x8b, 0x07},        // lock mov eax, [rdi]
        {0xf0, 0x89, 0x07},        // lock mov [rdi], eax
        {0xf0, 0x39, 0x07},        // lock cmp [rdi], eax
        {0xf0, 0x85, 0x07},        // lock test [rdi], eax
        {0xf0, 0x90},              // lock nop
        {0xf0, 0x0f, 0xa3, 0x07},  // lock bt [rdi], eax
        {0xf0, 0xa4},              // lock movsb
        {0xf0, 0xff, 0x37},        // lock push [rdi]
        {0xf0, 0xd1, 0x27},        // lock shl [rdi], 1
        {0xf0, 0x0f, 0x58, 0x07},  // lock addps xmm0, [rdi]
        {0xf0, 0xe8, 0, 0, 0, 0},  // lock call
        {0xf0, 0x03, 0x07},        // lock add eax, [rdi]
        {0xf0, 0x0f, 0xc8},        // lock bswap eax
        {0xf0, 0x0f, 0xc7, 0xc8},  // lock cmpxchg8b eax
    };
    for (const Bytes& bytes : wrong) {
        BareGuest guest;
        guest.state.reg(Gpr::rdi) = BareGuest::data;
        guest.write(BareGuest::base, bytes);
        const Exit exit = guest.run(1);
        EXPECT_EQ(exit.reason, Exit::Reason::exception) << unsigned{bytes[1]};
        EXPECT_EQ(exit.vector, 6) << unsigned{bytes[1]};
        EXPECT_EQ(guest.state.retired, 0u);
    }
}

TEST(Decoder, keeps_to_the_model) {
    const std::vector<Bytes> larger_model_only = {
        {0xc5, 0xf8, 0x58, 0xc1},        // vaddps xmm0, xmm0, xmm1
        {0xc4, 0xe2, 0xf8, 0xf2, 0xc1},  // andn rax, rax, rcx
        {0x0f, 0x38, 0xf0, 0x07},        // movbe eax, [rdi]
        {0xc5, 0xf8, 0x77},              // vzeroupper
    };
    const std::vector<Bytes> none = {
        {0x62, 0xf1, 0x7c, 0x48, 0x58, 0xc1},  // vaddps zmm0, zmm0, zmm1
        {0x0f, 0xc7, 0xf8},                    // rdseed eax
        {0x66, 0x0f, 0x38, 0xdc, 0xc1},        // aesenc xmm0, xmm1
        {0x66, 0x0f, 0x3a, 0x44, 0xc1, 0x00},  // pclmulqdq
        {0x0f, 0x38, 0xc8, 0xc1},              // sha1nexte
        {0xf3, 0x0f, 0xae, 0xc0},              // rdfsbase eax
        {0x0f, 0x0f, 0xc1, 0xb4},              // pfmul mm0, mm1
        {0x0f, 0x0b},                          // (ud2: emulated, and #UD)
    };
    const auto undefined = [](const Bytes& bytes, IsaLevel level) {
        Bytes padded = bytes;
        padded.resize(16, 0x90);
        Insn insn;
        EXPECT_TRUE(decode(padded, level, insn));
        return insn.form == Form::undefined;
    };
    for (const Bytes& bytes : larger_model_only) {
        EXPECT_TRUE(undefined(bytes, IsaLevel::x86_64_v2));
        EXPECT_FALSE(undefined(bytes, IsaLevel::x86_64_v3));
    }
    for (std::size_t i = 0; i + 1 < none.size(); ++i) {
        EXPECT_TRUE(undefined(none[i], IsaLevel::x86_64_v2)) << i;
        EXPECT_TRUE(undefined(none[i], IsaLevel::x86_64_v3)) << i;
    }
    // F3 0F BD is LZCNT, or BSR where the model has none.
    BareGuest small;
    small.state.reg(Gpr::rcx) = 0x10;
    small.write(BareGuest::base, Bytes{0xf3, 0x0f, 0xbd, 0xc1});
    small.run(1);
    EXPECT_EQ(small.state.reg(Gpr::rax), 4u);
}

TEST(SelfModifyingCode, is_seen_behind_the_instruction_that_writes_it) {
    for (const std::int64_t limit : {1, 32}) {
        BareGuest guest({{"block_limit", limit}});
        // loop: inc byte [rip + 4] (the immediate below); nop; mov eax, 0; dec ecx; jnz loop; ud2
        guest.write(BareGuest::base, Bytes{0xfe, 0x05, 0x02, 0, 0, 0, 0x90, 0xb8, 0, 0, 0, 0, 0xff,
                                           0xc9, 0x75, 0xf0, 0x0f, 0x0b});
        guest.state.reg(Gpr::rcx) = 9;
        guest.run(1000);
        EXPECT_EQ(guest.state.reg(Gpr::rax), 9u);
        EXPECT_EQ(guest.state.retired, 45u);
    }
}

TEST(SelfModifyingCode, is_seen_when_a_string_instruction_writes_it) {
    BareGuest guest;
    // mov edi, target; mov al, 0x43; mov ecx, 1; rep stosb; target: inc r8 (REX.B) ... becomes
    // inc of the register that the new prefix names.
    const auto target = static_cast<std::uint8_t>(17);
    guest.write(BareGuest::base,
                Bytes{0xbf, target, 0x00, 0x10, 0x00, 0xb0, 0x48, 0xb9, 0x01, 0,    0,
                      0,    0xf3,   0xaa, 0x90, 0x90, 0x90, 0x49, 0xff, 0xc0, 0x0f, 0x0b});
    guest.run(1000);
    EXPECT_EQ(guest.state.reg(Gpr::rax), 0x49u);
    EXPECT_EQ(guest.state.reg(Gpr::r8), 0u);
}

TEST(SingleStep, traps_after_each_iteration_and_each_branch) {
    BareGuest guest;
    guest.state.rflags |= rflags::tf;
    guest.state.reg(Gpr::rdi) = BareGuest::data;
    guest.state.reg(Gpr::rcx) = 2;
    // rep stosb; jmp +1; nop; inc rax
    guest.write(BareGuest::base, Bytes{0xf3, 0xaa, 0xeb, 0x01, 0x90, 0x48, 0xff, 0xc0});
    const std::uint64_t expected[] = {0, 2, 5, 8};
    for (const std::uint64_t offset : expected) {
        const Exit exit = guest.run(100);
        EXPECT_EQ(exit.vector, 1);
        EXPECT_EQ(guest.state.rip, BareGuest::base + offset);
        EXPECT_EQ(guest.state.dr[6] & 0x4000, 0x4000u);
    }
    EXPECT_EQ(guest.state.retired, 4u);
}

TEST(SingleStep, begins_behind_popf) {
    BareGuest guest;
    const std::uint64_t image = 0x302;
    guest.state.reg(Gpr::rsp) = BareGuest::data;
    guest.write(BareGuest::data, {reinterpret_cast<const std::uint8_t*>(&image), 8});
    guest.write(BareGuest::base, Bytes{0x9d, 0x90, 0x90});  // popfq; nop; nop
    const Exit exit = guest.run(100);
    EXPECT_EQ(exit.vector, 1);
    EXPECT_EQ(guest.state.rip, BareGuest::base + 2);
}

TEST(Breakpoint, stops_before_execution_and_behind_data) {
    BareGuest guest;
    guest.state.dr[0] = BareGuest::base + 3;
    guest.state.dr[1] = BareGuest::data + 8;
    // DR0: execution. DR1: writes of 4 bytes.
    guest.state.dr[7] = 0x5 | 0xdull << 20;
    guest.state.reg(Gpr::rdi) = BareGuest::data;
    // inc rax; mov rbx, [rdi+8]; mov [rdi+11], al; inc rax
    guest.write(BareGuest::base, Bytes{0x48, 0xff, 0xc0, 0x48, 0x8b, 0x5f, 0x08, 0x88, 0x47, 0x0b,
                                       0x48, 0xff, 0xc0});
    Exit exit = guest.run(100);
    EXPECT_EQ(exit.vector, 1);
    EXPECT_EQ(guest.state.rip, BareGuest::base + 3);
    EXPECT_EQ(guest.state.dr[6] & 0xf, 1u);
    guest.state.dr[6] = 0xffff0ff0;
    guest.state.rflags |= rflags::rf;
    exit = guest.run(100);
    EXPECT_EQ(exit.vector, 1);
    EXPECT_EQ(guest.state.rip, BareGuest::base + 10);
    EXPECT_EQ(guest.state.dr[6] & 0xf, 2u);
}

TEST(Fpu, is_not_available_while_ts_is_set) {
    for (const Bytes& bytes : {Bytes{0x0f, 0x58, 0xc1}, Bytes{0xd9, 0xe8}, Bytes{0x0f, 0x77},
                               Bytes{0xf2, 0x48, 0x0f, 0x2d, 0x07}, Bytes{0x0f, 0xae, 0x07},
                               Bytes{0x0f, 0xae, 0x5f, 0x04}, Bytes{0xd9, 0xfe}}) {
        BareGuest guest;
        guest.state.cr0 |= cr0::ts;
        guest.state.reg(Gpr::rdi) = BareGuest::data;
        guest.write(BareGuest::base, bytes);
        const Exit exit = guest.run(1);
        EXPECT_EQ(exit.vector, 7) << unsigned{bytes[1]};
    }
}

TEST(Flags, that_are_undefined_read_zero) {
    struct Case {
        Bytes bytes;
        std::uint64_t undefined;
    };
    using namespace rflags;
    const std::vector<Case> cases = {
        {{0x48, 0xf7, 0xe3}, sf | zf | af | pf},             // mul rbx
        {{0x48, 0x0f, 0xaf, 0xc3}, sf | zf | af | pf},       // imul rax, rbx
        {{0x48, 0xf7, 0xf3}, arithmetic},                    // div rbx
        {{0x48, 0x0f, 0xbc, 0xc3}, cf | of | sf | af | pf},  // bsf rax, rbx
        {{0x48, 0xc1, 0xe3, 0x05}, af | of},                 // shl rbx, 5
        {{0x48, 0xd3, 0xe1}, af | of},                       // shl rcx, cl
    };
    for (const Case& c : cases) {
        BareGuest guest;
        guest.state.reg(Gpr::rbx) = 0x7fff'ffff'1234'5679;
        guest.state.reg(Gpr::rax) = 0x123;
        guest.state.reg(Gpr::rcx) = 5;
        guest.state.reg(Gpr::rdi) = BareGuest::data;
        guest.state.rflags |= arithmetic;
        Bytes code = c.bytes;
        code.push_back(0x9c);  // pushfq
        code.push_back(0x0f);
        code.push_back(0x0b);
        guest.write(BareGuest::base, code);
        guest.run(100);
        const auto pushed = guest.read<std::uint64_t>(guest.state.reg(Gpr::rsp));
        EXPECT_EQ(pushed & c.undefined, 0u) << unsigned{c.bytes[1]} << " " << unsigned{c.bytes[2]};
    }
}

TEST(Flags, other_than_cf_are_left_alone_by_bit_tests) {
    using namespace rflags;
    for (const Bytes& bytes : {Bytes{0x48, 0x0f, 0xab, 0xc3},     // bts rbx, rax
                               Bytes{0x48, 0x0f, 0xab, 0x07},     // bts [rdi], rax
                               Bytes{0x66, 0x0f, 0xab, 0x07}}) {  // bts [rdi], ax
        for (const std::uint64_t before : {std::uint64_t{0}, arithmetic}) {
            BareGuest guest;
            guest.state.reg(Gpr::rbx) = 0;
            guest.state.reg(Gpr::rax) = 0x23;
            guest.state.reg(Gpr::rdi) = BareGuest::data;
            guest.state.rflags |= before;
            Bytes code = bytes;
            code.push_back(0x9c);  // pushfq
            guest.write(BareGuest::base, code);
            guest.run(2);
            const auto pushed = guest.read<std::uint64_t>(guest.state.reg(Gpr::rsp));
            EXPECT_EQ(pushed & arithmetic, before & ~cf);
        }
    }
}

}  // namespace
}  // namespace ring3::test
