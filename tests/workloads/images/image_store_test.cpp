// SPDX-License-Identifier: MIT
// The store, with recipes that need neither packages nor a network.
#include "workloads/images/image_store.hpp"

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <thread>

#include <sys/wait.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hv/base/errors.hpp"
#include "hv/base/sha256.hpp"
#include "workloads/images/file_descriptor.hpp"

namespace ring3 {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using State = ImageStore::State;

/// A recipe whose every part a test can change.
class FakeRecipe final : public Recipe {
public:
    explicit FakeRecipe(std::string name) : name_{std::move(name)} {}

    std::string name() const override { return name_; }
    std::string summary() const override { return "a fake"; }
    std::vector<std::string> files() const override { return {"data"}; }
    std::vector<std::string> images() const override { return sources; }
    std::string text() const override { return recipe_text; }
    void build(const RecipeInputs& inputs, const fs::path& output) const override {
        ++builds;
        std::ofstream data{output / "data"};
        data << content;
        for (const auto& [source, directory] : inputs.images)
            data << std::ifstream{directory / "data"}.rdbuf();
        data.close();
        during_build();
    }

    std::vector<std::string> sources;
    std::string recipe_text = "1";
    std::string content = "some bytes";
    std::function<void()> during_build = [] {};
    mutable std::atomic<int> builds = 0;

private:
    std::string name_;
};

std::string text_of(const fs::path& path) {
    std::ifstream stream{path};
    return {std::istreambuf_iterator<char>{stream}, {}};
}

class ImageStoreTest : public testing::Test {
protected:
    ImageStoreTest() {
        char name[] = "/tmp/ring3-store-XXXXXX";
        if (::mkdtemp(name) == nullptr) throw std::runtime_error{"mkdtemp"};
        directory_ = name;
        root_ = directory_ / "images";
        made_.sources = {"base"};
    }
    ~ImageStoreTest() override { fs::remove_all(directory_); }

    ImageStore store() {
        return {root_, {{"base", &base_}, {"made", &made_}}, [this](const std::string& note) {
                    notes_.push_back(note);
                }};
    }
    fs::path directory_of(const std::string& name) { return store().image(name).directory; }
    /// Changes a file of an image as a user or a failing disk could.
    static void overwrite(const fs::path& file, const std::string& content) {
        fs::permissions(file, fs::perms{0644});
        std::ofstream{file} << content;
    }
    std::vector<std::string> names_in(const char* folder) const {
        std::vector<std::string> names;
        for (const auto& entry : fs::directory_iterator{root_ / folder})
            names.push_back(entry.path().filename());
        return names;
    }

