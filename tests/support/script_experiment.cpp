// SPDX-License-Identifier: MIT
#include "tests/support/script_experiment.hpp"

#include <cstdlib>
#include <fstream>
#include <iterator>

#include <fmt/format.h>

namespace ring3::test {

std::string prints_results(const std::string& result) {
    return fmt::format(
        "for i in 1 2; do echo start spec-int-like gzip test; echo end spec-int-like gzip test; "
        "echo result spec-int-like gzip test {}; done; echo workloads: end 0",
        result);
}

std::string prints_value(double value) {
    return fmt::format(
        "for i in 1 2; do echo value spec-int-like gzip test speed MB/s {}; "
        "echo result spec-int-like gzip test output=ok; done; echo workloads: end 0",
        value);
}

std::string script_platform(const std::string& name, const std::string& script) {
    return fmt::format(
        "[platforms.{}]\nkind = 'command'\ncommand = ['sh', '-c', '''{}''']\n"
        "differs = {{kernel = 'none', image = 'none', memory = 'none', vcpus = 'none', "
        "words = 'none'}}\n",
        name, script);
}

std::string script_experiment(const std::string& platforms, const std::string& more) {
    return fmt::format(
        "[experiment]\nname = 'small'\nrepetitions = 2\ntimeout_s = 2\n{}\n[guest]\n"
        "kernel = '/bin/true'\nramdisk = '/bin/true'\ndisk = '/bin/true'\n{}"
        "[[workloads]]\nname = 'spec-int-like'\nprograms = ['gzip']\n",
        more, platforms);
}

ScratchFolder::ScratchFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "ring3-test-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
}

ScratchFolder::~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

std::string ScratchFolder::written(const std::string& name, const std::string& text) const {
    std::ofstream(path_ / name, std::ios::binary) << text;
    return (path_ / name).string();
}

std::string content_of(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace ring3::test
