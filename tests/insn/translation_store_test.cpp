// SPDX-License-Identifier: MIT
// Translations kept in a file: an engine that finds them does what one does that translates,
// whatever has happened to the file.
#include "hv/cpu/translate/translation_store.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "tests/insn/many_places_guest.hpp"
#include "tests/insn/sample.hpp"

namespace ring3::test {
namespace {

namespace fs = std::filesystem;
using Guest = ManyPlacesGuest;

class Translations : public testing::Test {
protected:
    Translations() {
        fs::remove_all(folder_);
        fs::create_directories(folder_);
    }
    ~Translations() override { fs::remove_all(folder_); }

    static constexpr std::uint64_t programs = 20;
    /// Instructions across two pages are translated each time.
    static constexpr std::uint64_t most_never_kept = 10;

    /// Runs random programs at one of the places; what became of it.
    struct Ran {
        std::vector<CpuState> states;
        std::vector<std::vector<std::byte>> memories;
        TranslatorStatistics statistics;
    };
    Ran run(const fs::path& kept_in, std::uint64_t place = Guest::places[0],
            std::uint64_t first = 0) const {
        TranslatorSettings settings = Guest::settings_for(IsaLevel::x86_64_v2);
        settings.store_chunk_bytes = chunk_bytes_;
        settings.windows_after = windows_after_;
        Guest guest(settings);
        if (!kept_in.empty()) guest.core->keep_translations_in(kept_in);
        Ran ran;
        RandomProgram program;
        for (std::uint64_t i = first; i < first + programs; ++i) {
            ProgramMaker(IsaLevel::x86_64_v2, seed_ + i).make(program);
            guest.load(program);
            guest.run(program, place, 1000);
            ran.states.push_back(guest.guest.state);
            ran.memories.push_back(guest.memory());
        }
        ran.statistics = guest.core->statistics();
        return ran;
    }

    static void expect_equal(const Ran& a, const Ran& b) {
        for (std::size_t i = 0; i < a.states.size(); ++i) {
            EXPECT_EQ(a.states[i].rip, b.states[i].rip) << i;
            EXPECT_EQ(a.states[i].gpr, b.states[i].gpr) << i;
            EXPECT_EQ(a.states[i].rflags, b.states[i].rflags) << i;
            EXPECT_EQ(a.states[i].xsave, b.states[i].xsave) << i;
            EXPECT_EQ(a.states[i].retired, b.states[i].retired) << i;
            EXPECT_TRUE(a.memories[i] == b.memories[i]) << i;
        }
    }

    fs::path file() const {
        std::vector<fs::path> files;
        for (const auto& entry : fs::directory_iterator{folder_}) files.push_back(entry.path());
        return files.size() == 1 ? files.front() : fs::path{};
    }
    static std::string read(const fs::path& path) {
        std::ifstream in(path, std::ios::binary);
        return {std::istreambuf_iterator<char>(in), {}};
    }
    static void write(const fs::path& path, const std::string& bytes) {
        std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
    }