    fs::path directory_;  // made for this test, and the only thing that its end removes
    fs::path root_;
    FakeRecipe base_{"base"};
    FakeRecipe made_{"made"};
    std::vector<std::string> notes_;
};

TEST_F(ImageStoreTest, builds_what_is_missing_and_then_only_finds_it) {
    EXPECT_EQ(store().image("base").state, State::missing);
    const fs::path path = store().resolve("image:base/data");
    EXPECT_EQ(text_of(path), "some bytes");
    EXPECT_EQ(store().resolve("base/data"), path);
    EXPECT_EQ(store().image("base").state, State::ready);
    EXPECT_EQ(base_.builds, 1);
    EXPECT_THAT(names_in("building"), IsEmpty());
}

TEST_F(ImageStoreTest, says_what_it_would_build_and_builds_nothing) {
    EXPECT_EQ(store().locate("image:base/data").path, "");
    EXPECT_EQ(store().locate("image:base/data").needed, "image base would be built");
    EXPECT_THROW(store().locate("base/dta"), ConfigError);
    EXPECT_FALSE(fs::exists(root_));

    const fs::path path = store().resolve("base/data");
    EXPECT_EQ(store().locate("base/data").path, path);
    EXPECT_EQ(store().locate("base/data").needed, "");
    base_.recipe_text = "2";
    EXPECT_EQ(store().locate("base/data").needed,
              "image base would be built: its recipe has changed");
    EXPECT_EQ(base_.builds, 1);
}

TEST_F(ImageStoreTest, keeps_an_image_by_the_hash_of_its_manifest) {
    const fs::path directory = store().resolve("base/data").parent_path();
    const std::string manifest = text_of(directory / "manifest.json");
    EXPECT_EQ(directory.filename(), sha256_hex(manifest));
    EXPECT_THAT(manifest, HasSubstr(sha256_hex("some bytes")));
    EXPECT_EQ(to_json(manifest_of_json(manifest)), manifest);
}

TEST_F(ImageStoreTest, gives_the_same_bytes_in_another_store) {
    const fs::path first = store().resolve("made/data");
    root_ = directory_ / "other";
    const fs::path second = store().resolve("made/data");
    EXPECT_NE(first, second);
    EXPECT_EQ(first.parent_path().filename(), second.parent_path().filename());
    EXPECT_EQ(text_of(first), text_of(second));
}

TEST_F(ImageStoreTest, names_what_there_is_when_asked_for_what_is_not) {
    const auto message = [&](const char* name) {
        try {
            store().resolve(name);
        } catch (const ConfigError& error) {
            return std::string{error.what()};
        }
        return std::string{};
    };
    EXPECT_EQ(message("image:bsae/data"),
              "there is no image \"bsae\" (did you mean \"base\"?); the images are: base, made");
    EXPECT_EQ(message("base/dta"),
              "image base has no file \"dta\" (did you mean \"data\"?); its files are: data");
    EXPECT_THAT(message("base"), HasSubstr("which file of image base?"));
    EXPECT_THAT(message("base/manifest.json"), HasSubstr("has no file"));
    EXPECT_THAT(message("base/../made/data"), HasSubstr("has no file"));
    EXPECT_THAT(message(""), HasSubstr("there is no image \"\""));
    EXPECT_FALSE(fs::exists(root_)) << "a question must not build anything";
}

TEST_F(ImageStoreTest, builds_anew_when_the_recipe_has_changed) {
    const fs::path before = store().resolve("base/data");
    base_.recipe_text = "2";
    base_.content = "other bytes";
    const ImageStore::Image outdated = store().image("base");
    EXPECT_EQ(outdated.state, State::outdated);
    EXPECT_EQ(outdated.reason, "its recipe has changed");
    EXPECT_EQ(text_of(store().resolve("base/data")), "other bytes");
    EXPECT_EQ(text_of(before), "some bytes") << "who has the old one open goes on undisturbed";
}

TEST_F(ImageStoreTest, builds_anew_when_an_image_that_it_is_made_from_has_changed) {
    EXPECT_EQ(text_of(store().resolve("made/data")), "some bytessome bytes");
    base_.recipe_text = "2";
    base_.content = "!";
    EXPECT_EQ(store().image("made").state, State::outdated);
    EXPECT_EQ(text_of(store().resolve("made/data")), "some bytes!");
    EXPECT_EQ(store().image("made").state, State::ready);
}

TEST_F(ImageStoreTest, goes_on_using_an_image_whose_source_was_removed) {
    store().resolve("made/data");
    store().remove("base");
    EXPECT_EQ(store().image("made").state, State::ready);
    store().resolve("made/data");
    EXPECT_EQ(base_.builds, 1);
    EXPECT_EQ(made_.builds, 1);
}

TEST_F(ImageStoreTest, never_hands_out_a_damaged_file) {
    const std::vector<std::pair<const char*, std::function<void(const fs::path&)>>> damages{
        {"cut", [](const fs::path& data) { overwrite(data, "some byte"); }},
        {"changed, same size", [](const fs::path& data) { overwrite(data, "some bytez"); }},
        {"lost", [](const fs::path& data) { fs::remove(data); }},
        {"a folder", [](const fs::path& data) { fs::remove(data), fs::create_directory(data); }},
        {"lost manifest",
         [](const fs::path& data) { fs::remove(data.parent_path() / "manifest.json"); }},
        {"changed manifest",
         [](const fs::path& data) { overwrite(data.parent_path() / "manifest.json", "{}"); }},
        {"lost folder", [](const fs::path& data) { fs::remove_all(data.parent_path()); }},
    };
    for (const auto& [name, damage] : damages) {
        SCOPED_TRACE(name);
        damage(store().resolve("base/data"));
        const ImageStore::Image image = store().image("base");
        EXPECT_EQ(image.state, State::damaged);
        EXPECT_THAT(image.reason, Not(IsEmpty()));
        EXPECT_EQ(text_of(store().resolve("base/data")), "some bytes");
        EXPECT_EQ(store().image("base").state, State::ready);
        EXPECT_THAT(names_in("building"), IsEmpty());
    }
}

TEST_F(ImageStoreTest, sees_a_change_that_hides_behind_an_old_time) {
    const fs::path data = store().resolve("base/data");
    const auto time = fs::last_write_time(data);
    overwrite(data, "some bytez");
    fs::last_write_time(data, time);
    EXPECT_EQ(store().image("base").state, State::damaged);
}

TEST_F(ImageStoreTest, reads_a_file_again_only_when_it_may_have_changed) {
    const fs::path data = store().resolve("base/data");
    const fs::path stamps = data.parent_path().string() + ".verified";
    // The file system's clock is coarse: only times set by hand tell two writes apart.
    const auto checked = fs::last_write_time(stamps) - std::chrono::hours{1};
    fs::last_write_time(stamps, checked);
    store().resolve("base/data");
    EXPECT_EQ(fs::last_write_time(stamps), checked);
    overwrite(data, "some bytes");
    fs::last_write_time(data, fs::last_write_time(data) + std::chrono::seconds{1});
    EXPECT_EQ(store().image("base").state, State::ready);
    EXPECT_GT(fs::last_write_time(stamps), checked);
}

TEST_F(ImageStoreTest, leaves_nothing_behind_when_a_build_fails) {
    base_.during_build = [] { throw EnvironmentError{"no space"}; };
    EXPECT_THROW(store().resolve("base/data"), EnvironmentError);
    EXPECT_EQ(store().image("base").state, State::missing);
    EXPECT_THAT(names_in("building"), IsEmpty());
    EXPECT_THAT(names_in("objects"), IsEmpty());
    base_.during_build = [] {};
    EXPECT_EQ(text_of(store().resolve("base/data")), "some bytes");
}

TEST_F(ImageStoreTest, keeps_the_old_image_when_the_new_one_fails) {
    store().resolve("base/data");
    base_.recipe_text = "2";
    base_.during_build = [] { throw EnvironmentError{"no space"}; };
    EXPECT_THROW(store().resolve("base/data"), EnvironmentError);
    base_.recipe_text = "1";
    EXPECT_EQ(store().image("base").state, State::ready);
}

TEST_F(ImageStoreTest, cleans_up_after_a_build_that_was_killed) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const FileDescriptor reader{ends[0]};
    FileDescriptor writer{ends[1]};
    base_.during_build = [&] {
        (void)!::write(writer.raw(), "x", 1);
        for (;;) ::pause();
    };
    const pid_t child = ::fork();
    if (child == 0) {
        store().resolve("base/data");
        ::_exit(0);
    }
    char started = 0;
    ASSERT_EQ(::read(reader.raw(), &started, 1), 1);
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    EXPECT_THAT(names_in("building"), ElementsAre("base"));
    EXPECT_EQ(store().image("base").state, State::missing) << "a half-made image is not there";

