// SPDX-License-Identifier: MIT
// The manifests of this tree, and that a bad one is refused.
#include "workloads/catalogue/workload.hpp"

#include <fstream>

#include <unistd.h>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hv/base/errors.hpp"
#include "workloads/images/process.hpp"

namespace ring3 {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsSupersetOf;

const std::string a_hash(64, 'a');
const std::string good = fmt::format(R"(name = "sample"
title = "A sample"
image = "os-bound"
prepare = "echo all >all"
packages = ["perl", "gzip"]
licence = "MIT"

[programs.one]
stands_for = "nothing"
generate = "echo $kib >input"
before = "echo first"
after = "echo last"
command = """
cat input \
    | cat
"""
sizes.test = {{ kib = 4, rounds = 2, output = "{0}" }}

[programs.two]  # measures
stands_for = "\"two\""
values = true
better = "higher"
on_disk = true
needs_peer = true
command = "true"
sizes.test = {{}}
)",
                                     a_hash);

class WorkloadManifest : public testing::Test {
protected:
    WorkloadManifest() {
        char name[] = "/tmp/ring3-workload-XXXXXX";
        if (::mkdtemp(name) == nullptr) throw std::runtime_error{"mkdtemp"};
        scratch_ = name;
        fs::create_directory(folder());
    }
    ~WorkloadManifest() override { fs::remove_all(scratch_); }

    fs::path folder() const { return scratch_ / "sample"; }
    void write(const std::string& text) const {
        std::ofstream{folder() / "manifest.toml", std::ios::binary} << text;
    }
    std::string complaint_about(const std::string& from, const std::string& to) const {
        std::string text = good;
        text.replace(text.find(from), from.size(), to);
        write(text);
        try {
            read_workload(folder());
        } catch (const ConfigError& error) {
            return error.what();
        }
        return "nothing";
    }

    fs::path scratch_;
};

TEST_F(WorkloadManifest, gives_programs_with_their_sizes) {
    write(good);
    const Workload workload = read_workload(folder());
    EXPECT_EQ(workload.title, "A sample");
    EXPECT_EQ(workload.image, "os-bound");
    EXPECT_EQ(workload.prepare, "echo all >all");
    EXPECT_THAT(workload.packages, ElementsAre("perl", "gzip"));
    const WorkloadProgram& one = workload.programs.at("one");
    EXPECT_EQ(one.command, "cat input | cat\n");
    EXPECT_EQ(one.sizes.at("test").parameters.at("rounds"), 2);
    EXPECT_EQ(one.sizes.at("test").output_sha256, a_hash);
    EXPECT_EQ(one.before, "echo first");
    EXPECT_EQ(one.after, "echo last");
    EXPECT_FALSE(one.higher_is_better);
    EXPECT_FALSE(one.on_disk);
    EXPECT_FALSE(one.needs_peer);
    EXPECT_TRUE(workload.programs.at("two").prints_values);
    EXPECT_TRUE(workload.programs.at("two").higher_is_better);
    EXPECT_TRUE(workload.programs.at("two").on_disk);
    EXPECT_TRUE(workload.programs.at("two").needs_peer);
    EXPECT_EQ(workload.programs.at("two").stands_for, "\"two\"");
}

TEST_F(WorkloadManifest, is_refused_with_the_place_and_what_would_be_right) {
    EXPECT_THAT(
        complaint_about("licence", "license"),
        HasSubstr("manifest.toml:6:11: unknown key \"license\" (did you mean \"licence\"?)"));
    EXPECT_THAT(complaint_about("\"sample\"", "\"other\""), HasSubstr("the name of its folder"));
    EXPECT_THAT(complaint_about("command = \"true\"", ""), HasSubstr("\"command\" is missing"));
    EXPECT_THAT(complaint_about("kib = 4", "kib = \"4\""), HasSubstr("a whole number"));
    EXPECT_THAT(complaint_about(a_hash, "abc"), HasSubstr("SHA-256"));
    EXPECT_THAT(complaint_about("values = true\nbetter = \"higher\"", "values = false"),
                HasSubstr("\"output\""));
    EXPECT_THAT(complaint_about("\"higher\"", "\"more\""), HasSubstr("\"higher\" or \"lower\""));
    EXPECT_THAT(complaint_about("values = true", "values = false"), HasSubstr("is for values"));
    EXPECT_THAT(complaint_about("image = \"os-bound\"", ""), HasSubstr("\"image\" is missing"));
    EXPECT_THAT(complaint_about("title = \"A sample\"", "title = "), HasSubstr(":2:"));
}

