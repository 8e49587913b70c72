/* SPDX-License-Identifier: MIT */
/* Large variables that are not part of the image's memory. The linker gives them addresses behind
 * the image; they get frames when it is known how many. So the image needs little room, and code
 * reaches these variables like any other.
 *
 *   static struct tally CPU_TABLE(tallies);            an element a CPU: as many as take part
 *   static int64_t values[MOST] MAPPED_LATER;          one that only some runs need
 *
 * The first kind must not be touched before late_create, nor the second before late_map. */
#ifndef ISTSTORM_CPU_LATE_H
#define ISTSTORM_CPU_LATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cpu/stacks.h"

struct cpu_table {
    const void *start;
    uint64_t size;              /* bytes a CPU */
};

#define MAPPED_LATER __attribute__((section(".bss.late")))

/* Further dimensions may follow the name. */
#define CPU_TABLE(name, ...)                                                                       \
    name[MAX_CPUS] __VA_ARGS__ MAPPED_LATER;                                                       \
    LIST_CPU_TABLE(name)

/* In one dimension, with `each` elements for a CPU. */
#define CPU_TABLE_FLAT(name, each)                                                                 \
    name[MAX_CPUS * (each)] MAPPED_LATER;                                                          \
    LIST_CPU_TABLE(name)

#define LIST_CPU_TABLE(name)                                                                       \
    __attribute__((used, section(".cpu_tables"), aligned(8)))                                      \
    static const struct cpu_table name##_listed = {name, sizeof(name) / MAX_CPUS}

/* iststorm.ld: all of them; those that events pass, but for the table of all threads. */
extern const struct cpu_table cpu_tables_start[], cpu_tables_end[];
extern const struct cpu_table entry_tables_start[], entry_tables_end[];

/* Maps each table's elements of `count` CPUs, all zero. Once, on the BSP. False: too little
 * memory. */
bool late_create(uint32_t count);

/* Maps one of the second kind, all zero the first time. Thread context. False: as above. */
bool late_map(const void *start, size_t size);

#endif
