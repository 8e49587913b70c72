/* SPDX-License-Identifier: MIT */
/*
 * The command line: words KEY=VALUE, and the options that they give.
 *
 * Machine-free. Thread context.
 */
#ifndef ISTSTORM_BOOT_OPTIONS_H
#define ISTSTORM_BOOT_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/console.h"
#include "lib/finish.h"
#include "workloads/run/runner.h"

#define SAMPLES_FEWEST 100
#define SAMPLES_MOST 100000000

/*
 * Every key there is: OPTION(key, "what a value looks like", "help"). The parsers' table, the list
 * in the errors, run=list and the README's table all come from here. A key that only some runs use
 * is named by the KEYS of their workloads (workloads/workload.h).
 */
#define OPTIONS(OPTION) \
    OPTION(run, "names of workloads, comma separated", \
           "what to run; storm, the default, is all that can run together") \
    OPTION(time, "a number and a unit: ms s m h d w, as 30s, 10m, 72h", \
           "how long to storm, 10s when not given; run=sweep: how long it may take, 10m when not " \
           "given") \
    OPTION(passes, "a number, 1 or more", \
           "how many storms of time= there are, each with new threads; 1 when not given") \
    OPTION(cpus, "a number, 1 or more", \
           "how many CPUs take part; all when not given") \
    OPTION(seed, "a number of 64 bits, decimal or 0x and hexadecimal", \
           "the random seed, which the report prints, so that a run can be repeated") \
    OPTION(inject, "the name of a fault", \
           "plant this fault, which the checker must catch") \
    OPTION(console, "none, or screen and up to 4 serial[:PORT[:BAUD]], comma separated; PORT: " \
           "com1 com2 com3 com4 0xNNN mmio:0xNNN mmio16:0xNNN mmio32:0xNNN spcr", \
           "where the report goes; serial,screen when not given, and serial means COM1 at " \
           "115200 baud and the port of ACPI's SPCR") \
    OPTION(end, "exit poweroff reboot halt", \
           "what to do after the verdict; exit under QEMU and Bochs, else halt, when not given") \
    OPTION(target, "mixed self neighbour random others", \
           "run=nmi, irq, softirq: which CPUs events go to; mixed, all of these by chance, when " \
           "not given") \
    OPTION(stop, "first end", \
           "whether a storm stops at its first failure, or at its end, the default") \
    OPTION(entry, "the name of an entry discipline", \
           "how IST events come and go; shift, the default, moves TSS.ist[] on entry and exit") \
    OPTION(apic, "x2apic", \
           "go up to x2APIC mode; when not given, only where the firmware did or an id needs it") \
    OPTION(check, "names of checks, comma separated", \
           "run=conform: try these, dangerous ones too; all that are not dangerous when not " \
           "given; run=list tells them") \
    OPTION(corrected, "a number, from 0 to 1000000", \
           "how many corrected hardware errors within an hour pass; 10 when not given") \
    OPTION(samples, "a number from 100 to 100000000", \
           "run=latency: samples a warm measurement; 10000 when not given, 1000 with ICOUNT=1") \
    OPTION(mac, "hardware address, as 52:54:00:12:34:56", \
           "this machine's address, for the report; grub.cfg gives it when booted by network") \
    OPTION(ip, "an IPv4 or IPv6 address", \
           "this machine's address, for the report; grub.cfg gives it when booted by network")

enum {
    OPTION_MAC_SIZE = 3 * 32,       /* as text; GRUB knows addresses of up to 32 bytes */
    OPTION_IP_SIZE = 46,            /* the longest IPv6 address, with the terminating NUL */
};

struct options {
    struct run run;                 /* its workloads: bit i is names->workloads[i] */
    uint32_t cpus;                  /* 0: all */
    bool seed_given;                /* else run.seed is not valid */
    int inject;                     /* index into names->injects, or -1 for none */
    unsigned entry;                 /* index into names->entries; 0 when not given */
    struct console_choice console;
    enum end end;
    bool x2apic;
    uint32_t corrected_an_hour;
    char mac[OPTION_MAC_SIZE];      /* "" when not given */
    char ip[OPTION_IP_SIZE];
};

/* The names for run=, inject=, entry= and check=. At most 64 workloads: bits of a uint64_t. */
struct option_names {
    const char *const *workloads;
    unsigned workload_count;
    uint64_t together;              /* what `storm` means */
    /* Whether a key has an effect on a workload. One that has on none counts for every run. */
    bool (*uses)(unsigned workload, const char *key);
    const char *const *injects;
    unsigned inject_count;
    const char *const *entries;     /* the first is the default */
    unsigned entry_count;
    const char *const *checks;
    unsigned check_count;           /* RUN_CHECKS at most */
};

/*
 * Reads the `length` bytes at `text`; they need no NUL. Words are parted by blanks, tabs and line
 * ends. Without any, all options have their defaults. False: `error` quotes the first bad word
 * whole (beyond 256 characters: its beginning) and says what is allowed; `out` then holds what the
 * good words said, so that console= still decides where the refusal is shown.
 */
bool options_parse(const char *text, size_t length, const struct option_names *names,
                   struct options *out, char *error, size_t error_size);

#endif
