/* execdm-status: what is known of jobs, from any process, at any time. */
#include "cli/prog.h"
#include "host/clock.h"
#include "job/follow.h"
#include "job/query.h"
#include "jobs.h"

static bool list_all;
static const char *format, *wait_for, *timeout_s, *of_phase, *last_n;

static const struct opt options[] = {
    {.name = "list", .flag = &list_all, .help = "all jobs, newest first"},
    {.name = "phase", .arg = "PHASE", .text = &of_phase, .help = "with --list: only these"},
    {.name = "last", .arg = "N", .text = &last_n, .help = "with --list: only the newest N"},
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

#define PAUSE_MS 200
#define PAUSE_MOST_MS 10000 /* between looks at a job elsewhere */

static bool is_reached(const json_t *doc)
{
    enum phase p;
    if (phase_parse(json_text(doc, "phase"), &p) < 0)
        return true;
    return phase_terminal(p) || (*wait_for && str_same(phase_name(p), wait_for));
}

static json_t *query(struct store *store, const char *id, int64_t deadline, struct err *err)
{
    char *one[] = {(char *)id, NULL};
    const struct strs ids = {one, 1};
    int64_t pause = PAUSE_MS;
    for (;;) {
        own(json_fini) json_t *doc = query_job(store, id, clock_ms(), err);
        if (!doc || !wait_for || is_reached(doc))
            return move(doc);
        int64_t left = deadline ? deadline - clock_boot() : INT64_MAX;
        if (left <= 0) {
            err_set(err, CODE_TEMP, "job %s is still %s", id, json_text(doc, "phase"));
            return NULL;
        }
        usleep((useconds_t)(left < pause ? left : pause) * 1000);
        if (!json_text(doc, "planner")) /* in our own store, where looking costs nothing */
            continue;
        pause = pause < PAUSE_MOST_MS ? pause * 5 / 4 : pause;
        if (follow_look(store, &ids, left < FOLLOW_MS ? left : FOLLOW_MS, err) < 0)
            return NULL;
    }
}

/* A job elsewhere whose worker could not be asked now. */
static void say_unseen(const json_t *doc)
{
    size_t i;
    json_t *m;
    json_array_foreach (json_object_get(doc, "messages"), i, m)
        if (str_same(json_text(m, "rule"), "not-seen"))
            prog_say("warning", json_text(doc, "id"), "%s", json_text(m, "text"));
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
    if (of_phase && phase_parse(of_phase, &p) < 0)
        return err_set(err, CODE_USAGE, "--phase: there is no phase \"%s\"", of_phase);
    if (last_n && (last_n[strspn(last_n, "0123456789")] || !*last_n))
        return err_set(err, CODE_USAGE, "--last: expected a number, got \"%s\"", last_n);
    if ((of_phase || last_n) && !list_all)
        return err_set(err, CODE_USAGE, "--phase and --last go with --list");
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
    if (list_all && *operands)
        return err_set(err, CODE_USAGE, "--list shows all jobs, expected none after it");
    if (!*operands && !list_all && isatty(0) == 1)
        list_all = true; /* a person who names nothing wants to see what there is */
    if (!list_all && jobs_named(operands, &ids, err) < 0)
        return -1;
    if (store_open(&store, err) < 0 || (list_all && store_jobs(&store, false, &ids, err) < 0))
        return -1;
    size_t most = last_n ? strtoul(last_n, NULL, 10) : SIZE_MAX;
    const struct strs looked = {ids.list, most < ids.n && !of_phase ? most : ids.n};
    if (follow_look(&store, &looked, FOLLOW_MS, err) < 0)
        return -1;
    for (size_t i = 0; i < ids.n && json_array_size(docs) < most; i++) {
        own(json_fini) json_t *doc = query(&store, ids.list[i], deadline, err);
        if (!doc)
            return -1;
        if (of_phase && !str_same(of_phase, json_text(doc, "phase")))
            continue;
        say_unseen(doc);
        json_array_append(docs, doc);
    }
    bool table = format ? str_same(format, "table") : prog_terminal();
    if (table)
        jobs_table(docs, !list_all, out);
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
