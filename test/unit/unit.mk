# SPDX-License-Identifier: MIT
# The hosted unit tests (cmocka) and fuzzers (libFuzzer), under AddressSanitizer and UBSan.
#
# `make unit` builds and runs all tests, `make fuzz` each fuzzer for FUZZ_SECONDS; unit-test_X and
# fuzz-X are one of them. A test is test/unit/test_X.c, machine.c and the sources listed in
# UNIT_test_X; a fuzzer is test/fuzz/fuzz_X.c and the sources in FUZZ_X, and test/fuzz/seeds.py
# makes its first inputs. No test may hang: UNIT_TIMEOUT is in seconds.

UNIT := $(B)/unit
FUZZ := $(B)/fuzz
UNIT_TIMEOUT ?= 600
FUZZ_CC ?= clang-14
FUZZ_SECONDS ?= 5
FUZZ_RUNS ?= 1000000
FUZZ_SEED ?= 1

UNIT_test_multiboot2 := src/lib/memory_map.c src/boot/multiboot2.c src/lib/format.c
UNIT_test_power := src/lib/power.c src/lib/register.c
UNIT_test_clock := src/cpu/clock.c
UNIT_test_image := src/lib/memory_map.c src/cpu/image.c
UNIT_test_nmi_reason := src/cpu/hardware/nmi_reason.c
UNIT_test_lastword := src/lib/memory_map.c src/cpu/clock.c src/lib/format.c
UNIT_test_backtrace := src/cpu/stacks.c src/lib/format.c
UNIT_test_verdict := src/lib/above.c src/cpu/stacks.c src/cpu/clock.c src/lib/format.c
UNIT_test_features := src/cpu/features.c
UNIT_test_pages :=
UNIT_test_stacks := src/cpu/stacks.c
UNIT_test_clock_watch :=
UNIT_test_strays :=
UNIT_test_claim := src/cpu/claim.c
UNIT_test_nmi_owner :=
UNIT_test_apic :=
UNIT_test_tables := src/cpu/tables.c src/cpu/gdt.c src/cpu/idt.c src/cpu/stacks.c src/lib/format.c
UNIT_test_options := src/boot/options.c src/lib/format.c
UNIT_test_efi := src/boot/efi.c src/lib/format.c
UNIT_test_smbios := src/boot/smbios.c src/lib/format.c
UNIT_test_symbols := src/lib/symbols.c
UNIT_test_fwcfg := src/boot/fwcfg.c
UNIT_test_acpi := src/smp/acpi/acpi.c src/lib/format.c
UNIT_test_acpi_reach := src/smp/acpi/reach.c src/lib/register.c
UNIT_test_calibrate := src/smp/calibrate.c src/smp/counters.c src/smp/tsc_stated.c \
    src/smp/hpet.c src/smp/acpi/acpi.c src/smp/acpi/reach.c src/lib/register.c src/lib/format.c
UNIT_test_memory_types := src/smp/memory_types.c
UNIT_test_madt := src/smp/acpi/madt.c src/lib/format.c
UNIT_test_hidden := src/cpu/hardware/hidden.c
UNIT_test_lfence := src/cpu/hardware/lfence.c
UNIT_test_topology := src/cpu/hardware/topology.c
UNIT_test_ioapic := src/smp/ioapic.c
UNIT_test_hpet := src/smp/hpet.c
UNIT_test_pmu := src/smp/pmu.c
UNIT_test_status := src/cpu/above.c src/workloads/run/bars.c src/cpu/stacks.c src/cpu/clock.c \
    src/lib/format.c
UNIT_test_bars := src/workloads/run/bars.c
UNIT_test_target := src/workloads/run/target.c src/lib/random.c
UNIT_test_flight := src/workloads/run/flight.c
UNIT_test_spcr := src/smp/acpi/spcr.c src/lib/format.c
UNIT_test_latency_batch := src/workloads/latency/batch.c
UNIT_test_latency_offset := src/workloads/latency/offset.c
UNIT_test_latency_stages := src/workloads/latency/stages.c src/workloads/latency/offset.c
UNIT_test_latency_samples := src/workloads/latency/samples.c src/lib/histogram.c src/lib/format.c \
    src/lib/random.c

