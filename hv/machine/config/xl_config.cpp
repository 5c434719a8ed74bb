// SPDX-License-Identifier: MIT
#include "hv/machine/config/xl_config.hpp"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <new>

#include <fmt/format.h>

#include "hv/base/check.hpp"
#include "hv/base/errors.hpp"

extern "C" {
#include <libxlutil.h>
}

namespace ring3 {
namespace {

bool is_number(std::string_view text) {
    return !text.empty() && std::isdigit(static_cast<unsigned char>(text[0])) != 0 &&
           std::ranges::all_of(text,
                               [](unsigned char c) { return std::isxdigit(c) != 0 || c == 'x'; });
}

bool is_key_of_xl(std::string_view name) {
    return std::ranges::all_of(name, [](unsigned char c) {
        return std::islower(c) != 0 || std::isdigit(c) != 0 || c == '_';
    });
}

/// A line of a config for "key=value" of the command line. Like xm, and unlike xl, takes a value
/// without quotes for a string: otherwise it could only be an error.
std::string line_for(const std::string& override) {
    const std::size_t equals = override.find('=');
    if (equals == 0 || equals == override.npos || override.find('\n') != override.npos)
        throw ConfigError{
            fmt::format("command line: \"{}\" is not of the form key=value", override)};
    std::string value = override.substr(equals + 1);
    value.erase(0, std::min(value.find_first_not_of(" \t"), value.size()));
    const bool is_written_for_xl =
        is_number(value) || (!value.empty() && std::strchr("\"'[", value[0]) != nullptr);
    if (!is_written_for_xl) {
        std::string quoted = "\"";
        for (const char c : value) {
            if (c == '"' || c == '\\') quoted += '\\';
            quoted += c;
        }
        value = quoted + "\"";
    }
    return override.substr(0, equals) + "=" + value + "\n";  // of "key+=value" the '+' is there too
}

unsigned count_lines(std::string_view text) {
    return static_cast<unsigned>(std::ranges::count(text, '\n'));
}

}  // namespace

/// What a C function prints to a FILE, collected.
class XlConfig::Report final {
public:
    Report() : file_{::open_memstream(&buffer_, &size_)} {
        if (file_ == nullptr) throw std::bad_alloc{};
    }
    Report(const Report&) = delete;
    Report& operator=(const Report&) = delete;
    ~Report() {
        std::fclose(file_);
        std::free(buffer_);
    }

