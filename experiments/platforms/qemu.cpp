// SPDX-License-Identifier: MIT
// QEMU's full virtualization: by binary translation (TCG), or with hardware where there is any that
// works (KVM). A q35 machine, since Debian's cloud kernel finds no disk on a microvm.
#include <chrono>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "experiments/platforms/child.hpp"
#include "experiments/platforms/kernel_words.hpp"
#include "workloads/images/process.hpp"
#include "workloads/images/virtio_initrd.hpp"

namespace ring3::experiment {
namespace {

constexpr const char* program = "qemu-system-x86_64";
// The kernel counts ticks of a PC's timer by a loop, finds none where the host is busy elsewhere,
// and panics. Whatever it panics of ends QEMU at once, which takes a reboot for the end.
constexpr const char* of_a_pc = "no_timer_check panic=-1";

class Qemu : public Platform {
public:
    explicit Qemu(std::string accelerator, std::string cpu)
        : accelerator_(std::move(accelerator)), cpu_(std::move(cpu)) {}

    std::string unavailable() override { return wants_package(program, "qemu-system-x86"); }

    Outcome run(const Boot& boot, const Sink& sink, const WantsStop& wants_stop) override {
        const std::filesystem::path initrd = boot.scratch / "initrd";
        write_virtio_initrd(boot.ramdisk, boot.modules, initrd);
        const std::string words =
            fmt::format("console=ttyS0 root=/dev/vda rdinit={} {} {}", virtio_first_process,
                        of_a_pc, fmt::join(kernel_words(boot), " "));
        const std::string drive = fmt::format(
            "file={},if=none,id=disk,format=raw,file.locking=off,snapshot=on", boot.disk.string());
        return run_program({program,
                            "-accel",
                            accelerator_,
                            "-M",
                            "q35",
                            "-cpu",
                            cpu_,
                            "-m",
                            fmt::format("{}", boot.memory_mib),
                            "-smp",
                            fmt::format("{}", boot.vcpus),
                            "-nodefaults",
                            "-no-reboot",
                            "-display",
                            "none",
                            "-serial",
                            "stdio",
                            "-kernel",
                            boot.kernel.string(),
                            "-initrd",
                            initrd.string(),
                            "-append",
                            words,
                            "-drive",
                            drive,
                            "-device",
                            "virtio-blk-pci,drive=disk"},
                           boot, sink, wants_stop);
    }
    std::vector<NaturalDifference> differences() const override {
        return {{"devices", "a PC's: virtio disk on PCI, serial console"}};
    }
    std::string version() override {
        return output_of({program, "--version"}, std::filesystem::temp_directory_path());
    }

private:
    std::string accelerator_, cpu_;
};

class QemuTcg final : public Qemu {
public:
    QemuTcg(Params&, const PlatformChoice&) : Qemu("tcg,thread=single", "max") {}
};

/// /dev/kvm may be there and of no use: only a guest that ran instructions shows that it works.
class QemuKvm final : public Qemu {
public:
    QemuKvm(Params&, const PlatformChoice&) : Qemu("kvm", "host") {}

    std::string unavailable() override {
        if (std::string missing = Qemu::unavailable(); !missing.empty()) return missing;
        const int device = ::open("/dev/kvm", O_RDWR | O_CLOEXEC);
        if (device < 0) return "no hardware virtualization: /dev/kvm cannot be opened";
        ::close(device);
        return probe() ? "" : "no usable hardware virtualization: the firmware does not run on it";
    }

private:
    /// Whether a PC's firmware comes to its first words within a few seconds.
    static bool probe() {
        using namespace std::chrono_literals;
        bool spoke = false;
        Child child({program, "-accel", "kvm", "-M", "pc", "-cpu", "host", "-m", "64",
                     "-nodefaults", "-display", "none", "-no-reboot", "-chardev", "stdio,id=log",
                     "-device", "isa-debugcon,iobase=0x402,chardev=log"},
                    std::filesystem::temp_directory_path());
        child.listen(
            [&](std::chrono::nanoseconds, const std::string& text) {
                spoke |= text.find("SeaBIOS") != std::string::npos;
                return false;
            },
            10s, [&] { return spoke; });
        return spoke;
    }
};

const Registered<Platform, QemuTcg> tcg{"qemu-tcg", "QEMU, full virtualization by translation"};
const Registered<Platform, QemuKvm> kvm{"qemu-kvm", "QEMU with hardware virtualization"};

}  // namespace
}  // namespace ring3::experiment
