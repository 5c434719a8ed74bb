// SPDX-License-Identifier: MIT
// A report as its parts, told once and written as one HTML page and as Markdown.
#pragma once

#include <filesystem>
#include <string>
#include <variant>
#include <vector>

#include "analysis/charts/chart.hpp"

namespace ring3::analysis {

struct Heading {
    int level = 2;
    std::string text;
};
struct Paragraph {
    std::string text;
};
/// Something a reader must not miss.
struct Warning {
    std::string text;
};
struct Table {
    std::vector<std::string> head;
    std::vector<std::vector<std::string>> rows;
    std::string caption;
};
/// Text as it is, to be opened.
struct Details {
    std::string summary, text;
};
using Block = std::variant<Heading, Paragraph, Warning, Table, Chart, Details>;

struct Document {
    std::string title;
    std::vector<Block> blocks;

    template <typename Part>
    void add(Part part) {
        blocks.emplace_back(std::in_place_type<Part>, std::move(part));
    }
    void heading(std::string text, int level = 2) { add(Heading{level, std::move(text)}); }
    void paragraph(std::string text) { add(Paragraph{std::move(text)}); }
    void warning(std::string text) { add(Warning{std::move(text)}); }
    void append(Document other) {
        for (Block& block : other.blocks) blocks.push_back(std::move(block));
    }
};

/// One page with everything inside; the charts' .svg files are in `folder`.
std::string html_of(const Document& document, const std::filesystem::path& folder);
/// Names the pictures, which lie beside it.
std::string markdown_of(const Document& document);

}  // namespace ring3::analysis