    std::FILE* file() const { return file_; }
    std::string text() const {
        std::fflush(file_);
        return {buffer_, size_};
    }

private:
    char* buffer_ = nullptr;
    std::size_t size_ = 0;
    std::FILE* file_;
};

void XlConfig::Free::operator()(XLU_Config* config) const { xlu_cfg_destroy(config); }

XlConfig::~XlConfig() = default;

XlConfig::XlConfig(std::string path, std::string text, std::span<const std::string> overrides)
    : path_{std::move(path)}, text_{std::move(text)}, report_{std::make_unique<Report>()} {
    if (!text_.ends_with('\n')) text_ += '\n';
    first_override_ = count_lines(text_) + 1;
    for (const std::string& override : overrides) text_ += line_for(override);
    // Nor may an override have one, which comes from the command line or over a machine's socket:
    // the parser asserts that there is none.
    if (text_.find('\0') != text_.npos)
        throw ConfigError{fmt::format("{}: this is not a text file", path_)};
    settings_ = scan_settings(text_);
    parse();
    refuse_duplicates();
}

void XlConfig::parse() {
    config_.reset(xlu_cfg_init(report_->file(), path_.c_str()));
    if (!config_) throw std::bad_alloc{};
    HV_CHECK(text_.size() <= INT_MAX, "the reader of the file limits its size");
    const int failure =
        xlu_cfg_readdata(config_.get(), text_.data(), static_cast<int>(text_.size()));
    // The parser also says what it lets pass, such as += on a number: that would not be what was
    // meant.
    if (const std::string said = report_->text(); failure != 0 || !said.empty()) {
        if (failure != 0 && said.empty()) throw std::bad_alloc{};
        explain(said);
    }
}

/// Turns the parser's report ("FILE:LINE: what", then general advice) into one message.
void XlConfig::explain(const std::string& report) const {
    const std::string prefix = path_ + ":";
    std::string what = report;
    unsigned line = 0;
    if (what.starts_with(prefix)) {
        const char* number = what.data() + prefix.size();
        const char* end = std::from_chars(number, what.data() + what.size(), line).ptr;
        what.erase(0, static_cast<std::size_t>(end - what.data()));
        what.erase(0, std::min(what.find_first_not_of(": "), what.size()));
    }
    if (const std::size_t advice = what.find("\nwarning:"); advice != what.npos) what.erase(advice);
    while (!what.empty() && what.back() == '\n') what.pop_back();

    std::string hint;
    // The parser counts a line before it complains of its end, and then once too far back.
    if (what.find("near <newline>") != what.npos) ++line;
    if (what.find("unexpected $end") != what.npos && !settings_.empty()) {
        line = settings_.back().line;
        hint = " (the list that begins here has no end)";
    }
    const std::string_view source = line_of_text(line);
    if (const std::string python = python_in(source); !python.empty())
        throw ConfigError{fmt::format(
            "{}: this is Python (`{}`), which xm ran; xl and ring3 read only lines of the form "
            "NAME = VALUE with a number, a \"string\" or a [ list ]: write the values down",
            place(line), python)};
    if (source.find('\r') != source.npos) {
        hint = " (the file has the line ends of Windows; `dos2unix` removes them)";
    } else if (const auto key = scan_settings(source); !key.empty() && !is_key_of_xl(key[0].key)) {
        hint = " (keys are made of small letters, digits and _)";
    } else if (source.find("=-") != source.npos || source.find("= -") != source.npos) {
        hint = " (numbers are not negative)";
    }
    std::erase_if(what, [](unsigned char c) { return std::iscntrl(c) != 0; });
    throw ConfigError{fmt::format("{}: {}{}", place(line), what, hint)};
}

void XlConfig::refuse_duplicates() const {
    std::map<std::string, unsigned> lines;
    for (const XlSetting& setting : settings_) {
        if (setting.line >= first_override_ || setting.adds) continue;
        const auto [first, is_new] = lines.emplace(setting.key, setting.line);
        if (!is_new)
            throw ConfigError{fmt::format("{}: {} is set already in line {}", place(setting.line),
                                          setting.key, first->second)};
    }
}

bool XlConfig::has(const std::string& key) const {
    return std::ranges::find(settings_, key, &XlSetting::key) != settings_.end();
}

std::optional<std::string> XlConfig::string(const std::string& key) const {
    const char* value = nullptr;
    constexpr int quietly = 1;
    const int failure = xlu_cfg_get_string(config_.get(), key.c_str(), &value, quietly);
    if (failure == ESRCH) return std::nullopt;
    if (failure != 0) refuse(key, "takes one value, not a list");
    return std::string{value};
}

std::optional<std::uint64_t> XlConfig::number(const std::string& key, std::uint64_t least,
                                              std::uint64_t most, std::string_view unit) const {
    const std::optional<std::string> value = string(key);
    if (!value) return std::nullopt;
    // Xen's parser would append the digits.
    if (std::ranges::any_of(
            settings_, [&](const auto& setting) { return setting.key == key && setting.adds; }))
        refuse(key, "takes one number, not += too");
    return number_in(key, *value, least, most, unit);
}

std::uint64_t XlConfig::number_in(const std::string& key, const std::string& text,
                                  std::uint64_t least, std::uint64_t most,
                                  std::string_view unit) const {
    // Base 0, as xl has it: 0x10 is sixteen and 010 is eight.
    char* end = nullptr;
    errno = 0;
    const unsigned long long parsed = std::strtoull(text.c_str(), &end, 0);
    const bool is_whole = is_number(text) && *end == '\0' && errno == 0;
    if (!is_whole || parsed < least || parsed > most)
        refuse(key, fmt::format("takes a number from {} to {}{}{}, not \"{}\"", least, most,
                                unit.empty() ? "" : " ", unit, text));
    return parsed;
}

bool XlConfig::is_list(const std::string& key) const {
    XLU_ConfigList* list = nullptr;
    int count = 0;
    constexpr int quietly = 1;
    return xlu_cfg_get_list(config_.get(), key.c_str(), &list, &count, quietly) == 0;
}

std::optional<std::vector<std::string>> XlConfig::list(const std::string& key) const {
    const std::string allowed = fmt::format("takes a list of strings: {} = [ \"...\" ]", key);
    XLU_ConfigList* list = nullptr;
    int count = 0;
    constexpr int quietly = 1;
    const int failure = xlu_cfg_get_list(config_.get(), key.c_str(), &list, &count, quietly);
    if (failure == ESRCH) return std::nullopt;
    if (failure != 0) {
        if (string(key)->empty()) return std::vector<std::string>{};
        refuse(key, allowed);
    }
    std::vector<std::string> items;
    for (int i = 0; i < count; ++i) {
        const char* const item = xlu_cfg_get_listitem(list, i);
        if (item == nullptr) refuse(key, allowed);
        items.emplace_back(item);
    }
    return items;
}

std::string XlConfig::place(unsigned line) const {
    if (line < first_override_) return fmt::format("{}:{}", path_, line);
    return fmt::format("command line, `{}`", line_of_text(line));
}

std::string_view XlConfig::line_of_text(unsigned line) const {
    std::string_view rest = text_;
    for (unsigned at = 1; at < line && !rest.empty(); ++at)
        rest.remove_prefix(std::min(rest.find('\n'), rest.size() - 1) + 1);
    return rest.substr(0, rest.find('\n'));
}

std::string XlConfig::place_of(const XlSetting& setting) const { return place(setting.line); }

std::string XlConfig::place_of(const std::string& key) const {
    // The last setting of a key is the one that counts.
    for (auto setting = settings_.rbegin(); setting != settings_.rend(); ++setting)
        if (setting->key == key) return place(setting->line);
    return path_;
}

void XlConfig::refuse(const std::string& key, std::string_view what) const {
    throw ConfigError{fmt::format("{}: {} {}", place_of(key), key, what)};
}

}  // namespace ring3