FUZZ_multiboot2 := src/lib/memory_map.c src/boot/multiboot2.c src/lib/format.c
FUZZ_options := src/boot/options.c src/lib/format.c
FUZZ_efi := src/boot/efi.c src/lib/format.c
FUZZ_smbios := src/boot/smbios.c src/lib/format.c
FUZZ_symbols := src/lib/symbols.c
FUZZ_acpi := src/smp/acpi/acpi.c src/lib/format.c
FUZZ_madt := src/smp/acpi/madt.c src/lib/format.c
FUZZ_spcr := src/smp/acpi/spcr.c src/lib/format.c

-include test/unit/lib.mk

UNIT_TESTS := $(sort $(patsubst UNIT_%,%,$(filter UNIT_test_%,$(.VARIABLES))))
FUZZERS := multiboot2 options efi smbios symbols acpi madt spcr

HOSTED_CFLAGS := -std=gnu11 -O1 -g -Isrc -Itest/unit -fno-omit-frame-pointer \
    -fno-sanitize-recover=all -Wall -Wextra -Wundef -Wstrict-prototypes -Wmissing-prototypes \
    -Wshadow -Wvla -Wpointer-arith $(if $(CI),-Werror)
# Planted places (cpu/inject.h) have absolute addresses; this_cpu is at 0, behind GS.
UNIT_FLAGS := $(HOSTED_CFLAGS) -fno-pie -fsanitize=address,undefined -fno-sanitize=null
FUZZ_FLAGS := $(HOSTED_CFLAGS) -fsanitize=fuzzer,address,undefined

.PHONY: unit fuzz
unit: $(UNIT_TESTS:%=unit-%)
fuzz: $(FUZZERS:%=fuzz-%)

$(UNIT)/obj/%.o: % test/unit/unit.mk
	@mkdir -p $(@D)
	$(CC) $(UNIT_FLAGS) -MMD -MP -MF $@.d -c -o $@ $<

$(FUZZ)/obj/%.o: % test/unit/unit.mk
	@mkdir -p $(@D)
	$(FUZZ_CC) $(FUZZ_FLAGS) -MMD -MP -MF $@.d -c -o $@ $<

define UNIT_RULES
$(1)_OBJECTS := $$(patsubst %,$(UNIT)/obj/%.o,test/unit/$(1).c test/unit/machine.c $$(UNIT_$(1)))
UNIT_OBJECTS += $$($(1)_OBJECTS)
$(UNIT)/$(1): $$($(1)_OBJECTS)
	$$(CC) $$(UNIT_FLAGS) -no-pie -o $$@ $$^ -lcmocka
.PHONY: unit-$(1)
unit-$(1): $(UNIT)/$(1)
	timeout $(UNIT_TIMEOUT) $(UNIT)/$(1)
endef
$(foreach test,$(UNIT_TESTS),$(eval $(call UNIT_RULES,$(test))))

# A fixed seed and a bound on the runs: what is found once is found again.
define FUZZ_RULES
fuzz_$(1)_OBJECTS := $$(patsubst %,$(FUZZ)/obj/%.o,test/fuzz/fuzz_$(1).c $$(FUZZ_$(1)))
FUZZ_OBJECTS += $$(fuzz_$(1)_OBJECTS)
$(FUZZ)/fuzz_$(1): $$(fuzz_$(1)_OBJECTS)
	$$(FUZZ_CC) $$(FUZZ_FLAGS) -o $$@ $$^
.PHONY: fuzz-$(1)
fuzz-$(1): $(FUZZ)/fuzz_$(1)
	rm -rf $(FUZZ)/corpus/$(1)
	$(PYTHON) test/fuzz/seeds.py $(1) $(FUZZ)/corpus/$(1)
	$(FUZZ)/fuzz_$(1) -seed=$(FUZZ_SEED) -runs=$(FUZZ_RUNS) -max_total_time=$(FUZZ_SECONDS) \
	    -timeout=10 -max_len=8192 -print_final_stats=1 -artifact_prefix=$(FUZZ)/$(1)- \
	    $(FUZZ)/corpus/$(1) > $(FUZZ)/$(1).log 2>&1 || { cat $(FUZZ)/$(1).log >&2; exit 1; }
	@sed -n 's/^stat::number_of_executed_units: */fuzz_$(1): no finding in runs: /p' \
	    $(FUZZ)/$(1).log
endef
$(foreach fuzzer,$(FUZZERS),$(eval $(call FUZZ_RULES,$(fuzzer))))

-include $(UNIT_OBJECTS:=.d) $(FUZZ_OBJECTS:=.d)
