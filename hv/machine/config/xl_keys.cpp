// SPDX-License-Identifier: MIT
#include "hv/machine/config/xl_keys.hpp"

namespace ring3 {
namespace {

constexpr auto used = XlKey::Use::used;
constexpr auto none = XlKey::Use::without_effect;

// clang-format off
constexpr XlKey keys[] = {
    {"builder", used}, {"cmdline", used}, {"disk", used}, {"extra", used}, {"kernel", used},
    {"maxmem", used}, {"maxvcpus", used}, {"memory", used}, {"name", used}, {"on_crash", used},
    {"on_poweroff", used}, {"on_reboot", used}, {"on_watchdog", used}, {"ramdisk", used},
    {"root", used}, {"type", used}, {"uuid", used}, {"vcpus", used}, {"vif", used},

    // xl.cfg(5)
    {"acpi", none}, {"acpi_firmware", none}, {"acpi_laptop_slate", none}, {"acpi_s3", none},
    {"acpi_s4", none}, {"altp2m", none}, {"altp2mhvm", none}, {"apic", none},
    {"assisted_x2apic", none}, {"assisted_xapic", none}, {"bios", none},
    {"bios_path_override", none}, {"blkdev_start", none}, {"boot", none}, {"bootloader", used},
    {"bootloader_args", none}, {"budget", used}, {"cap", used}, {"channel", none},
    {"claim_mode", none}, {"cpu_weight", used}, {"cpuid", none}, {"cpus", used},
    {"cpus_soft", none}, {"device_model_args", none}, {"device_model_args_hvm", none},
    {"device_model_args_pv", none}, {"device_model_override", none},
    {"device_model_stubdomain_override", none}, {"device_model_stubdomain_seclabel", none},
    {"device_model_user", none}, {"device_model_version", none}, {"device_tree", none},
    {"display", none}, {"dm_restrict", none}, {"driver_domain", none}, {"dtdev", none},
    {"e820_host", none}, {"extratime", used}, {"firmware", none}, {"firmware_override", none},
    {"gfx_passthru", none}, {"gic_version", none}, {"hap", none}, {"hdtype", none}, {"hpet", none},
    {"init_seclabel", none}, {"iomem", none}, {"ioports", none}, {"irqs", none}, {"keymap", none},
    {"latency", none}, {"localtime", none}, {"max_event_channels", none},
    {"max_grant_frames", none}, {"max_grant_version", none}, {"max_maptrack_frames", none},
    {"mca_caps", none}, {"mmio_hole", none}, {"ms_vm_genid", none}, {"msr_relaxed", none},
    {"nestedhvm", none}, {"nodes", none}, {"nographic", none}, {"nomigrate", none}, {"nx", none},
    {"on_soft_reset", none}, {"oos", none}, {"opengl", none}, {"p9", none}, {"pae", none},
    {"passthrough", none}, {"pci", none}, {"pci_msitranslate", none}, {"pci_permissive", none},
    {"pci_power_mgmt", none}, {"pci_seize", none}, {"period", used}, {"pool", used},
    {"pvcalls", none}, {"pvshim", none}, {"pvshim_cmdline", none}, {"pvshim_extra", none},
    {"pvshim_path", none}, {"rdm", none}, {"rdm_mem_boundary", none}, {"rtc_timeoffset", none},
    {"sdl", none}, {"seclabel", none}, {"serial", none}, {"shadow_memory", none}, {"slice", none},
    {"smbios_firmware", none}, {"soundhw", none}, {"spice", none},
    {"spice_clipboard_sharing", none}, {"spice_image_compression", none},
    {"spice_streaming_video", none}, {"spiceagent_mouse", none}, {"spicedisable_ticketing", none},
    {"spicehost", none}, {"spicepasswd", none}, {"spiceport", none}, {"spicetls_port", none},
    {"spiceusbredirection", none}, {"spicevdagent", none}, {"stdvga", none},
    {"stubdomain_cmdline", none}, {"stubdomain_kernel", none}, {"stubdomain_memory", none},
    {"stubdomain_ramdisk", none}, {"tee", none}, {"timer_mode", none}, {"tsc_mode", none},
    {"usb", none}, {"usbctrl", none}, {"usbdev", none}, {"usbdevice", none}, {"usbversion", none},
    {"vdispl", none}, {"vendor_device", none}, {"vfb", none}, {"vga", none}, {"videoram", none},
    {"vif2", none}, {"viridian", none}, {"vkb", none}, {"vkb_device", none},
    {"vmtrace_buf_kb", none}, {"vnc", none}, {"vncdisplay", none}, {"vnclisten", none},
    {"vncpasswd", none}, {"vncunused", none}, {"vnuma", none}, {"vpmu", none}, {"vpt_align", none},
    {"vsnd", none}, {"vtpm", none}, {"vuart", none}, {"xauthority", none},
    {"xen_platform_pci", none}, {"xend_suspend_evtchn_compat", none},

    // xm
    {"access_control", none}, {"blkif", none}, {"bootargs", none}, {"bootentry", none},
    {"cpu", none}, {"cpu_cap", none}, {"cpuid_check", none}, {"device_model", none}, {"dhcp", none},
    {"fda", none}, {"fdb", none}, {"features", none}, {"gateway", none}, {"guest_os_type", none},
    {"hostname", none}, {"interface", none}, {"ip", none}, {"irq", none}, {"isa", none},
    {"loader", none}, {"machine_address_size", none}, {"monitor", none}, {"netif", none},
    {"netmask", none}, {"nfs_root", none}, {"nfs_server", none}, {"nics", none},
    {"on_xend_start", none}, {"on_xend_stop", none}, {"restart", none}, {"s3_integrity", none},
    {"suppress_spurious_page_faults", none}, {"target", none}, {"tpmif", none},
    {"vcpu_avail", none}, {"vhpt", none}, {"vmid", none}, {"vncconsole", none}, {"vncviewer", none},
    {"vscsi", none},
};
// clang-format on

}  // namespace

std::span<const XlKey> xl_keys() { return keys; }

}  // namespace ring3
