/* SPDX-License-Identifier: MIT */
/* Fuzzes smp/acpi/madt.h: the input is a MADT, whose length is made right first. */
#include "foreign.h"
#include "smp/acpi/madt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct machine_topology topology;
    uint32_t length = (uint32_t)size;
    char error[128] = { 0 };
    uint8_t *copy;
    bool ok;

    if (size < sizeof(struct acpi_header))
        return 0;
    copy = exact_copy(data, size);
    memcpy(copy + 4, &length, sizeof length);
    ok = madt_parse((const struct acpi_header *)copy, &topology, error, sizeof error);
    assert(ok == (error[0] == '\0'));
    assert(topology.cpu_count <= MADT_CPUS && topology.ioapic_count <= MADT_IOAPICS);
    assert(topology.override_count <= MADT_OVERRIDES && topology.nmi_count <= MADT_NMIS);
    for (unsigned i = 0; i < topology.cpu_count; i++)
        for (unsigned j = 0; j < i; j++)
            assert(topology.cpus[i].apic_id != topology.cpus[j].apic_id);
    free_copy(copy);
    return 0;
}
