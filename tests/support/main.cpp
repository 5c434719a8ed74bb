// SPDX-License-Identifier: MIT
// The main of every test program. A program, or a filter, that selects no test is an error: a
// suite that fell out of the build, or a misspelt name, must not look like a success.
#include <cstdio>

#include <gmock/gmock.h>

int main(int argc, char** argv) {
    testing::InitGoogleMock(&argc, argv);
    const int result = RUN_ALL_TESTS();
    if (testing::UnitTest::GetInstance()->test_to_run_count() == 0) {
        std::fputs("error: this program has no test that its filter selects\n", stderr);
        return 1;
    }
    return result;
}
