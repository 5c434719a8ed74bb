// SPDX-License-Identifier: MIT
// The paper: the text of paper/, with tables and figures made from campaigns.
#pragma once

#include <filesystem>
#include <vector>

namespace ring3::analysis {

/// Writes report/paper/ into the folder of the first campaign and makes evaluation.pdf there; gives
/// its path. Each part comes from the first campaign that has something for it. EnvironmentError,
/// with everything but the PDF written, where pdflatex is missing or fails.
std::filesystem::path write_paper(const std::vector<std::filesystem::path>& campaigns);

/// The folder paper/ of this tree: RING3_ROOT says where that is, else the build.
std::filesystem::path paper_folder();

}  // namespace ring3::analysis
