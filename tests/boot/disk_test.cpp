// SPDX-License-Identifier: MIT
// What a guest's file system on a disk of ours goes through: power-off, the death of the machine
// in the middle of a write, a host whose disk is full.
#include <csignal>
#include <filesystem>
#include <map>
#include <string>

#include <unistd.h>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hv/control/endpoint.hpp"
#include "tests/boot/base_guests.hpp"

namespace ring3::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

/// A program of the host: its exit code.
int host(const std::string& command) {
    const int status = std::system((command + " >/dev/null 2>&1").c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

std::string sum_of(GuestConsole& guest, const std::string& file) {
    return guest.output_of("sha256sum <" + file).substr(0, 64);
}

/// The root that the image store has, as the guest's second disk, is told apart by its name.
std::string second_disk(const std::string& target, const std::string& mode = "w") {
    return fmt::format("'disk=[\"image:base/root.img,raw,xvda,w\",\"{},xvdb,{}\"]'", target, mode);
}

class GuestDisk : public BaseGuests {
protected:
    /// A file system of the host's making; sparse.
    std::string file_system(const std::string& name, const std::string& size = "256M") {
        const std::string path = own_runtime_folder() + "/" + name;
        EXPECT_EQ(host(fmt::format("mke2fs -q -t ext4 '{}' {}", path, size)), 0);
        return path;
    }
};

TEST_F(GuestDisk, is_clean_after_power_off) {
    const std::string root = own_runtime_folder() + "/root.img";
    const std::string from = run_ring3("image path base/root.img").shown;
    ASSERT_EQ(
        host(fmt::format("cp --sparse=always '{}' '{}'", from.substr(0, from.find('\n')), root)),
        0);
    create("one", fmt::format("'disk=[\"file:{},xvda,w\"]'", root));
    GuestConsole guest("one");
    guest.log_in();
    guest.output_of("for i in 1 2 3 4 5 6 7 8; do cp -r /usr/share/doc /srv/doc$i; done");
    guest.output_of("rm -r /srv/doc1 /srv/doc3");
    // How much of it is on the disk by now, and so what fsck would say, is a question of time.
    const std::string is_in_use =
        fmt::format("dumpe2fs -h '{}' 2>/dev/null | grep -q needs_recovery", root);
    EXPECT_EQ(host(is_in_use), 0) << "a mounted file system cannot look clean";
    power_off(guest);
    EXPECT_NE(host(is_in_use), 0);
    EXPECT_EQ(host("e2fsck -f -n " + root), 0);
    EXPECT_EQ(host(fmt::format("test \"$(debugfs -R 'ls /srv' '{}' | grep -o 'doc[0-9]' | "
                               "wc -l)\" = 6",
                               root)),
              0);
}

/// Files that are written and synced one after the other until the machine's process is killed.
class KilledMachine : public GuestDisk {
protected:
    static constexpr int most_files = 24;

    void expect_that_synced_files_survive(const std::string& target) {
        std::map<std::string, std::string> sums;
        {
            create("one", second_disk(target));
            GuestConsole guest("one");
            guest.log_in();
            guest.output_of("mount /dev/xvdb /srv");
            guest.output_of("for i in 1 2 3; do head -c 3000000 /dev/urandom >/srv/old$i; done");
            guest.type(
                "i=0; while :; do i=$((i+1)); dd if=/dev/urandom of=/srv/f$i bs=37k "
                "count=$((i%5+1)) conv=fsync 2>/dev/null && echo \"synced f$i "
                "$(sha256sum </srv/f$i)\"; head -c 200000 /dev/urandom >/srv/loose$i; done\n");
            while (sums.size() < most_files) {
                guest.read_until("synced ");
                const std::string name = guest.read_until(" ");
                sums[name] = guest.read_until(" ");
            }
            // Wherever the guest is now, most likely with writes on their way.
            kill_machine();
        }
        succeed("up");
        create("two", second_disk(target));
        GuestConsole guest("two");
        guest.log_in();
        guest.output_of("mount /dev/xvdb /srv");
        EXPECT_THAT(guest.output_of("dmesg | grep xvdb"), HasSubstr("recovery complete"));
        for (const auto& [name, sum] : sums) EXPECT_EQ(sum_of(guest, "/srv/" + name), sum) << name;
        guest.output_of("umount /srv");
        EXPECT_THAT(guest.output_of("e2fsck -f -n /dev/xvdb"), Not(HasSubstr("ERROR")));
        power_off(guest);
    }

private:
    static void kill_machine() {
        const pid_t pid = Json::parse(run_ring3("info --json").shown)["result"]["pid"];
        ASSERT_EQ(::kill(pid, SIGKILL), 0);
        while (run_ring3("list").code == 0) ::usleep(10'000);
    }
};

TEST_F(KilledMachine, loses_no_synced_file_of_a_raw_disk) {
    expect_that_synced_files_survive("file:" + file_system("raw.img"));
}

TEST_F(KilledMachine, loses_no_synced_file_of_an_overlay) {
    const std::string base = file_system("under.img");
    expect_that_synced_files_survive(
        fmt::format("overlay:{}:{}/over.img", base, own_runtime_folder()));
}

/// The machine sees a folder that holds 24 MiB and no more.
class FullHostDisk : public BaseGuests {
protected:
    void SetUp() override {
        folder = own_runtime_folder() + "/small";
        std::filesystem::create_directory(folder);
        if (host("unshare -r -m true") != 0)
            GTEST_SKIP() << "a file system of a limited size cannot be mounted here: unshare -r "
                            "-m is not permitted";
        const Outcome outcome =
            run_ring3("up", "",
                      fmt::format("unshare -r -m sh -c 'mount -t tmpfs -o size=24m tmpfs \"$0\" && "
                                  "truncate -s 256M \"$0\"/disk.img && exec \"$@\"' {}",
                                  folder));
        ASSERT_EQ(outcome.code, 0) << outcome.text;
    }
    void expect_an_error_for_one_guest_alone(const std::string& target) {
        create("full", second_disk(target));
        create("other", "'disk=[\"image:base/root.img,raw,xvda,w\"]'");
        GuestConsole full("full"), other("other");
        full.log_in();
        other.log_in();
        const std::string write = "dd if=/dev/zero of=/dev/xvdb bs=1M count=128 oflag=direct";
        full.type(write + "; echo \"code $?\"\n");
        other.output_of("head -c 8000000 /dev/urandom >/srv/file; sync");
        const std::string sum = sum_of(other, "/srv/file");
        EXPECT_THAT(full.read_until("code 1\r\n"), HasSubstr("Input/output error"));
        other.output_of("sync; echo 3 >/proc/sys/vm/drop_caches");
        EXPECT_EQ(sum_of(other, "/srv/file"), sum);
        EXPECT_THAT(other.output_of("dmesg"), Not(HasSubstr("I/O error")));
        // What was written before is there still, and can be given back for other bytes.
        EXPECT_EQ(full.run("cmp -n 10000000 /dev/xvdb /dev/zero").code, 0);
        full.output_of("blkdiscard /dev/xvdb");
        full.output_of(
            "head -c 4194304 /dev/urandom >/srv/bytes; dd if=/srv/bytes of=/dev/xvdb bs=1M "
            "oflag=direct seek=100");
        full.output_of("sync; echo 3 >/proc/sys/vm/drop_caches");
        EXPECT_EQ(full.output_of("dd if=/dev/xvdb bs=1M skip=100 count=4 2>/dev/null | sha256sum"),
                  full.output_of("sha256sum </srv/bytes"));
        power_off(full);
        power_off(other);
    }
    std::string folder;
};

TEST_F(FullHostDisk, is_an_error_to_the_guest_that_writes_a_raw_disk) {
    expect_an_error_for_one_guest_alone(fmt::format("file:{}/disk.img", folder));
}

TEST_F(FullHostDisk, is_an_error_to_the_guest_that_writes_an_overlay) {
    expect_an_error_for_one_guest_alone(fmt::format("overlay:{0}/disk.img:{0}/over.img", folder));
}

}  // namespace
}  // namespace ring3::test