TEST(Workloads, of_this_tree_have_right_manifests) {
    const std::vector<std::string> names = workload_names();
    EXPECT_THAT(names, Contains("spec-int-like"));
    for (const std::string& name : names) {
        const Workload workload = read_workload(workloads_folder() / name);
        EXPECT_FALSE(workload.packages.empty()) << name;
        EXPECT_THAT(workload_files(workload.folder), IsSupersetOf({fs::path{"README.md"}}));
    }
}

TEST(Workloads, like_SPECs_have_twelve_programs_in_three_sizes) {
    const Workload workload = read_workload(workloads_folder() / "spec-int-like");
    EXPECT_EQ(workload.programs.size(), 12);
    for (const auto& [name, program] : workload.programs)
        for (const char* size : {"test", "train", "ref"})
            EXPECT_TRUE(program.sizes.contains(size)) << name << " " << size;
}

/// All that a manifest holds, in one order and form.
std::string dump(const Workload& workload) {
    std::string text = fmt::format("{}\n{}\n{}\n{}\n{}\n", workload.name, workload.title,
                                   workload.licence, workload.image, workload.prepare);
    for (const std::string& package : workload.packages) text += package + "\n";
    for (const auto& [name, program] : workload.programs) {
        text +=
            fmt::format("{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}{}{}{}\n", name, program.stands_for,
                        program.kinship, program.generate, program.before, program.command,
                        program.after, int{program.prints_values}, int{program.higher_is_better},
                        int{program.on_disk}, int{program.needs_peer});
        for (const auto& [size, values] : program.sizes) {
            text += fmt::format("{} output {}\n", size, values.output_sha256);
            for (const auto& [key, value] : values.parameters)
                text += fmt::format("{} {} {}\n", size, key, value);
        }
    }
    return text;
}

constexpr const char* dump_in_perl = R"perl(
my $w = Manifest::read_manifest("$ARGV[0]/manifest.toml");
print map { ($w->{$_} // '') . "\n" } qw(name title licence image prepare);
print map { "$_\n" } @{ $w->{packages} };
for my $name (sort keys %{ $w->{programs} }) {
    my $p = $w->{programs}{$name};
    print "$name\n", map { ($p->{$_} // '') . "\n" }
        qw(stands_for kinship generate before command after);
    print $p->{values} ? 1 : 0, ($p->{better} // '') eq 'higher' ? 1 : 0;
    print $p->{on_disk} ? 1 : 0, $p->{needs_peer} ? 1 : 0, "\n";
    for my $size (sort keys %{ $p->{sizes} }) {
        my $v = $p->{sizes}{$size};
        print "$size output ", $v->{output} // '', "\n";
        print map { "$size $_ $v->{$_}\n" } grep { $_ ne 'output' } sort keys %$v;
    }
}
)perl";

TEST_F(WorkloadManifest, means_the_same_to_the_runner_inside_a_guest) {
    write(good);
    std::vector<fs::path> folders{folder()};
    for (const std::string& name : workload_names()) folders.push_back(workloads_folder() / name);
    for (const fs::path& each : folders)
        EXPECT_EQ(output_of({"perl", "-I", workloads_folder() / "guest", "-MManifest", "-e",
                             dump_in_perl, each},
                            "/"),
                  dump(read_workload(each)));
}

}  // namespace
}  // namespace ring3
