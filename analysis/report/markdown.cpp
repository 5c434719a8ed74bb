// SPDX-License-Identifier: MIT
#include <string_view>

#include <fmt/format.h>

#include "analysis/report/document.hpp"

namespace ring3::analysis {
namespace {

std::string escaped(std::string_view text) {
    std::string result;
    for (const char c : text) {
        if (c == '\n') {
            result += ' ';
            continue;
        }
        if (std::string_view{"\\`*_[]<>|#"}.find(c) != std::string_view::npos) result += '\\';
        result += c;
    }
    return result;
}

struct Writer {
    std::string text;

    void operator()(const Heading& heading) {
        text += fmt::format("{} {}\n\n", std::string(static_cast<std::size_t>(heading.level), '#'),
                            escaped(heading.text));
    }
    void operator()(const Paragraph& paragraph) { text += escaped(paragraph.text) + "\n\n"; }
    void operator()(const Warning& warning) {
        text += fmt::format("> **Note:** {}\n\n", escaped(warning.text));
    }
    void operator()(const Details& details) {
        text += fmt::format("{}:\n\n", escaped(details.summary));
        std::string_view rest = details.text;
        while (!rest.empty()) {
            const std::size_t end = std::min(rest.find('\n'), rest.size());
            text += fmt::format("    {}\n", rest.substr(0, end));
            rest.remove_prefix(std::min(end + 1, rest.size()));
        }
        text += "\n";
    }
    void operator()(const Chart& chart) {
        text += fmt::format("![{}]({}.svg)\n\n**{}.** {}\n\n", escaped(chart.alt), chart.name,
                            escaped(chart.title), escaped(chart.caption));
    }
    void operator()(const Table& table) {
        if (!table.caption.empty()) text += escaped(table.caption) + "\n\n";
        write_row(table.head);
        for (std::size_t i = 0; i < table.head.size(); ++i) text += "|---";
        text += "|\n";
        for (const auto& row : table.rows) write_row(row);
        text += "\n";
    }
    void write_row(const std::vector<std::string>& row) {
        for (const std::string& cell : row) text += fmt::format("| {} ", escaped(cell));
        text += "|\n";
    }
};

}  // namespace

std::string markdown_of(const Document& document) {
    Writer writer;
    writer.text = fmt::format("# {}\n\n", escaped(document.title));
    for (const Block& block : document.blocks) std::visit(writer, block);
    return writer.text;
}

}  // namespace ring3::analysis
