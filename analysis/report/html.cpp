// SPDX-License-Identifier: MIT
#include <algorithm>
#include <fstream>
#include <iterator>
#include <string_view>

#include <fmt/format.h>

#include "analysis/report/document.hpp"

namespace ring3::analysis {
namespace {

constexpr std::string_view style = R"(
:root { color-scheme: light dark; --line: #bbb; --soft: #f3f3f3; --warn: #fff3cd;
  --ink: #1a1a1a; --paper: #fff; }
@media (prefers-color-scheme: dark) {
  :root { --line: #555; --soft: #242424; --warn: #4a3b00; --ink: #e8e8e8; --paper: #161616; }
}
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 1200px; margin: 2rem auto; padding: 0 1rem; }
h1, h2, h3 { line-height: 1.25; } h2 { margin-top: 2.2rem; border-bottom: 1px solid var(--line); }
figure { margin: 1.5rem 0; } figure img { max-width: 100%; height: auto; background: #fff; }
figcaption, caption { font-size: .9rem; text-align: left; padding: .3rem 0; }
.table { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; font-size: .92rem; }
th, td { padding: .25rem .7rem; border-bottom: 1px solid var(--line); text-align: left;
  vertical-align: top; }
td.number, th.number { text-align: right; }
td.number { font-variant-numeric: tabular-nums; white-space: nowrap; }
th { background: var(--soft); } th button { all: unset; cursor: pointer; }
th button:focus-visible { outline: 2px solid; }
th[aria-sort=ascending] button::after { content: " \2191"; }
th[aria-sort=descending] button::after { content: " \2193"; }
.warning { background: var(--warn); padding: .5rem .8rem; border-left: 4px solid #d39e00; }
pre { background: var(--soft); padding: .8rem; overflow-x: auto; font-size: .85rem; }
@media print {
  body { max-width: none; margin: 0; font-size: 10pt; color: #000; background: #fff; }
  figure, tr, .warning { break-inside: avoid; } h2, h3 { break-after: avoid; }
  table { font-size: 7.5pt; } th, td { padding: 1pt 3pt; } td.number { white-space: normal; }
  .table { overflow: visible; } th { background: #eee; }
}
)";

/// Sorts by the first number in a cell where all cells of the column begin with one, else by text;
/// what has no number comes last.
constexpr std::string_view script = R"(
for (const table of document.querySelectorAll('table')) {
  table.querySelectorAll('th').forEach((head, column) => {
    head.firstElementChild.addEventListener('click', () => {
      const down = head.getAttribute('aria-sort') === 'ascending';
      const body = table.tBodies[0], rows = [...body.rows];
      const key = row => {
        const text = row.cells[column].textContent;
        const number = parseFloat(text.replace(/^[\[<]/, ''));
        return isNaN(number) ? text : number;
      };
      rows.sort((a, b) => {
        const x = key(a), y = key(b);
        if (typeof x !== typeof y) return typeof x === 'number' ? -1 : 1;
        const order = typeof x === 'number' ? x - y : x.localeCompare(y);
        return down ? -order : order;
      });
      table.querySelectorAll('th').forEach(other => other.removeAttribute('aria-sort'));
      head.setAttribute('aria-sort', down ? 'descending' : 'ascending');
      body.append(...rows);
    });
  });
}
)";

std::string escaped(std::string_view text) {
    std::string result;
    for (const char c : text) switch (c) {
            case '&':
                result += "&amp;";
                break;
            case '<':
                result += "&lt;";
                break;
            case '>':
                result += "&gt;";
                break;
            case '"':
                result += "&quot;";
                break;
            default:
                result += c;
        }
    return result;
}

std::string base64(std::string_view bytes) {
    constexpr std::string_view digits =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string result;
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        std::uint32_t group = 0;
        for (std::size_t k = 0; k < 3; ++k)
            group =
                group << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0u);
        for (std::size_t k = 0; k < 4; ++k)
            result += i + k > bytes.size() ? '=' : digits[group >> (18 - 6 * k) & 63];
    }
    return result;
}

/// "0.95", "[0.9, 1.0] 75%", "-" and "exact" belong to a column of numbers.
bool is_number(std::string_view text) {
    return text == "exact" || text == "-" ||
           (text.find_first_of("0123456789") != text.npos &&
            text.find_first_not_of("0123456789.,-[]% ") == text.npos);
}

/// Most of its cells are: what stands in the place of a number goes with them.
bool is_column_of_numbers(const Table& table, std::size_t column) {
    const auto numbers =
        std::ranges::count_if(table.rows, [&](const auto& row) { return is_number(row[column]); });
    return 2 * numbers > std::ssize(table.rows);
}

struct Writer {
    const std::filesystem::path& folder;
    std::string html;

    void operator()(const Heading& heading) {
        html += fmt::format("<h{0}>{1}</h{0}>\n", heading.level, escaped(heading.text));
    }
    void operator()(const Paragraph& paragraph) {
        html += fmt::format("<p>{}</p>\n", escaped(paragraph.text));
    }
    void operator()(const Warning& warning) {
        html += fmt::format("<p class=\"warning\">{}</p>\n", escaped(warning.text));
    }
    void operator()(const Details& details) {
        html += fmt::format("<details><summary>{}</summary><pre>{}</pre></details>\n",
                            escaped(details.summary), escaped(details.text));
    }
    void operator()(const Chart& chart) {
        std::ifstream file(folder / (chart.name + ".svg"), std::ios::binary);
        const std::string svg{std::istreambuf_iterator<char>(file), {}};
        html += fmt::format(
            "<figure id=\"{}\"><img alt=\"{}\" width=\"{}\" height=\"{}\" "
            "src=\"data:image/svg+xml;base64,{}\">\n<figcaption><b>{}.</b> "
            "{}</figcaption></figure>\n",
            chart.name, escaped(chart.alt), chart.width, chart.height, base64(svg),
            escaped(chart.title), escaped(chart.caption));
    }
    void operator()(const Table& table) {
        html += "<div class=\"table\"><table>\n";
        if (!table.caption.empty())
            html += fmt::format("<caption>{}</caption>\n", escaped(table.caption));
        html += "<thead><tr>";
        std::vector<const char*> classes;
        for (std::size_t i = 0; i < table.head.size(); ++i) {
            classes.push_back(is_column_of_numbers(table, i) ? " class=\"number\"" : "");
            html += fmt::format("<th scope=\"col\"{}><button>{}</button></th>", classes.back(),
                                escaped(table.head[i]));
        }
        html += "</tr></thead>\n<tbody>\n";
        for (const auto& row : table.rows) {
            html += "<tr>";
            for (std::size_t i = 0; i < row.size(); ++i)
                html += fmt::format("<td{}>{}</td>", classes[i], escaped(row[i]));
            html += "</tr>\n";
        }
        html += "</tbody></table></div>\n";
    }
};

}  // namespace

std::string html_of(const Document& document, const std::filesystem::path& folder) {
    Writer writer{folder, {}};
    for (const Block& block : document.blocks) std::visit(writer, block);
    return fmt::format(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        "<title>{0}</title>\n<style>{1}</style></head>\n<body>\n<h1>{0}</h1>\n{2}"
        "<script>{3}</script>\n</body></html>\n",
        escaped(document.title), style, writer.html, script);
}

}  // namespace ring3::analysis