    std::size_t chunk_bytes_ = std::size_t{1} << 20;
    std::uint64_t windows_after_ = 0;
    const std::uint64_t seed_ = seed_from_environment();
    const fs::path folder_ =
        fs::path(testing::TempDir()) / fmt::format("translations-{}", getpid());
};

TEST_F(Translations, of_an_earlier_engine_serve_a_later_one) {
    const Ran without = run({}), first = run(folder_), second = run(folder_);
    expect_equal(without, first);
    expect_equal(without, second);
    EXPECT_GT(without.statistics.translated, 0);
    EXPECT_LT(second.statistics.translated, most_never_kept);
    EXPECT_GT(second.statistics.stored, first.statistics.stored);
}

TEST_F(Translations, serve_for_the_same_code_at_another_address) {
    run(folder_);
    const Ran moved = run(folder_, Guest::places[2]);
    expect_equal(run({}, Guest::places[2]), moved);
    EXPECT_GT(moved.statistics.stored, 10 * moved.statistics.translated);
}

TEST_F(Translations, that_use_windows_serve_where_others_are) {
    const Ran without = run({});
    windows_after_ = 1;
    // Each engine's are at another distance.
    const Ran first = run(folder_), second = run(folder_);
    expect_equal(run({}), first);
    expect_equal(first, second);
#ifndef __SANITIZE_ADDRESS__  // whose shadow is where these windows would be
    EXPECT_EQ(first.statistics.windows_given_up + second.statistics.windows_given_up, 0);
#endif
    EXPECT_GT(second.statistics.stored, 10 * second.statistics.translated);
    windows_after_ = 0;
    expect_equal(without, run(folder_));
}

TEST_F(Translations, are_added_by_one_engine_after_another) {
    run(folder_);
    const auto size = fs::file_size(file());
    run(folder_, Guest::places[0], programs);
    EXPECT_GT(fs::file_size(file()), size);
    EXPECT_LT(run(folder_).statistics.translated, most_never_kept);
    EXPECT_LT(run(folder_, Guest::places[0], programs).statistics.translated, most_never_kept);
}

TEST_F(Translations, that_were_written_are_found_while_more_are_made) {
    chunk_bytes_ = 16 * page_size;
    expect_equal(run({}), run(folder_));
    EXPECT_GT(fs::file_size(file()), 2 * chunk_bytes_);
    // But for the last chunk, which is not worth it.
    const Ran again = run(folder_);
    expect_equal(run({}), again);
    EXPECT_LT(4 * again.statistics.translated, run({}).statistics.translated);
}

TEST_F(Translations, are_not_kept_where_the_engine_is_told_so) {
    TranslatorSettings settings = Guest::settings_for(IsaLevel::x86_64_v2);
    settings.keeps_translations = false;
    Guest guest(settings);
    guest.core->keep_translations_in(folder_);
    RandomProgram program;
    ProgramMaker(IsaLevel::x86_64_v2, seed_).make(program);
    guest.load(program);
    guest.run(program, Guest::places[0], 1000);
    EXPECT_TRUE(fs::is_empty(folder_));
}

TEST_F(Translations, of_other_settings_are_not_mixed_up) {
    run(folder_);
    TranslatorSettings settings = Guest::settings_for(IsaLevel::x86_64_v2);
    settings.block_limit = 3;
    Guest guest(settings);
    guest.core->keep_translations_in(folder_);
    RandomProgram program;
    ProgramMaker(IsaLevel::x86_64_v2, seed_).make(program);
    guest.load(program);
    guest.run(program, Guest::places[0], 1000);
    EXPECT_EQ(guest.core->statistics().stored, 0);
}

TEST_F(Translations, in_a_damaged_file_are_made_again) {
    const Ran without = run({});
    run(folder_);
    const std::string whole = read(file());
    std::mt19937_64 random(seed_);
    for (int round = 0; round < 30; ++round) {
        std::string damaged = whole;
        // Some flipped bits near the front and anywhere, then a file that ends early.
        for (int i = 0; i < 40; ++i)
            damaged[random() % (i < 4 ? 128 : damaged.size())] ^=
                static_cast<char>(1u << random() % 8);
        if (round % 2 == 1) damaged.resize(random() % damaged.size());
        write(file(), damaged);
        expect_equal(without, run(folder_));
        ASSERT_FALSE(HasFailure()) << fmt::format("RING3_SEED={} round {}", seed_, round);
    }
    // One bit of each record is enough.
    std::string damaged = whole;
    for (std::size_t at = 4096; at < damaged.size(); at += 64) damaged[at] ^= 1;
    write(file(), damaged);
    const Ran ran = run(folder_);
    expect_equal(without, ran);
    EXPECT_GT(ran.statistics.translated, 0);
}

TEST_F(Translations, that_somebody_else_may_have_written_are_not_run) {
    run(folder_);
    fs::permissions(file(), fs::perms::group_write, fs::perm_options::add);
    EXPECT_GT(run(folder_).statistics.translated, 0);
}

TEST_F(Translations, leave_room_for_those_of_other_builds_but_not_for_many) {
    for (int i = 0; i < 9; ++i) write(folder_ / fmt::format("{}.translations", i), "");
    write(folder_ / "notes", "not ours");
    run(folder_);
    std::size_t left = 0;
    for (const auto& entry : fs::directory_iterator{folder_})
        if (entry.path().extension() == ".translations") ++left;
    EXPECT_EQ(left, TranslationStore::most_files);
    EXPECT_TRUE(fs::exists(folder_ / "notes"));
}

TEST_F(Translations, that_cannot_be_written_are_no_error) {
    const fs::path not_a_folder = folder_ / "file";
    write(not_a_folder, "");
    expect_equal(run({}), run(not_a_folder));
}

}  // namespace
}  // namespace ring3::test
