# SPDX-License-Identifier: MIT
# The sources that each unit test of src/lib is linked with; unit.mk includes this.
UNIT_test_string :=
UNIT_test_format := src/lib/format.c
UNIT_test_random := src/lib/random.c
UNIT_test_serial := src/lib/serial.c
UNIT_test_screen := src/lib/screen.c
UNIT_test_console := src/lib/format.c src/lib/serial.c src/lib/screen.c
UNIT_test_report := src/lib/report.c src/lib/crc32.c src/lib/format.c
UNIT_test_histogram := src/lib/histogram.c src/lib/format.c src/lib/random.c
UNIT_test_rate := src/lib/rate.c
UNIT_test_mca := src/lib/mca.c src/lib/rate.c src/lib/format.c
UNIT_test_heat := src/lib/heat.c
