/* execdm-status: what is known of jobs, from any process, at any time. */
#include "cli/prog.h"
#include "cli/table.h"
#include "host/clock.h"
#include "job/query.h"
#include "jobs.h"
#include "text/size.h"

static bool list_all;
static const char *format, *wait_for, *timeout_s;

static const struct opt options[] = {
    {.name = "list", .flag = &list_all, .help = "all jobs, newest first"},
    {.name = "wait",
     .arg = "PHASE",
     .optional = true,
     .text = &wait_for,
     .help = "wait for this phase, or for the end of the job"},
    {.name = "timeout", .arg = "SECONDS", .text = &timeout_s, .help = "wait no longer than this"},
    {.name = "format",
     .arg = "table|json",
     .text = &format,
     .help = "form of the answer; a table on a terminal"},
    {0},
};

static void add_row(struct table *t, const json_t *doc)
{
    const json_t *error = json_object_get(doc, "error");
    const char *name = json_text(doc, "name"), *waiting = json_text(doc, "waiting_for");
    const char *started = json_text(doc, "started"), *ended = json_text(doc, "ended");
    table_cell(t, "%s", json_text(doc, "id"));
    table_cell(t, "%s", name ? name : "-");
    table_cell(t, "%s%s%s", json_text(doc, "phase"), waiting ? ", waits for " : "",
               waiting ? waiting : "");
    table_cell(t, "%s", json_text(doc, "platform"));
    table_cell(t, "%.19s", json_text(doc, "created"));
    table_cell(t, "%.19s", started ? started : "-");
    table_cell(t, "%.19s", ended ? ended : "-");
    table_cell(t, "%s", error ? json_text(error, "message") : "");
}

static int64_t ms_of(const char *text)
{
    struct when w;
    const char *why;
    return text && when_parse(text, &w, NULL, &why) == 0 ? when_to_ms(w) : 0;
}

/* One job alone gets its story: the phases with their times, and the results. */
static void add_story(struct buf *out, const json_t *doc)
{
    size_t i;
    json_t *row;
    const json_t *history = json_object_get(doc, "history");
    buf_char(out, '\n');
    json_array_foreach(history, i, row)
    {
        const char *next = json_text(json_array_get(history, i + 1), "time");
        const char *why = json_text(row, "why");
        buf_print(out, "  %-24s %-11s", json_text(row, "time"), json_text(row, "phase"));
        if (next)
            buf_print(out, " %9.3f s",
                      (double)(ms_of(next) - ms_of(json_text(row, "time"))) / 1000);
        buf_print(out, "%s%s\n", why ? "  " : "", why ? why : "");
    }
    json_array_foreach(json_object_get(doc, "results"), i, row)
    {
        char size[SIZE_TEXT];
        buf_print(out, "  %-24s %11s  %s\n", json_text(row, "name"),
                  size_print(json_int(row, "size", 0), size), json_text(row, "url"));
    }
    json_array_foreach(json_object_get(doc, "messages"), i, row)
        buf_print(out, "  %s: %s\n", json_text(row, "severity"), json_text(row, "text"));
}

static void write_table(json_t *docs, struct buf *out)
{
    static const char *const heads[] = {"JOB",     "NAME",  "PHASE", "PLATFORM", "CREATED",
                                        "STARTED", "ENDED", "ERROR", NULL};
    own(table_fini) struct table t = {.heads = heads};
    size_t i;
    json_t *doc;
    json_array_foreach(docs, i, doc) add_row(&t, doc);
    table_print(&t, out);
    if (json_array_size(docs) == 1 && !list_all)
        add_story(out, json_array_get(docs, 0));
}

static bool is_reached(const json_t *doc)
{
    enum phase p;
    if (phase_parse(json_text(doc, "phase"), &p) < 0)
        return true;
    return phase_terminal(p) || (*wait_for && str_same(phase_name(p), wait_for));
}

static json_t *query(struct store *store, const char *id, int64_t deadline, struct err *err)
{
    for (;;) {
        own(json_fini) json_t *doc = query_job(store, id, clock_ms(), err);
        if (!doc || !wait_for || is_reached(doc))
            return move(doc);
        if (deadline && clock_boot() >= deadline) {
            err_set(err, CODE_TEMP, "job %s is still %s", id, json_text(doc, "phase"));
            return NULL;
        }
        usleep(200000);
    }
}

static int check_options(int64_t *deadline, struct err *err)
{
    enum phase p;
    char *end = NULL;
    double seconds = timeout_s ? strtod(timeout_s, &end) : 0;
    if (format && !str_same(format, "table") && !str_same(format, "json"))
        return err_set(err, CODE_USAGE, "--format is table or json, not \"%s\"", format);
    if (wait_for && *wait_for && phase_parse(wait_for, &p) < 0)
        return err_set(err, CODE_USAGE, "--wait: there is no phase \"%s\"", wait_for);
    if (timeout_s && (end == timeout_s || *end || !(seconds > 0)))
        return err_set(err, CODE_USAGE, "--timeout: expected seconds, got \"%s\"", timeout_s);
    if (timeout_s && !wait_for)
        return err_set(err, CODE_USAGE, "--timeout goes with --wait");
    *deadline = timeout_s ? clock_boot() + (int64_t)(seconds * 1000) : 0;
    return 0;
}

static int run(char **operands, struct buf *out, struct err *err)
{
    own(store_close) struct store store = {.lock = -1};
    own(strs_fini) struct strs ids = {0};
    own(json_fini) json_t *docs = json_array();
    int64_t deadline = 0;
    if (check_options(&deadline, err) < 0)
        return -1;
    if (!*operands && !list_all && isatty(0) == 1)
        list_all = true; /* a person who names nothing wants to see what there is */
    if (!list_all && jobs_named(operands, &ids, err) < 0)
        return -1;
    if (store_open(&store, err) < 0 || (list_all && store_jobs(&store, false, &ids, err) < 0))
        return -1;
    for (size_t i = 0; i < ids.n; i++) {
        json_t *doc = query(&store, ids.list[i], deadline, err);
        if (!doc)
            return -1;
        json_array_append_new(docs, doc);
    }
    bool table = format ? str_same(format, "table") : prog_terminal();
    if (table)
        write_table(docs, out);
    for (size_t i = 0; !table && i < json_array_size(docs); i++)
        prog_document(out, json_array_get(docs, i));
    return CODE_OK;
}

static const struct prog prog = {
    .name = "execdm-status",
    .synopsis = "[JOB...]",
    .about = "Tell what is known of jobs.",
    .options = options,
    .run = run,
};

int main(int argc, char **argv)
{
    return prog_main(argc, argv, &prog);
}
