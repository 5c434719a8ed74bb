// SPDX-License-Identifier: MIT
// What does the fixed amount of dbench's work, with a load of a few lines.
#include <fstream>
#include <stdexcept>

#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "workloads/catalogue/workload.hpp"
#include "workloads/images/process.hpp"

namespace ring3 {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr const char* load = R"load(Deltree "\clients\client1" NT_STATUS_OK
Mkdir "\clients" NT_STATUS_OK
NTCreateX "\clients\client1" 0x1 0x2 16385 NT_STATUS_OK
Close 16385 NT_STATUS_OK
NTCreateX "\clients\client1\ONE.TXT" 0x40 0x1 9935 NT_STATUS_OBJECT_NAME_NOT_FOUND
NTCreateX "\clients\client1\ONE.TXT" 0x40 0x2 9935 NT_STATUS_OK
WriteX 9935 0 3000 3000 NT_STATUS_OK
ReadX 9935 1000 4000 2000 NT_STATUS_OK
LockX 9935 0 10 NT_STATUS_OK
UnlockX 9935 0 10 NT_STATUS_OK
Flush 9935 NT_STATUS_OK
Close 9935 NT_STATUS_OK
QUERY_PATH_INFORMATION "\clients\client1\one.txt" 1004 NT_STATUS_OK
Rename "\clients\client1\ONE.TXT" "\clients\client1\TWO.TXT" NT_STATUS_OK
FIND_FIRST "\clients\client1\<.TXT" 260 1366 1 NT_STATUS_OK
FIND_FIRST "\clients\client1\<.JNK" 260 1366 0 NT_STATUS_NO_SUCH_FILE
Unlink "\clients\client1\two.txt" 0x6 NT_STATUS_OK
Unlink "\clients\client1\two.txt" 0x6 NT_STATUS_OBJECT_NAME_NOT_FOUND
)load";
constexpr int lines = 18;

class Replay : public testing::Test {
protected:
    Replay() {
        char name[] = "/tmp/ring3-replay-XXXXXX";
        if (::mkdtemp(name) == nullptr) throw std::runtime_error{"mkdtemp"};
        scratch_ = name;
        output_of({"c++", "-x", "c", "-O1", "-o", scratch_ / "replay",
                   workloads_folder() / "dbench/replay.c"},
                  "/");
        write(load);
    }
    ~Replay() override { fs::remove_all(scratch_); }

    void write(const std::string& text) const { std::ofstream{scratch_ / "load"} << text; }
    std::string replay(int operations) const {
        return output_of({scratch_ / "replay", scratch_ / "load", std::to_string(operations)},
                         scratch_);
    }

    fs::path scratch_;
};

TEST_F(Replay, gets_the_answers_of_the_load_and_counts_what_it_did) {
    const std::string said = replay(lines);
    EXPECT_THAT(said, HasSubstr("NTCreateX 3\n"));
    EXPECT_THAT(said, HasSubstr("bytes_read 2000\nbytes_written 3000\n"));
    EXPECT_THAT(said, HasSubstr("other_answers 0\nlost_handles 0\n"));
    EXPECT_FALSE(fs::exists(scratch_ / "clients")) << "what is left is removed";
}

TEST_F(Replay, begins_the_load_anew_and_ends_in_its_middle) {
    const std::string said = replay(2 * lines + 8);
    EXPECT_THAT(said, HasSubstr("operations 44\n"));
    EXPECT_THAT(said, HasSubstr("WriteX 3\n"));
    EXPECT_THAT(said, HasSubstr("other_answers 0\nlost_handles 0\n"));
}

TEST_F(Replay, tells_of_answers_that_the_load_has_otherwise) {
    std::string other = load;
    other.replace(other.find("0x1 9935 NT_STATUS_OBJECT_NAME_NOT_FOUND"), 40,
                  "0x1 9935 NT_STATUS_OK");
    write(other);
    EXPECT_THAT(replay(lines), HasSubstr("other_answers 1\n"));
}

TEST_F(Replay, refuses_an_operation_that_it_does_not_know) {
    write("Teleport \"\\clients\" NT_STATUS_OK\n");
    EXPECT_THROW(replay(1), CommandError);
}

}  // namespace
}  // namespace ring3
