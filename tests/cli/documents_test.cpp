// SPDX-License-Identifier: MIT
// What users read and type beside the program: manual pages and the completion.
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "build_info.hpp"
#include "cli/manual.hpp"
#include "cli/verb.hpp"
#include "hv/machine/config/xl_keys.hpp"
#include "tests/support/program.hpp"
#include "tests/support/shell.hpp"
#include "tests/support/small_guest.hpp"

namespace ring3 {
namespace {

using namespace test;
using testing::Contains;
using testing::HasSubstr;
using testing::IsSupersetOf;
using testing::Not;

std::string source(const std::string& path) {
    std::ifstream file(std::string(build_info::source_root) + "/" + path);
    return {std::istreambuf_iterator<char>(file), {}};
}

TEST(ManualPage, is_the_one_that_the_program_makes) {
    EXPECT_TRUE(source("docs/man/ring3.1") == manual_page())
        << "run: ring3 help manual >docs/man/ring3.1";
}

TEST(ManualPage, is_correct_roff) {
    for (const char* page : {"ring3.1", "ring3.cfg.5"}) {
        const std::string command = fmt::format(
            "command -v man >/dev/null || exit 0; MANROFFSEQ= man --warnings -l -E UTF-8 "
            "-P cat '{}/docs/man/{}' 2>&1 >/dev/null",
            build_info::source_root, page);
        EXPECT_EQ(output_of(command), "") << page;
    }
}

TEST(ManualPage, of_configs_names_every_key_that_is_used) {
    const std::string page = source("docs/man/ring3.cfg.5");
    for (const XlKey& key : xl_keys()) {
        if (key.use != XlKey::Use::used) continue;
        EXPECT_THAT(page, HasSubstr(fmt::format("{}=", key.name))) << key.name;
    }
}

TEST(Help, of_each_verb_begins_with_its_usage_and_fits_the_width) {
    for (const auto& [name, verb] : verbs()) {
        EXPECT_TRUE(verb.help.starts_with(fmt::format("usage: ring3 {}", name))) << name;
        EXPECT_TRUE(verb.help.ends_with("\n")) << name;
        std::istringstream lines(verb.help);
        for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 100u) << line;
    }
}

/// What is offered for the last of the words.
std::vector<std::string> completions(const std::string& words) {
    const std::string script = fmt::format(
        "source '{}/completions/ring3.bash'; PATH='{}':$PATH; read -ra COMP_WORDS <<<'{}'; "
        "[[ '{}' == *' ' ]] && COMP_WORDS+=(''); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _ring3; "
        "printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        build_info::source_root, build_info::binary_dir, words, words);
    const std::string path = own_runtime_folder() + "/complete.sh";
    std::ofstream(path) << script;
    std::istringstream lines(output_of("bash '" + path + "'"));
    std::vector<std::string> all;
    for (std::string line; std::getline(lines, line);) all.push_back(line);
    return all;
}

TEST(Completion, offers_verbs_options_domains_files_and_machines) {
    EXPECT_THAT(completions("ring3 "), IsSupersetOf({"create", "list", "down", "help"}));
    EXPECT_THAT(completions("ring3 cre"), testing::ElementsAre("create"));
    EXPECT_THAT(completions("ring3 help cons"), testing::ElementsAre("console"));
    EXPECT_THAT(completions("ring3 create --"),
                IsSupersetOf({"--console", "--digest", "--machine"}));
    EXPECT_THAT(completions("ring3 list -"), IsSupersetOf({"-l", "--long", "-M", "--json"}));
    EXPECT_THAT(completions("ring3 create --clock "), testing::ElementsAre("wall", "virtual"));
    EXPECT_THAT(completions("ring3 image "), IsSupersetOf({"build", "list", "rm"}));
    EXPECT_THAT(completions("ring3 xenstore wr"), testing::ElementsAre("write"));

    const std::string config = own_runtime_folder() + "/web.cfg";
    std::ofstream(config) << fmt::format("name = \"web\"\nkernel = \"{}\"\nmemory = 8\n",
                                         small_kernel(sleeps()));
    EXPECT_THAT(completions("ring3 create " + own_runtime_folder() + "/we"), Contains(config));
    ASSERT_EQ(run_ring3("up -M lab").code, 0);
    ASSERT_EQ(run_ring3("create -M lab " + config).code, 0);
    EXPECT_THAT(completions("ring3 list -M "), testing::ElementsAre("lab"));
    EXPECT_THAT(completions("ring3 -M lab destroy "), Contains("web"));
    EXPECT_THAT(completions("ring3 destroy "), Not(Contains("web")));
    EXPECT_EQ(run_ring3("down --force -M lab").code, 0);
}

}  // namespace
}  // namespace ring3
