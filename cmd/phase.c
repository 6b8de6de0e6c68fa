/* execdm-phase: ask for a change of the phase of jobs. */
#include "cli/prog.h"
#include "host/clock.h"
#include "job/query.h"
#include "jobs.h"

/* One job: its document is appended to out, unless it is no more. */
static int change(struct store *store, const char *id, const char *verb, struct buf *out,
                  struct err *err)
{
    if (query_change(store, id, verb, err) < 0)
        return -1;
    if (str_same(verb, "delete"))
        return 0;
    own(json_fini) json_t *doc = query_job(store, id, clock_ms(), err);
    if (!doc)
        return -1;
    prog_document(out, doc);
    return 0;
}

/* Each job for itself: what one is refused does not keep the others from it. The error is the first
 * one's; the others are said. */
static int change_all(struct store *store, const struct strs *ids, const char *verb,
                      struct buf *out, struct err *err)
{
    bool failed = false;
    for (size_t i = 0; i < ids->n; i++) {
        struct err why = {0};
        if (change(store, ids->list[i], verb, out, &why) == 0)
            continue;
        if (failed)
            prog_say("error", NULL, "%s", why.text);
        else
            *err = why;
        failed = true;
    }
    if (failed) { /* what was changed is said */
        struct err ignored;
        prog_flush(out, &ignored);
    }
    return failed ? -1 : CODE_OK;
}

static int run(char **operands, struct buf *out, struct err *err)
{
    own(store_close) struct store store = {.lock = -1};
    own(strs_fini) struct strs ids = {0};
    size_t n = 0;
    while (operands[n])
        n++;
    const char *verb = n ? operands[n - 1] : NULL;
    if (query_verb(verb, err) < 0)
        return -1;
    operands[n - 1] = NULL;
    if (jobs_named(operands, &ids, err) < 0 || store_open(&store, err) < 0)
        return -1;
    return change_all(&store, &ids, verb, out, err);
}

static const struct prog prog = {
    .name = "execdm-phase",
    .synopsis = "[JOB...] run|abort|hold|release|suspend|resume|archive|delete",
    .about = "Ask for a change of the phase of jobs.",
    .run = run,
};

int main(int argc, char **argv)
{
    return prog_main(argc, argv, &prog);
}
