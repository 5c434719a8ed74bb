// SPDX-License-Identifier: MIT
// The antisocial programs do all the harm that they are asked for, and no more: a host survives it.
#include <stdexcept>

#include <sys/resource.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "workloads/catalogue/workload.hpp"
#include "workloads/images/process.hpp"

namespace ring3 {
namespace {

namespace fs = std::filesystem;
using testing::IsEmpty;

class Antisocial : public testing::Test {
protected:
    Antisocial() {
        char name[] = "/tmp/ring3-antisocial-XXXXXX";
        if (::mkdtemp(name) == nullptr) throw std::runtime_error{"mkdtemp"};
        scratch_ = name;
    }
    ~Antisocial() override { fs::remove_all(scratch_); }

    std::string run(const std::string& program, const std::string& first,
                    const std::string& second = "") const {
        output_of({"c++", "-x", "c", "-O1", "-o", scratch_ / program,
                   workloads_folder() / "antisocial" / (program + ".c")},
                  "/");
        std::vector<std::string> command{scratch_ / program, first};
        if (!second.empty()) command.push_back(second);
        return output_of(command, scratch_);
    }
    /// Of this process, of all that it waited for, at most.
    static long peak_kib() {
        rusage usage{};
        ::getrusage(RUSAGE_CHILDREN, &usage);
        return usage.ru_maxrss;
    }

    fs::path scratch_;
};

TEST_F(Antisocial, a_fork_bomb_ends_with_all_its_processes) {
    EXPECT_EQ(run("fork_bomb", "20", "500"), "500 forks\n");
    EXPECT_THAT(
        output_of({"sh", "-c",
                   "pgrep -f " + (scratch_ / "fork_bomb").string() + " | grep -vx $$ || true"},
                  "/"),
        IsEmpty());
}

TEST_F(Antisocial, a_fork_bomb_of_one_process_is_still_one) {
    EXPECT_EQ(run("fork_bomb", "1", "50"), "50 forks\n");
}

TEST_F(Antisocial, a_memory_hog_takes_what_it_is_told_and_gives_it_back) {
    EXPECT_EQ(run("memory_hog", "300", "2"), "2 rounds of memory\n");
    EXPECT_GE(peak_kib(), 300 << 10);
    EXPECT_LT(peak_kib(), 400 << 10);
}

TEST_F(Antisocial, a_memory_hog_goes_on_where_it_is_refused) {
    const std::string said = output_of(
        {"sh", "-c",
         "c++ -x c -O1 -o hog " + (workloads_folder() / "antisocial/memory_hog.c").string() +
             " && ulimit -v 200000 && ./hog 4096 3"},
        scratch_);
    EXPECT_EQ(said, "3 rounds of memory\n");
}

TEST_F(Antisocial, a_disk_hog_leaves_nothing_behind) {
    EXPECT_EQ(run("disk_hog", "3", "20"), "3 MiB and 20 files\n");
    EXPECT_EQ(std::distance(fs::directory_iterator(scratch_), {}), 1) << "the program alone";
}

TEST_F(Antisocial, one_that_only_computes_always_comes_to_the_same) {
    EXPECT_EQ(run("compute", "1"), run("compute", "1"));
    EXPECT_NE(run("compute", "1"), run("compute", "2"));
}

TEST_F(Antisocial, programs_refuse_what_they_do_not_understand) {
    for (const char* program : {"fork_bomb", "memory_hog", "disk_hog", "compute"})
        EXPECT_THROW(run(program, "none"), CommandError) << program;
}

}  // namespace
}  // namespace ring3
