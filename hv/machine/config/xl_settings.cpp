// SPDX-License-Identifier: MIT
#include "hv/machine/config/xl_settings.hpp"

#include <algorithm>
#include <array>
#include <cctype>

namespace ring3 {
namespace {

bool is_name_letter(char c) {
    // xl's keys have no capital and no '-', but a misspelt one that has is better named than
    // skipped.
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-';
}

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

class Scanner final {
public:
    explicit Scanner(std::string_view text) : text_{text} {}

    std::vector<XlSetting> scan() {
        while (!at_end()) {
            skip_while([](char c) { return is_blank(c) || c == '\n' || c == ';'; });
            if (!at_end()) setting();
        }
        return std::move(settings_);
    }

private:
    bool at_end() const { return at_ >= text_.size(); }
    char next() const { return at_end() ? '\n' : text_[at_]; }

    void advance() {
        if (text_[at_] == '\n') ++line_;
        ++at_;
    }

    template <class Predicate>
    std::string_view skip_while(Predicate is_skipped) {
        const std::size_t start = at_;
        while (!at_end() && is_skipped(text_[at_])) advance();
        return text_.substr(start, at_ - start);
    }

    /// From the start of a statement to behind its end.
    void setting() {
        XlSetting setting{.key = std::string{skip_while(is_name_letter)}, .line = line_};
        skip_while(is_blank);
        setting.adds = next() == '+';
        if (setting.adds) advance();
        const bool is_setting = !setting.key.empty() && next() == '=';
        if (is_setting) advance();
        const std::size_t start = at_;
        value();
        std::string_view rest = text_.substr(start, at_ - start);
        setting.is_empty = std::ranges::all_of(rest, [](char c) {
            return is_blank(c) || c == '\n' || c == '[' || c == ']' || c == '"' || c == '\'';
        });
        if (is_setting) settings_.push_back(setting);
    }

    /// To the end of the statement: a line's end or a ';' that is neither quoted nor in a list.
    void value() {
        int depth = 0;
        while (!at_end()) {
            const char c = next();
            if (c == '#') {
                skip_while([](char letter) { return letter != '\n'; });
                continue;
            }
            if (c == '"' || c == '\'') {
                quoted(c);
                continue;
            }
            if (depth == 0 && (c == '\n' || c == ';')) return;
            if (c == '[') ++depth;
            if (c == ']') --depth;
            advance();
        }
    }

    /// A string. It ends with its line at the latest: strings of xl have no more than one.
    void quoted(char quote) {
        advance();
        while (!at_end() && next() != quote && next() != '\n') {
            if (next() == '\\') advance();
            if (!at_end()) advance();
        }
        if (!at_end() && next() == quote) advance();
    }

    std::string_view text_;
    std::size_t at_ = 0;
    unsigned line_ = 1;
    std::vector<XlSetting> settings_;
};

}  // namespace

std::vector<XlSetting> scan_settings(std::string_view text) { return Scanner{text}.scan(); }

std::string python_in(std::string_view line) {
    constexpr std::array keywords{"import", "from", "def",  "if",    "elif",  "else",   "for",
                                  "while",  "try",  "with", "class", "print", "except", "lambda"};
    line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
    const auto letters_end = std::ranges::find_if_not(line, is_name_letter);
    const std::string word{line.begin(), letters_end};
    if (std::ranges::find(keywords, word) != keywords.end()) {
        const std::string_view behind = line.substr(word.size());
        const std::size_t next = behind.find_first_not_of(" \t");
        // "if = 1" would be a key of that name, and is for others to complain about.
        if (next == behind.npos || (behind[next] != '=' && behind[next] != '+')) return word;
    }
    // Outside of strings and comments, letters of Python that xl's syntax does not have.
    char quote = 0;
    for (std::size_t at = 0; at < line.size(); ++at) {
        const char c = line[at];
        if (quote != 0) {
            if (c == '\\') ++at;
            if (c == quote) quote = 0;
        } else if (c == '"' || c == '\'') {
            if (line.substr(at).starts_with(std::string(3, c))) return std::string(3, c);
            quote = c;
        } else if (c == '#') {
            break;
        } else if (c == '%' || c == '(' || c == '{') {
            return std::string(1, c);
        } else if (line.substr(at).starts_with("True") || line.substr(at).starts_with("None") ||
                   line.substr(at).starts_with("False")) {
            return std::string{line.substr(at, c == 'F' ? 5 : 4)};
        }
    }
    return "";
}

}  // namespace ring3
