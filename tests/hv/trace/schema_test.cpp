// SPDX-License-Identifier: MIT
#include "hv/trace/schema.hpp"

#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hv/abi/memory.hpp"
#include "hv/abi/sched.hpp"
#include "hv/abi/xen.hpp"
#include "hv/base/errors.hpp"
#include "hv/domain/hypercalls/hypercall.hpp"

namespace ring3::trace {
namespace {

using ::testing::HasSubstr;

TEST(TraceSchema, has_a_class_for_each_event_and_no_number_or_name_twice) {
    std::set<Event> numbers;
    std::set<std::string_view> names;
    for (const EventInfo& info : events()) {
        EXPECT_TRUE(numbers.insert(info.event).second) << info.name;
        EXPECT_TRUE(names.insert(info.name).second) << info.name;
        EXPECT_LT(static_cast<std::size_t>(class_of(info.event)), classes().size()) << info.name;
        EXPECT_EQ(find(info.event), &info);
    }
    for (std::size_t i = 0; i < classes().size(); ++i)
        EXPECT_EQ(static_cast<std::size_t>(classes()[i].id), i);
    EXPECT_EQ(find(Event{0xffff}), nullptr);
}

TEST(TraceSchema, names_arguments_with_their_unit_and_without_gaps) {
    for (const EventInfo& info : events()) {
        bool has_ended = false;
        for (const Argument& argument : info.arguments) {
            const bool is_unused = argument.shown == Shown::unused;
            EXPECT_EQ(is_unused, argument.name.empty()) << info.name;
            EXPECT_FALSE(has_ended && !is_unused) << info.name;
            has_ended = is_unused;
        }
    }
}

TEST(TraceSchema, knows_hypercalls_by_the_names_of_the_abi) {
    const auto named = [](std::uint64_t number) { return value_name(Shown::hypercall, number); };
    EXPECT_EQ(named(__HYPERVISOR_set_trap_table), "set_trap_table");
    EXPECT_EQ(named(__HYPERVISOR_memory_op), "memory_op");
    EXPECT_EQ(named(__HYPERVISOR_update_va_mapping), "update_va_mapping");
    EXPECT_EQ(named(__HYPERVISOR_iret), "iret");
    EXPECT_EQ(named(__HYPERVISOR_vcpu_op), "vcpu_op");
    EXPECT_EQ(named(__HYPERVISOR_mmuext_op), "mmuext_op");
    EXPECT_EQ(named(__HYPERVISOR_sched_op), "sched_op");
    EXPECT_EQ(named(__HYPERVISOR_event_channel_op), "event_channel_op");
    EXPECT_EQ(named(__HYPERVISOR_xenpmu_op), "xenpmu_op");
    EXPECT_EQ(named(__HYPERVISOR_hypfs_op), "hypfs_op");
    for (std::uint64_t number = 0; number < __HYPERVISOR_arch_0; ++number) {
        if (find_hypercall(number) == nullptr) continue;
        EXPECT_NE(named(number), "") << number;
    }
}

TEST(TraceSchema, knows_operations_and_reasons_by_the_names_of_the_abi) {
    EXPECT_EQ(value_name(Shown::table_operation, MMUEXT_PIN_L4_TABLE), "pin_l4_table");
    EXPECT_EQ(value_name(Shown::table_operation, MMUEXT_NEW_USER_BASEPTR), "new_user_baseptr");
    EXPECT_EQ(value_name(Shown::table_operation, MMUEXT_COPY_PAGE), "copy_page");
    EXPECT_EQ(value_name(Shown::reservation, XENMEM_populate_physmap), "populate_physmap");
    EXPECT_EQ(value_name(Shown::reservation, XENMEM_decrease_reservation), "decrease_reservation");
    EXPECT_EQ(value_name(Shown::shutdown, SHUTDOWN_watchdog), "watchdog");
    EXPECT_EQ(value_name(Shown::shutdown, 1'000), "");
}

TEST(TraceSchema, shows_values_in_their_notation) {
    EXPECT_EQ(to_text(Shown::negative, ~std::uint64_t{0}), "-1");
    EXPECT_EQ(to_text(Shown::address, 0xab), "0xab");
    EXPECT_EQ(to_text(Shown::number, 12), "12");
    EXPECT_EQ(to_text(Shown::why, 3), "blocked");
    EXPECT_EQ(to_text(Shown::why, 9), "9");
}

TEST(TraceClasses, are_read_from_a_list_and_written_as_one) {
    EXPECT_EQ(to_string(parse_classes("sched,ring")), "sched,ring");
    EXPECT_EQ(parse_classes("all"), all_classes());
    EXPECT_EQ(parse_classes("default"), default_classes());
    EXPECT_TRUE(parse_classes("default,hypercall").has(Class::sched));
    EXPECT_FALSE(default_classes().has(Class::page_table));
    for (const char* wrong : {"", "sched,", "shed", "sched;ring"}) {
        try {
            parse_classes(wrong);
            ADD_FAILURE() << wrong;
        } catch (const ConfigError& error) {
            EXPECT_THAT(error.what(), HasSubstr("runstate")) << wrong;
        }
    }
}

}  // namespace
}  // namespace ring3::trace
