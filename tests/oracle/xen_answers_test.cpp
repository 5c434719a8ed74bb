// SPDX-License-Identifier: MIT
// The test guest on ring3 answers line by line as it did on the real Xen (xen/expected), but for
// the lines that xen/explained.txt gives a reason for.
#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include <sys/wait.h>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "build_info.hpp"

namespace ring3 {
namespace {

using Lines = std::vector<std::string>;

/// Far more than any group needs: only what hostile guests do without end is cut off here.
constexpr std::uint64_t instruction_limit = 400'000'000;

std::filesystem::path xen_folder() {
    return std::filesystem::path{build_info::source_root} / "tests/oracle/xen";
}

Lines lines_of(std::istream& stream) {
    Lines lines;
    for (std::string line; std::getline(stream, line);) lines.push_back(line);
    return lines;
}

Lines lines_of(const std::filesystem::path& path) {
    std::ifstream stream{path};
    EXPECT_TRUE(stream.is_open()) << path;
    return lines_of(stream);
}

std::string text_of(const Lines& lines) { return fmt::format("{}\n", fmt::join(lines, "\n")); }

Lines recorded_groups() {
    Lines groups;
    for (const auto& entry : std::filesystem::directory_iterator{xen_folder() / "expected"}) {
        groups.push_back(entry.path().stem().string());
    }
    std::ranges::sort(groups);
    return groups;
}

/// A difference that stands in explained.txt: "- " and Xen's line, "+ " and the one of ring3.
struct Difference {
    std::string on_xen, on_ring3;
    bool has_reason = false;

    std::string group() const { return on_xen.substr(0, on_xen.find('/')); }
};

std::vector<Difference> explained_differences() {
    std::vector<Difference> differences;
    bool has_reason = false;
    for (const std::string& line : lines_of(xen_folder() / "explained.txt")) {
        if (line.empty() || line.starts_with('#')) {
            has_reason = !line.empty();
        } else if (line.starts_with("- ")) {
            differences.push_back({line.substr(2), "", has_reason});
        } else if (line.starts_with("+ ") && !differences.empty() &&
                   differences.back().on_ring3.empty()) {
            differences.back().on_ring3 = line.substr(2);
        } else {
            ADD_FAILURE() << "explained.txt: neither reason nor pair: " << line;
        }
    }
    return differences;
}

/// What ring3 is to print for a group: Xen's lines, the explained ones replaced.
Lines lines_due(const std::string& group) {
    Lines lines = lines_of(xen_folder() / "expected" / (group + ".txt"));
    for (const Difference& difference : explained_differences()) {
        if (difference.group() != group) continue;
        const auto line = std::ranges::find(lines, difference.on_xen);
        if (line == lines.end()) {
            ADD_FAILURE() << "explained.txt: Xen did not answer " << difference.on_xen;
        } else {
            *line = difference.on_ring3;
        }
    }
    return lines;
}

class XenAnswers : public testing::TestWithParam<std::string> {
protected:
    XenAnswers() {
        std::string name = "/tmp/ring3-xen-answers-XXXXXX";
        folder_ = mkdtemp(name.data());
    }
    ~XenAnswers() override { std::filesystem::remove_all(folder_); }

    /// The lines of a guest kernel that runs as record.sh lets it run, and guest/state behind them.
    Lines run(const std::string& kernel, const std::string& command_line) {
        std::ofstream{folder_ / "guest.cfg"} << fmt::format(
            "name = \"guest\"\nkernel = \"{}/tests/guest/{}\"\nmemory = 64\nextra = \"{}\"\n",
            build_info::binary_dir, kernel, command_line);
        const std::string command = fmt::format(
            "cd '{0}' && '{1}/ring3' create --console --digest --clock virtual "
            "--set machine.stop_after_instructions={2} guest.cfg </dev/null >shown 2>said",
            folder_.string(), build_info::binary_dir, instruction_limit);
        const int status = std::system(command.c_str());
        const std::string said = text_of(lines_of(folder_ / "said"));
        // A shell says 128 + the signal's number if one ended the program.
        const int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
        EXPECT_THAT(code, testing::AnyOf(0, 6)) << said;

        Lines lines;
        const std::regex answer{"[a-z0-9_]+/[^:]+: .*"};
        const std::regex of_no_interest{"(hostile_flood_console/line|guest/unexpected_trap_at).*"};
        for (std::string line : lines_of(folder_ / "shown")) {
            std::erase(line, '\r');
            if (std::regex_match(line, answer) && !std::regex_match(line, of_no_interest)) {
                lines.push_back(line);
            }
        }
        const bool is_cut_off =
            said.find(fmt::format(" instructions={} ", instruction_limit)) != std::string::npos;
        lines.push_back(std::string{"guest/state: "} + (code == 6    ? "crashed"
                                                        : is_cut_off ? "running"
                                                                     : "shut_down"));
        return lines;
    }

private:
    std::filesystem::path folder_;
};

TEST_P(XenAnswers, are_given_by_ring3) {
    EXPECT_EQ(text_of(run("pv_guest", "groups=" + GetParam())), text_of(lines_due(GetParam())));
}

INSTANTIATE_TEST_SUITE_P(, XenAnswers, testing::ValuesIn(recorded_groups()),
                         [](const auto& test) { return test.param; });

using HypercallPage = XenAnswers;

// The other guest's answers were not recorded: all but where its p2m list lies must be the same.
TEST_F(HypercallPage, changes_no_answer) {
    Lines by_syscall = run("pv_guest", ""), by_page = run("pv_guest_hypercall_page", "");
    const auto tells_layout = [](const std::string& line) {
        return line.starts_with("start/flags: ");
    };
    EXPECT_EQ(std::erase_if(by_syscall, tells_layout), 1u);
    EXPECT_EQ(std::erase_if(by_page, tells_layout), 1u);
    EXPECT_EQ(text_of(by_page), text_of(by_syscall));
}

TEST(Recording, covers_every_group_of_the_guest) {
    Lines groups;
    const std::regex row{R"row(    \{"([a-z_]+)", .*)row"};
    for (const std::string& line : lines_of(std::filesystem::path{build_info::source_root} /
                                            "tests/guest/groups/groups.hpp")) {
        if (std::smatch match; std::regex_match(line, match, row)) groups.push_back(match[1]);
    }
    EXPECT_THAT(recorded_groups(), testing::UnorderedElementsAreArray(groups));
}

TEST(ExplainedDifference, is_one_has_a_reason_and_belongs_to_a_group) {
    const Lines groups = recorded_groups();
    for (const Difference& difference : explained_differences()) {
        EXPECT_TRUE(difference.has_reason) << difference.on_xen;
        EXPECT_NE(difference.on_ring3, "") << difference.on_xen;
        EXPECT_NE(difference.on_ring3, difference.on_xen);
        EXPECT_THAT(groups, testing::Contains(difference.group()));
    }
}

}  // namespace
}  // namespace ring3