    made_.sources.clear();
    store().resolve("made/data");
    EXPECT_THAT(names_in("building"), IsEmpty()) << "whoever builds next cleans up for all";
}

TEST_F(ImageStoreTest, builds_once_when_two_ask_at_a_time) {
    base_.during_build = [] { std::this_thread::sleep_for(std::chrono::milliseconds{50}); };
    std::atomic<int> same = 0;
    const auto ask = [&] {
        ImageStore own{root_, {{"base", &base_}}, [](const std::string&) {}};
        same += text_of(own.resolve("base/data")) == "some bytes" ? 1 : 0;
    };
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) threads.emplace_back(ask);
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(same, 4);
    EXPECT_EQ(base_.builds, 1);
}

TEST_F(ImageStoreTest, removes_every_build_of_an_image_and_no_other) {
    store().resolve("base/data");
    base_.recipe_text = "2";
    store().resolve("made/data");
    EXPECT_GT(store().remove("base"), 2 * std::string{"some bytes"}.size());
    EXPECT_EQ(store().image("base").state, State::missing);
    EXPECT_EQ(store().image("made").state, State::ready);
    EXPECT_EQ(store().remove("base"), 0u);
    EXPECT_THROW(store().remove("bsae"), ConfigError);
}

TEST_F(ImageStoreTest, lists_all_images_with_their_state) {
    store().resolve("base/data");
    const std::vector<ImageStore::Image> images = store().images();
    ASSERT_EQ(images.size(), 2u);
    EXPECT_EQ(images[0].name, "base");
    EXPECT_EQ(images[0].state, State::ready);
    EXPECT_EQ(images[0].manifest->files.at("data").size_bytes, 10u);
    EXPECT_EQ(images[1].state, State::missing);
}

TEST_F(ImageStoreTest, says_so_when_it_cannot_write) {
    std::ofstream{directory_ / "file"} << "in the way";
    root_ = directory_ / "file" / "images";  // fails for root too
    EXPECT_THROW(store().resolve("base/data"), EnvironmentError);
}

/// Sets a variable of the environment, or removes it, until the end of the scope.
class Variable final {
public:
    Variable(const char* name, const char* value) : name_{name} {
        if (const char* old = std::getenv(name)) old_ = old;
        value != nullptr ? ::setenv(name, value, 1) : ::unsetenv(name);
    }
    ~Variable() { old_ ? ::setenv(name_, old_->c_str(), 1) : ::unsetenv(name_); }

private:
    const char* name_;
    std::optional<std::string> old_;
};

TEST(ImageStoreRoot, is_where_the_xdg_specification_puts_caches) {
    const Variable home{"HOME", "/home/me"};
    {
        const Variable cache{"XDG_CACHE_HOME", "/caches"};
        EXPECT_EQ(ImageStore::default_root(), "/caches/ring3/images");
    }
    for (const char* value : {"", "not/absolute"}) {
        const Variable cache{"XDG_CACHE_HOME", value};
        EXPECT_EQ(ImageStore::default_root(), "/home/me/.cache/ring3/images");
    }
}

TEST(ImageStoreRoot, is_a_private_folder_where_there_is_no_home) {
    const Variable cache{"XDG_CACHE_HOME", nullptr};
    const Variable home{"HOME", ""};
    const fs::path expected = "/tmp/ring3-" + std::to_string(::geteuid());
    EXPECT_EQ(ImageStore::default_root(), expected / "images");
    EXPECT_EQ(fs::status(expected).permissions(), fs::perms{0700});
    std::error_code in_use_by_others;
    fs::remove(expected, in_use_by_others);
}

}  // namespace
}  // namespace ring3
