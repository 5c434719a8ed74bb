// SPDX-License-Identifier: MIT
#include "analysis/load/campaign.hpp"

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>

#include <H5Cpp.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hv/base/errors.hpp"
#include "tests/support/campaign_writer.hpp"
#include "tests/support/made_up_campaign.hpp"
#include "tests/support/program.hpp"

namespace ring3::analysis {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

fs::path written(const char* name) {
    const fs::path folder = fs::path{test::own_runtime_folder()} / name;
    fs::remove_all(folder);
    test::write_campaign(test::made_up_campaign(), folder);
    return folder;
}

std::string complaint(const fs::path& path) {
    try {
        load_campaign(path);
    } catch (const ConfigError& error) {
        return error.what();
    }
    return "";
}

TEST(LoadedCampaign, is_the_one_that_was_written) {
    const Campaign made = test::made_up_campaign();
    const Campaign loaded = load_campaign(written("whole"));
    EXPECT_EQ(loaded.title, made.title);
    EXPECT_EQ(loaded.descriptor, made.descriptor);
    EXPECT_EQ(loaded.host, made.host);
    ASSERT_EQ(loaded.runs.size(), made.runs.size());
    for (std::size_t i = 0; i < made.runs.size(); ++i) {
        const auto &a = loaded.runs[i], &b = made.runs[i];
        EXPECT_EQ(a.status, b.status);
        EXPECT_EQ(a.reason, b.reason);
        EXPECT_EQ(a.noisy, b.noisy);
        ASSERT_EQ(a.values.size(), b.values.size());
        for (std::size_t k = 0; k < a.values.size(); ++k) {
            EXPECT_EQ(a.values[k].program, b.values[k].program);
            EXPECT_EQ(a.values[k].better, b.values[k].better);
            EXPECT_EQ(a.values[k].warm, b.values[k].warm);
            EXPECT_EQ(a.values[k].value, b.values[k].value);
            EXPECT_TRUE(std::isnan(a.values[k].guest_value));
        }
    }
    ASSERT_EQ(loaded.claims.size(), 3u);
    EXPECT_EQ(loaded.claims[1].at_least, 0.9);
    EXPECT_TRUE(std::isnan(loaded.claims[1].at_most));
    EXPECT_TRUE(loaded.differences[1].declared);
    EXPECT_EQ(loaded.host_runs[16].spin_jitter, 0.4);
}

TEST(LoadedCampaign, has_the_columns_of_series) {
    const fs::path folder = fs::path{test::own_runtime_folder()} / "series";
    test::write_campaign(test::made_up_sweep(), folder);
    const Campaign loaded = load_campaign(folder);
    const Columns& memory = loaded.runs[0].series.at("memory");
    ASSERT_EQ(memory.size(), 4u);
    EXPECT_EQ(memory[0].name, "time_ns");
    EXPECT_EQ(memory[1].texts, test::made_up_sweep().runs[0].series["memory"][1].texts);
    EXPECT_EQ(memory[3].numbers, test::made_up_sweep().runs[0].series["memory"][3].numbers);
    EXPECT_TRUE(loaded.runs[0].series.contains("runstates"));
    EXPECT_TRUE(loaded.runs[0].series.contains("rings"));
}

TEST(LoadedCampaign, that_is_not_there_is_told_with_what_one_is) {
    EXPECT_THAT(complaint("/nowhere"), AllOf(HasSubstr("/nowhere"), HasSubstr("index.h5")));
}

TEST(LoadedCampaign, with_a_damaged_file_names_it) {
    for (const char* name : {"index.h5", "run-0002.h5", "host.h5"}) {
        const fs::path folder = written("cut");
        fs::resize_file(folder / name, fs::file_size(folder / name) / 2);
        EXPECT_THAT(complaint(folder), AllOf(HasSubstr(name), HasSubstr("cut off"))) << name;
        std::ofstream(folder / name) << "not HDF5 at all";
        EXPECT_THAT(complaint(folder), AllOf(HasSubstr(name), HasSubstr("no HDF5 file"))) << name;
    }
    const fs::path folder = written("lost");
    fs::remove(folder / "run-0002.h5");
    EXPECT_THAT(complaint(folder), AllOf(HasSubstr("run-0002.h5"), HasSubstr("no such file")));
}

TEST(LoadedCampaign, of_another_kind_or_version_is_refused) {
    const fs::path folder = written("kind");
    fs::copy_file(folder / "host.h5", folder / "index.h5", fs::copy_options::overwrite_existing);
    EXPECT_THAT(complaint(folder),
                AllOf(HasSubstr("not a \"ring3-campaign\" file but \"ring3-host\"")));

    const fs::path newer = written("newer");
    {
        const H5::H5File file{(newer / "run-0003.h5").string(), H5F_ACC_RDWR};
        const std::uint64_t version = 2;
        file.openGroup("/")
            .openAttribute("format_version")
            .write(H5::PredType::NATIVE_UINT64, &version);
    }
    EXPECT_THAT(complaint(newer),
                AllOf(HasSubstr("run-0003.h5"), HasSubstr("version 2"), HasSubstr("reads 1")));
}

TEST(LoadedCampaign, without_a_table_or_a_column_tells_which) {
    const fs::path folder = written("column");
    {
        const H5::H5File file{(folder / "index.h5").string(), H5F_ACC_RDWR};
        file.unlink("/runs");
        const H5::CompType type{std::size_t{4}};
        type.insertMember("run", 0, H5::PredType::STD_U32LE);
        const hsize_t none = 0;
        file.createDataSet("/runs", type, H5::DataSpace{1, &none});
    }
    EXPECT_THAT(complaint(folder), AllOf(HasSubstr("/runs"), HasSubstr("no column cell")));
}

TEST(LoadedCampaign, takes_no_file_from_another_folder) {
    Campaign campaign = test::made_up_campaign();
    const fs::path folder = fs::path{test::own_runtime_folder()} / "outside";
    campaign.runs.resize(1);
    campaign.runs[0].file = "../run-0001.h5";
    test::write_campaign(campaign, folder);
    EXPECT_THAT(complaint(folder), HasSubstr("another folder"));
}

}  // namespace
}  // namespace ring3::analysis
