/* SPDX-License-Identifier: MIT */
/* The workload `list`: a record for each thing that this image knows by name. The tests, the tools
 * and the tables of the documents are made from these records. */
#include <stddef.h>

#include "boot/options.h"
#include "cpu/discipline.h"
#include "cpu/inject.h"
#include "cpu/late.h"
#include "cpu/percpu.h"
#include "cpu/verdict.h"
#include "lib/format.h"
#include "lib/report.h"
#include "workloads/conform/conform.h"
#include "workloads/workload.h"

/* clang-format off */
#define LIST_FIELDS(FIELD) \
    FIELD(text, item, "key, workload, planted-fault, discipline, check, rule, type or field") \
    FIELD(text, name, "its name, as the command line or the report has it") \
    FIELD(text, about, "one line for people: the help, the rule, the meaning") \
    FIELD(text, values, "key: the values that it takes; field: text, number or signed") \
    FIELD(text, of, "field: the record type that it belongs to") \
    FIELD(text, alone, "workload: yes, or no where it is part of storm") \
    FIELD(text, keys, "workload: the keys that only some workloads use, and this one does") \
    FIELD(text, section, "rule: of the manual, as SDM 3A 6.7.1") \
    FIELD(text, danger, "rule: what trying it may do to a machine; left out when nothing") \
    FIELD(signed, levels, "discipline: events of one IST code that may nest") \
    FIELD(text, nested_nmi, "discipline: an NMI let into an NMI nests, waits or is fatal") \
    FIELD(text, gives_up, "discipline: where it does not protect")
REPORT_RECORD(list, "something that this image knows, for run=list: one record each", LIST_FIELDS)
/* clang-format on */

static struct tally CPU_TABLE(tallies);

/* Writes the record out at once: the console has no room for all of them. */
static void tell(const struct report_list *item)
{
    struct tally *tally = &tallies[cpu_index()];

    report_list(item);
    tally->received = ++tally->sent;
    workload_breathe();
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void list_keys(void)
{
    static const struct report_list keys[] = {
#define KEY_ITEM(key, syntax, help)                                                                \
    {.item = "key", .name = #key, .about = help, .values = syntax, .levels = REPORT_UNKNOWN},
        OPTIONS(KEY_ITEM)
#undef KEY_ITEM
    };

    for (size_t i = 0; i < COUNT(keys); i++)
        tell(&keys[i]);
}

/* The command line's keys that have an effect on it, and not on every run. */
static void name_keys(unsigned workload, char *text, size_t size)
{
    static const char *const keys[] = {
#define KEY_NAME(key, syntax, help) #key,
        OPTIONS(KEY_NAME)
#undef KEY_NAME
    };
    size_t used = 0;

    text[0] = '\0';
    for (size_t i = 0; i < COUNT(keys); i++)
        if (runner_uses(workload, keys[i]))
            used += format(text + used, size - used, "%s%s", used ? " " : "", keys[i]);
}

static void list_workloads(void)
{
    char keys[100];

    for (const struct workload *w = workloads_start; w < workloads_end; w++) {
        name_keys(w - workloads_start, keys, sizeof(keys));
        tell(&(struct report_list){
            .item = "workload",
            .name = w->name,
            .about = w->about,
            .keys = keys,
            .alone = w->alone ? "yes" : "no",
            .levels = REPORT_UNKNOWN,
        });
    }
}

static void list_planted_faults(void)
{
    static const struct report_list faults[] = {
#define FAULT_ITEM(symbol, text, breaks)                                                           \
    {.item = "planted-fault", .name = text, .about = breaks, .levels = REPORT_UNKNOWN},
        INJECTS(FAULT_ITEM)
#undef FAULT_ITEM
    };

    for (size_t i = 0; i < COUNT(faults); i++)
        tell(&faults[i]);
}

static void list_disciplines(void)
{
    static const char *const nested[] = {
        [NMI_NESTS] = "nests", [NMI_WAITS] = "waits", [NMI_IS_FATAL] = "is fatal",
    };

    for (unsigned i = 0; i < DISCIPLINE_COUNT; i++)
        tell(&(struct report_list){
            .item = "discipline",
            .name = discipline_names[i],
            .about = disciplines[i]->about,
            .levels = disciplines[i]->levels,
            .nested_nmi = nested[disciplines[i]->nested_nmi],
            .gives_up = disciplines[i]->gives_up,
        });
}

static void list_checks(void)
{
    static const struct report_list checks[] = {
#define CHECK_ITEM(symbol, text, holds)                                                            \
    {.item = "check", .name = text, .about = holds, .levels = REPORT_UNKNOWN},
        CHECKS(CHECK_ITEM)
#undef CHECK_ITEM
    };

    for (size_t i = 0; i < COUNT(checks); i++)
        tell(&checks[i]);
}

static void list_rules(void)
{
    for (const struct conform_check *rule = conform_start; rule < conform_end; rule++)
        tell(&(struct report_list){
            .item = "rule",
            .name = rule->name,
            .about = rule->rule,
            .section = rule->section,
            .danger = rule->danger,
            .levels = REPORT_UNKNOWN,
        });
}

static void list_schema(void)
{
    static const char *const kinds[] = {
        [REPORT_KIND_text] = "text",
        [REPORT_KIND_number] = "number",
        [REPORT_KIND_signed] = "signed",
    };

    for (const struct report_type *t = report_types_start; t < report_types_end; t++) {
        tell(&(struct report_list){
            .item = "type", .name = t->name, .about = t->doc, .levels = REPORT_UNKNOWN});
        for (size_t i = 0; i < t->count; i++)
            tell(&(struct report_list){
                .item = "field",
                .name = t->fields[i].name,
                .about = t->fields[i].doc,
                .values = kinds[t->fields[i].kind],
                .of = t->name,
                .levels = REPORT_UNKNOWN,
            });
    }
}

static void conduct(const struct run *run)
{
    (void)run;
    list_keys();
    list_workloads();
    list_planted_faults();
    list_disciplines();
    list_checks();
    list_rules();
    list_schema();
}

WORKLOAD(list) = {
    .name = "list",
    .about = "tells what this image knows: keys, workloads, planted faults, rules, the schema",
    .alone = true,
    .conduct = conduct,
    .tallies = tallies,
};
