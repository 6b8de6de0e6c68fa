/* execdm-run: the worker. Drives jobs to their end, or does what is due. */
#include <fcntl.h>
#include <signal.h>
#include "cli/prog.h"
#include "cli/table.h"
#include "host/clock.h"
#include "job/query.h"
#include "job/worker.h"
#include "jobs.h"

static bool once, watch;

static const struct opt options[] = {
    {.name = "once", .flag = &once, .help = "do every due step of every job and return"},
    {.name = "watch", .flag = &watch, .help = "go on with all jobs until told to stop"},
    {0},
};

static volatile sig_atomic_t told_to_stop;
static int told[2] = {-1, -1}; /* a pipe: whoever sleeps is woken by the signal */
static struct bar bar;

static void on_signal(int sig)
{
    const int before = errno;
    told_to_stop = sig;
    if (write(told[1], "", 1) < 0)
        errno = before; /* it is full of earlier ones */
}

static bool stop(void *context)
{
    (void)context;
    return told_to_stop != 0;
}

/* What the worker told us last. */
struct seen {
    bool running;           /* a job of ours runs, or ran */
    bool said;              /* the line about room was written */
    char *waits, *platform; /* a job that waits for room, and where */
    json_t *troubles;       /* of each job, what was said last */
};

static void seen_fini(struct seen *s)
{
    free(s->waits);
    free(s->platform);
    json_decref(s->troubles);
}

static void progress(void *context, const struct job *j, const char *what, int64_t bytes,
                     int64_t total)
{
    struct seen *seen = context;
    own(str_fini) char *text = str_print("%s: %s", j->name ? j->name : j->id, what);
    if (!prog_quiet)
        bar_draw(&bar, text, bytes, total, clock_ms());
    if (!str_same(what, STEP_ROOM)) {
        seen->running = true;
    } else if (!seen->waits) {
        seen->waits = str_new(j->id);
        seen->platform = str_new(j->platform);
    }
}

/* Time passes. A person sees it on the bar; a log gets one line where it would seem that nothing
 * happens: others hold the room, and nothing of ours will give any back. */
static void tick(void *context)
{
    struct seen *seen = context;
    own(str_fini) char *what = str_new(bar.what);
    if (!prog_quiet && *what)
        bar_draw(&bar, what, -1, -1, clock_ms());
    if (!seen->waits || seen->running || seen->said || isatty(2) == 1)
        return;
    seen->said = true;
    prog_say("notice", NULL,
             "job %s waits for room, others have booked the cores or the memory of "
             "%s; execdm-status --list shows them",
             seen->waits, seen->platform);
}

static void trouble(void *context, const char *id, const struct err *err)
{
    struct seen *seen = context;
    bar_clear(&bar);
    if (str_same(json_text(seen->troubles, id), err->text))
        return;
    json_object_set_new(seen->troubles, id, json_string(err->text));
    prog_say("warning", id, "%s; it will be tried again", err->text);
}

static void say_failure(const json_t *doc)
{
    const char *name = json_text(doc, "name");
    own(str_fini) char *words = jobs_last_words(doc, 1);
    prog_say("error", NULL, "job %s%s%s%s: %s, %s%s%s", json_text(doc, "id"), name ? " (" : "",
             name ? name : "", name ? ")" : "", json_text(doc, "phase"),
             json_text(json_object_get(doc, "error"), "message"),
             *words ? "; its standard error ends: " : "", words);
}

/* The documents as they are now; CODE_NO when one of the jobs did not complete. */
static int write_documents(struct store *store, const struct strs *ids, struct buf *out,
                           struct err *err)
{
    own(json_fini) json_t *docs = json_array();
    int code = CODE_OK;
    for (size_t i = 0; i < ids->n; i++) {
        own(json_fini) json_t *doc = query_job(store, ids->list[i], clock_ms(), err);
        if (!doc)
            return -1;
        json_array_append(docs, doc);
        const char *status = json_text(doc, "status");
        bool failed = str_same(status, "FAILED") || str_same(status, "CANCELLED");
        if (failed)
            code = CODE_NO;
        if (failed && !prog_terminal())
            say_failure(doc);
        if (!prog_terminal())
            prog_document(out, doc);
    }
    if (prog_terminal() && ids->n)
        jobs_table(docs, true, out);
    return code;
}

