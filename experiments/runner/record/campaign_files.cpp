// SPDX-License-Identifier: MIT
#include "experiments/runner/record/campaign_files.hpp"

#include "experiments/runner/record/hdf5_file.hpp"
#include "hv/base/sha256.hpp"

namespace ring3::record {

void write_index(const std::filesystem::path& path, const CampaignRecord& campaign) {
    Hdf5File file(path, campaign_format, sha256_hex(campaign.descriptor));
    file.group("/campaign");
    file.attribute("/campaign", "name", campaign.name);
    file.attribute("/campaign", "title", campaign.title);
    file.attribute("/campaign", "question", campaign.question);
    file.attribute("/campaign", "baseline", campaign.baseline);
    file.text("/campaign/descriptor", campaign.descriptor);
    file.table("/cells", "What is measured", cell_columns, campaign.cells);
    file.table("/runs", "The runs, in their order", run_columns, campaign.runs);
    file.table("/claims", "What the descriptor claims", claim_columns, campaign.claims);
    file.table("/differences", "In what platforms differ", difference_columns,
               campaign.differences);
    for (const Run& run : campaign.runs) {
        const std::filesystem::path name(run.file.view());
        if (!name.empty()) file.link("/" + name.stem().string(), name);
    }
    file.commit();
}

void write_host(const std::filesystem::path& path, const std::string& descriptor,
                const std::map<std::string, std::string>& facts, const std::vector<HostRun>& runs) {
    Hdf5File file(path, host_format, sha256_hex(descriptor));
    file.group("/host");
    for (const auto& [name, value] : facts) file.attribute("/host", name, value);
    file.table("/host/runs", "The host at each run", host_run_columns, runs);
    file.commit();
}

}  // namespace ring3::record
