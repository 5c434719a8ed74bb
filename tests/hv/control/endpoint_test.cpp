// SPDX-License-Identifier: MIT
#include "hv/control/endpoint.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <sys/stat.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "hv/base/errors.hpp"

namespace ring3 {
namespace {

class EndpointTest : public ::testing::Test {
protected:
    EndpointTest() {
        std::string name = "/tmp/ring3-endpoint-XXXXXX";
        folder = mkdtemp(name.data());
        setenv("XDG_RUNTIME_DIR", folder.c_str(), 1);
        setenv("XDG_STATE_HOME", (folder / "state").c_str(), 1);
    }
    ~EndpointTest() override { std::filesystem::remove_all(folder); }
    std::filesystem::path folder;
};

TEST_F(EndpointTest, lies_in_a_folder_of_this_user_alone) {
    const Endpoint endpoint("lab");
    EXPECT_EQ(endpoint.socket(), folder / "ring3/lab.sock");
    EXPECT_EQ(endpoint.log(), folder / "state/ring3/lab.log");
    struct stat status {};
    ASSERT_EQ(stat((folder / "ring3").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0700u);
    EXPECT_NO_THROW(Endpoint("other"));
}

TEST_F(EndpointTest, refuses_a_folder_that_others_can_enter) {
    std::filesystem::create_directory(folder / "ring3");
    chmod((folder / "ring3").c_str(), 0755);
    EXPECT_THROW(Endpoint("lab"), EnvironmentError);
    std::filesystem::remove(folder / "ring3");
    std::filesystem::create_symlink("/tmp", folder / "ring3");
    EXPECT_THROW(Endpoint("lab"), EnvironmentError);
    std::filesystem::remove(folder / "ring3");
    std::ofstream(folder / "ring3") << "a file";
    EXPECT_THROW(Endpoint("lab"), EnvironmentError);
}

TEST_F(EndpointTest, says_so_when_there_is_no_place_for_the_folder) {
    setenv("XDG_RUNTIME_DIR", (folder / "missing/deeper").c_str(), 1);
    EXPECT_THROW(Endpoint("lab"), EnvironmentError);
}

TEST_F(EndpointTest, falls_back_to_a_folder_of_the_user_in_tmp) {
    unsetenv("XDG_RUNTIME_DIR");
    EXPECT_EQ(Endpoint("lab").socket(), "/tmp/ring3-" + std::to_string(geteuid()) + "/lab.sock");
}

TEST_F(EndpointTest, takes_names_that_can_be_a_files) {
    for (const char* name : {"a", "lab-2", "x_y.z", "A1"}) EXPECT_NO_THROW(Endpoint{name}) << name;
    for (const char* name : {"", ".", "..", "../x", "a/b", "-x", ".x", "a b", "a\n",
                             "0123456789012345678901234567890123"})
        EXPECT_THROW(Endpoint{name}, ConfigError) << name;
}

TEST_F(EndpointTest, lists_the_machines_by_name) {
    for (const char* name : {"b", "a"}) std::ofstream(Endpoint(name).socket()) << "";
    std::ofstream(Endpoint("c").lock()) << "";
    EXPECT_EQ(Endpoint::machines(), (std::vector<std::string>{"a", "b"}));
}

}  // namespace
}  // namespace ring3
