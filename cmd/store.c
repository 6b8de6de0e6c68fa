/* execdm-store: what the administrator of a job store asks of it. */
#include "cli/prog.h"
#include "cli/table.h"
#include "host/clock.h"
#include "store/upkeep.h"
#include "store/usage.h"

static const char *format, *after_text, *before_text;

static const struct opt options[] = {
    {.name = "after", .arg = "DATE", .text = &after_text, .help = "usage: from this time on"},
    {.name = "before", .arg = "DATE", .text = &before_text, .help = "usage: up to this time"},
    {.name = "format",
     .arg = "table|json",
     .text = &format,
     .help = "form of the answer; a table on a terminal"},
    {0},
};

static void print_platforms(const json_t *usage, struct buf *out)
{
    static const char *const heads[] = {"PLATFORM", "AVAILABLE", "OFFERED", "ACCEPTED",
                                        "USED",     "OFFERS",    "JOBS",    NULL};
    static const char *const keys[] = {"available", "offered", "accepted",
                                       "used",      "offers",  "jobs"};
    own(table_fini) struct table t = {.heads = heads};
    size_t i;
    json_t *row;
    buf_print(out, "core hours from %s to %s\n\n", json_text(usage, "after"),
              json_text(usage, "before"));
    json_array_foreach (json_object_get(usage, "platforms"), i, row) {
        table_cell(&t, "%s", json_text(row, "name"));
        for (size_t k = 0; k < COUNT(keys); k++)
            table_cell(&t, "%.15g", json_number_value(json_object_get(row, keys[k])));
    }
    table_print(&t, prog_width(), out);
}

static void print_unknown(const json_t *usage, struct buf *out)
{
    static const char *const heads[] = {"ASKED FOR IN VAIN", "TASKS", NULL};
    own(table_fini) struct table t = {.heads = heads};
    size_t i;
    json_t *row;
    json_array_foreach (json_object_get(usage, "unknown"), i, row) {
        const char *type = json_text(row, "type");
        table_cell(&t, "%s", *type ? type : "(others)");
        table_cell(&t, "%" PRId64, json_int(row, "count", 0));
    }
    if (i > 0) {
        buf_char(out, '\n');
        table_print(&t, prog_width(), out);
    }
}

static void print_usage(const json_t *usage, struct buf *out)
{
    print_platforms(usage, out);
    buf_print(out, "\nsubjects %" PRId64 ", institutions %" PRId64 "\n",
              json_int(usage, "subjects", 0), json_int(usage, "institutions", 0));
    print_unknown(usage, out);
}

/* A time that was given, in ms. */
static int take_time(const char *name, const char *text, int64_t *ms, struct err *err)
{
    struct when when;
    const char *why;
    if (!text)
        return 0;
    if (when_parse(text, &when, NULL, &why) < 0)
        return err_set(err, CODE_USAGE, "--%s: %s, got \"%s\"", name, why, text);
    *ms = when_to_ms(when);
    return 0;
}

static bool as_table(void)
{
    return format ? str_same(format, "table") : prog_terminal();
}

static int usage(const char *file, struct buf *out, struct err *err)
{
    own(store_close) struct store store = {.lock = -1};
    const int64_t now = clock_ms();
    int64_t after = -1, before = now;
    (void)file;
    if (take_time("after", after_text, &after, err) < 0 ||
        take_time("before", before_text, &before, err) < 0)
        return -1;
    if (after_text && after > before)
        return err_set(err, CODE_USAGE, "--after is later than --before, or than now");
    if (store_open(&store, err) < 0)
        return -1;
    own(json_fini) json_t *report = usage_report(&store, after, before, now, err);
    if (!report)
        return -1;
    if (as_table())
        print_usage(report, out);
    else
        prog_document(out, report);
    return CODE_OK;
}

static void print_check(const json_t *report, struct buf *out)
{
    size_t i;
    json_t *row;
    json_array_foreach (json_object_get(report, "messages"), i, row) {
        const char *hint = json_text(row, "hint");
        buf_print(out, "%s: %s%s%s [%s]\n", json_text(row, "severity"), json_text(row, "text"),
                  hint ? "; " : "", hint ? hint : "", json_text(row, "rule"));
    }
    const json_t *left = json_object_get(report, "left");
    if (!left) {
        buf_print(out, "%s: %s, %" PRId64 " jobs, %" PRId64 " not ended\n",
                  json_text(report, "store"),
                  json_is_true(json_object_get(report, "sound")) ? "sound" : "not sound",
                  json_int(report, "jobs", 0), json_int(report, "unfinished", 0));
        return;
    }
    buf_print(out, "%s: damaged; of %zu jobs something can be read\n", json_text(report, "store"),
              json_array_size(left));
    json_array_foreach (left, i, row) {
        const char *phase = json_text(row, "phase");
        buf_print(out, "  %s  %-11s%s\n", json_text(row, "id"), phase ? phase : "-",
                  json_is_true(json_object_get(row, "directory")) ? "  and its directory" : "");
    }
}

static int check(const char *file, struct buf *out, struct err *err)
{
    (void)file;
    own(json_fini) json_t *report = upkeep_check(err);
    if (!report)
        return -1;
    if (as_table())
        print_check(report, out);
    else
        prog_document(out, report);
    return json_is_true(json_object_get(report, "sound")) ? CODE_OK : CODE_NO;
}

static int backup(const char *file, struct buf *out, struct err *err)
{
    (void)out;
    return upkeep_backup(file, err) < 0 ? -1 : CODE_OK;
}

/* What can be asked, as --help and the completion name it. */
static const struct verb {
    const char *name;
    const char *operand; /* what follows, or NULL */
    int (*run)(const char *file, struct buf *out, struct err *err);
} verbs[] = {{"check", NULL, check}, {"backup", "FILE", backup}, {"usage", NULL, usage}};

static int run(char **operands, struct buf *out, struct err *err)
{
    size_t i = 0;
    while (i < COUNT(verbs) && !str_same(verbs[i].name, operands[0]))
        i++;
    if (i == COUNT(verbs))
        return err_set(err, CODE_USAGE, "expected check, backup FILE or usage, found %s%s%s",
                       operands[0] ? "\"" : "", operands[0] ? operands[0] : "nothing",
                       operands[0] ? "\"" : "");
    const char *file = verbs[i].operand ? operands[1] : NULL;
    if (verbs[i].operand && !file)
        return err_set(err, CODE_USAGE, "%s: name the new %s", operands[0], verbs[i].operand);
    if (operands[file ? 2 : 1])
        return err_set(err, CODE_USAGE, "expected nothing after %s, found \"%s\"",
                       file ? file : operands[0], operands[file ? 2 : 1]);
    if (format && !str_same(format, "table") && !str_same(format, "json"))
        return err_set(err, CODE_USAGE, "--format is table or json, not \"%s\"", format);
    return verbs[i].run(file, out, err);
}

static const struct prog prog = {
    .name = "execdm-store",
    .synopsis = "check|backup FILE|usage",
    .about = "Look after the job store, and tell what was used.",
    .options = options,
    .run = run,
};

int main(int argc, char **argv)
{
    return prog_main(argc, argv, &prog);
}
