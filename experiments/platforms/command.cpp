// SPDX-License-Identifier: MIT
// Any other hypervisor, by the command that starts a guest with its console on standard output. In
// its words stand {kernel} {ramdisk} {disk} {memory_mib} {vcpus} {words} {scratch}; {disk} is a
// copy of the image that may be written.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "experiments/platforms/child.hpp"
#include "experiments/platforms/kernel_words.hpp"
#include "hv/base/errors.hpp"

namespace ring3::experiment {
namespace {

class Command final : public Platform {
public:
    Command(Params&, const PlatformChoice& choice) : command_(choice.command) {}

    std::string unavailable() override {
        if (has_program(command_.at(0))) return "";
        return fmt::format("there is no program \"{}\"", command_[0]);
    }
    Outcome run(const Boot& boot, Listener& listener) override {
        std::vector<std::string> words;
        for (const std::string& word : command_) words.push_back(filled_in(word, boot));
        return run_program(words, boot, listener);
    }

private:
    static std::string filled_in(const std::string& word, const Boot& boot) {
        const std::filesystem::path copy = boot.scratch / "disk.img";
        if (word.find("{disk}") != std::string::npos && !std::filesystem::exists(copy))
            std::filesystem::copy_file(boot.disk, copy);
        const std::map<std::string, std::string> values{
            {"{kernel}", boot.kernel},
            {"{ramdisk}", boot.ramdisk},
            {"{disk}", copy},
            {"{memory_mib}", std::to_string(boot.memory_mib)},
            {"{vcpus}", std::to_string(boot.vcpus)},
            {"{words}", fmt::format("{}", fmt::join(kernel_words(boot), " "))},
            {"{scratch}", boot.scratch}};
        std::string text;
        for (std::size_t at = 0; at < word.size();) {
            const std::size_t end = word[at] == '{' ? word.find('}', at) : std::string::npos;
            if (end == std::string::npos) {
                text += word[at++];
                continue;
            }
            const std::string name = word.substr(at, end - at + 1);
            const auto value = values.find(name);
            if (value == values.end())
                throw ConfigError{fmt::format("the command of a platform knows no {}", name)};
            text += value->second;
            at = end + 1;
        }
        return text;
    }

    std::vector<std::string> command_;
};

const Registered<Platform, Command> entry{"command", "another hypervisor, by its start command"};

}  // namespace
}  // namespace ring3::experiment
