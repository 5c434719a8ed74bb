// SPDX-License-Identifier: MIT
// What must not be compared.
#include "analysis/measures/software.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/made_up_campaign.hpp"

namespace ring3::analysis {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const Point native{"native", "native", "dbench", "test", "wall", ""};
const Point uml{"uml", "uml", "dbench", "test", "wall", ""};

/// Every run on the same software, as it records it.
Campaign recorded() {
    Campaign campaign = test::made_up_campaign();
    campaign.differences.clear();
    for (auto& run : campaign.runs) {
        run.meta["software_kernel"] = "6.1";
        run.meta["software_image"] = "a";
        run.meta["software_memory"] = "512 MiB";
    }
    return campaign;
}

void set(Campaign& campaign, const Point& point, const std::string& what,
         const std::string& version) {
    for (auto& run : campaign.runs)
        if (campaign.cell_of(run).platform == point.platform)
            run.meta["software_" + what] = version;
}

TEST(Software, that_is_the_same_may_be_compared) {
    EXPECT_THAT(unnamed_differences(recorded(), uml, native), IsEmpty());
    // Of older versions nothing is known.
    EXPECT_THAT(unnamed_differences(test::made_up_campaign(), uml, native), IsEmpty());
}

TEST(Software, that_differs_must_be_named) {
    Campaign campaign = recorded();
    set(campaign, uml, "image", "b");
    set(campaign, uml, "kernel", "6.12");
    EXPECT_THAT(unnamed_differences(campaign, uml, native), ElementsAre("kernel", "image"));
    campaign.differences = {{"uml", "kernel", "its own", false}};
    EXPECT_THAT(unnamed_differences(campaign, uml, native), ElementsAre("image"));
    // Named for somebody else it is not named.
    campaign.differences.push_back({"qemu", "image", "another one", true});
    EXPECT_THAT(unnamed_differences(campaign, uml, native), ElementsAre("image"));
    // Of either side it is.
    campaign.differences.push_back({"native", "image", "unpacked by hand", true});
    EXPECT_THAT(unnamed_differences(campaign, uml, native), IsEmpty());
}

TEST(Software, that_was_built_anew_in_the_middle_is_not_one) {
    Campaign campaign = recorded();
    for (auto& run : campaign.runs)
        if (campaign.cell_of(run).platform == "uml" && run.repetition > 2)
            run.meta["software_image"] = "b";
    EXPECT_THAT(unnamed_differences(campaign, uml, native), ElementsAre("image"));
    EXPECT_THAT(unnamed_differences(campaign, uml, uml), ElementsAre("image"));
    EXPECT_THAT(unnamed_differences(campaign, native, native), IsEmpty());
}

TEST(Software, that_a_sweep_varies_is_named_by_it) {
    Campaign campaign = test::made_up_domains();
    Point small = {"ring3", "ring3", "domains", "", "virtual", "guest.memory_mib=64"}, big = small;
    big.factors = "guest.memory_mib=128";
    campaign.cells[0].factors = small.factors;
    campaign.cells[1].factors = big.factors;
    campaign.runs[0].meta["software_memory"] = "64 MiB";
    campaign.runs[1].meta["software_memory"] = "128 MiB";
    EXPECT_THAT(unnamed_differences(campaign, big, small), IsEmpty());
    campaign.runs[1].meta["software_kernel"] = "6.12";
    campaign.runs[0].meta["software_kernel"] = "6.1";
    EXPECT_THAT(unnamed_differences(campaign, big, small), ElementsAre("kernel"));
}

TEST(Software, of_two_campaigns_is_compared_point_by_point) {
    const Campaign before = recorded();
    Campaign after = before;
    set(after, uml, "memory", "256 MiB");
    EXPECT_THAT(differences_between(before, after, uml), ElementsAre("memory"));
    EXPECT_THAT(differences_between(before, after, native), IsEmpty());
    EXPECT_THAT(refusal_text(uml, native, {"image"}),
                HasSubstr("uml dbench is not compared with native"));
}

}  // namespace
}  // namespace ring3::analysis
