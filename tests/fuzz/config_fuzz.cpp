// SPDX-License-Identifier: MIT
// Any text as a domain's config, as an override of one, or as a machine file: it is read, or
// refused with a message, and what is read keeps its promises.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "hv/base/check.hpp"
#include "hv/base/errors.hpp"
#include "hv/machine/config/domain_config.hpp"
#include "hv/machine/config/machine_config.hpp"

namespace ring3 {
namespace {

/// A message is one line that says something.
void check_message(const std::string& message) {
    HV_CHECK(!message.empty(), "a refusal without a word");
}

void read_as_domain(const std::string& text, const std::vector<std::string>& overrides) {
    try {
        const DomainConfig config = parse_domain_config("fuzz.cfg", text, overrides);
        check_domain_name(config.name);
        HV_CHECK(config.memory <= config.max_memory, "more memory than the most");
        HV_CHECK(config.memory > Frames{}, "no memory");
        for (const DiskSpec& disk : config.disks)
            HV_CHECK(!disk.vdev.empty() && disk.number != 0, "a disk without a name");
    } catch (const ConfigError& error) {
        check_message(error.what());
    }
}

void read_as_machine(std::string_view text, const std::vector<std::string>& settings) {
    try {
        MachineConfig config;
        config.read_text(text, "fuzz.toml");
        for (const std::string& setting : settings) config.set(setting);
        config.device_policy("io", {"web", "xvda", "vbd", "xenbr0"});
        HV_CHECK(!config.describe().empty(), "a machine that cannot be described");
    } catch (const ConfigError& error) {
        check_message(error.what());
    }
}

}  // namespace
}  // namespace ring3

/// Xen's parser loses a few bytes of some texts that it refuses.
extern "C" const char* __lsan_default_suppressions() { return "leak:libxlutil"; }

/// The first byte says what the text is, and how many of its last lines are overrides.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0 || size > 16 * 1024) return -1;
    std::string text(data + 1, data + size);
    std::vector<std::string> last_lines;
    for (int left = data[0] >> 1 & 3; left != 0; --left) {
        const auto line = text.find_last_of('\n');
        if (line == text.npos) break;
        last_lines.push_back(text.substr(line + 1));
        text.resize(line);
    }
    if ((data[0] & 1) == 0)
        ring3::read_as_domain(text, last_lines);
    else
        ring3::read_as_machine(text, last_lines);
    return 0;
}