static void say_detached(const struct strs *ids)
{
    if (ids->n == 1)
        prog_say("notice", NULL,
                 "detached; job %s goes on: execdm-run %s takes it up again, "
                 "execdm-phase %s abort ends it",
                 ids->list[0], ids->list[0], ids->list[0]);
    else
        prog_say("notice", NULL,
                 "detached; %zu jobs go on: execdm-run takes them up again, "
                 "execdm-phase JOB abort ends one",
                 ids->n);
}

static int check_jobs(struct store *store, const struct strs *ids, struct err *err)
{
    for (size_t i = 0; i < ids->n; i++) {
        own(job_fini) struct job j = {0};
        if (store_job_get(store, ids->list[i], &j, err) < 0)
            return -1;
        if (job_draft(&j) && !phase_terminal(j.phase)) /* it would be waited for without an end */
            return err_set(err, CODE_CONFLICT,
                           "job %s was made over UWS and not planned yet: the service runs it "
                           "(PHASE=RUN)",
                           j.id);
        free(ids->list[i]);
        ids->list[i] = str_new(j.id); /* the whole id */
    }
    return 0;
}

static int catch_signals(struct err *err)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action = {.sa_handler = on_signal}, before;
    sigset_t ours;
    if (pipe2(told, O_CLOEXEC | O_NONBLOCK) < 0)
        return err_sys(err, "cannot make a pipe");
    sigemptyset(&ours);
    for (size_t i = 0; i < COUNT(signals); i++) {
        if (sigaction(signals[i], NULL, &before) == 0 && before.sa_handler == SIG_IGN)
            continue; /* nohup, or in the background of a script */
        sigaction(signals[i], &action, NULL);
        sigaddset(&ours, signals[i]);
    }
    sigprocmask(SIG_UNBLOCK, &ours, NULL);
    return 0;
}

static int run(char **operands, struct buf *out, struct err *err)
{
    own(store_close) struct store store = {.lock = -1};
    own(strs_fini) struct strs ids = {0};
    bool all = once || watch;
    if (all && (*operands || (once && watch)))
        return err_set(err, CODE_USAGE, "--once, --watch and jobs exclude each other");
    if (!all && jobs_named(operands, &ids, err) < 0)
        return -1;
    if (store_open(&store, err) < 0 || check_jobs(&store, &ids, err) < 0 || catch_signals(err) < 0)
        return -1;
    own(seen_fini) struct seen seen = {.troubles = json_object()};
    struct worker worker = {
        .step =
            {.store = &store, .by = "worker", .stop = stop, .progress = progress, .context = &seen},
        .mode = once    ? WORKER_ONCE
                : watch ? WORKER_WATCH
                        : WORKER_JOBS,
        .ids = &ids,
        .told = told[0],
        .trouble = trouble,
        .tick = ids.n > 0 ? tick : NULL,
    };
    int rc = worker_run(&worker, err);
    bar_clear(&bar);
    if (rc < 0)
        return -1;
    int code = write_documents(&store, &ids, out, err);
    if (rc > 0 && !all && code >= 0) {
        say_detached(&ids);
        return CODE_TEMP;
    }
    return code;
}

static const struct prog prog = {
    .name = "execdm-run",
    .synopsis = "[JOB...]",
    .about = "Run accepted jobs: stage inputs, execute, store results.",
    .options = options,
    .run = run,
};

int main(int argc, char **argv)
{
    return prog_main(argc, argv, &prog);
}
