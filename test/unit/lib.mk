# SPDX-License-Identifier: MIT
# The sources that each unit test of src/lib is linked with; unit.mk includes this.
UNIT_test_string :=
# It has the image's own accesses, which no other hosted build has.
UNIT_test_mmio :=
$(UNIT)/obj/test/unit/test_mmio.c.o: UNIT_FLAGS += -ffreestanding
UNIT_test_format := src/lib/format.c
UNIT_test_random := src/lib/random.c
UNIT_test_serial := src/lib/serial.c
UNIT_test_screen := src/lib/screen.c
UNIT_test_console := src/lib/above.c \
    src/lib/crc32.c src/lib/format.c src/lib/serial.c src/lib/screen.c
UNIT_test_report := src/lib/report.c src/lib/crc32.c src/lib/format.c
UNIT_test_histogram := src/lib/histogram.c src/lib/format.c src/lib/random.c
UNIT_test_memory_map := src/lib/memory_map.c
UNIT_test_rate := src/lib/rate.c
UNIT_test_mca := src/cpu/hardware/mca.c src/lib/rate.c src/lib/format.c
UNIT_test_heat := src/cpu/hardware/heat.c
