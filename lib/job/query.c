#include "host/clock.h"
#include "host/lock.h"
#include "host/path.h"
#include "job/act.h"
#include "job/destroy.h"
#include "job/follow.h"
#include "job/layout.h"
#include "job/lease.h"
#include "job/query.h"
#include "job/step.h"
#include "job/trigger.h"
#include "job/turn.h"
#include "store/link.h"

#define PATIENCE_MS 40000 /* for a worker that is just at the job */

static bool is_awaited(struct store *store, const struct job *j, int64_t now)
{
    struct err ignored = {0};
    own(str_fini) char *names = trigger_awaited(store, j, &ignored);
    return names && !j->wish && now / 1000 <= json_int(json_object_get(j->doc, "private"), "to", 0);
}

/* What the next step needs, when it is not under way. */
static const char *waiting_for(struct store *store, const struct job *j, int64_t now)
{
    struct err ignored;
    int64_t from = json_int(json_object_get(j->doc, "private"), "from", 0) * 1000, start = 0;
    if (phase_terminal(j->phase) || j->phase == PHASE_HELD)
        return j->phase == PHASE_HELD ? "release" : NULL;
    if (lease_held(store, j->id))
        return NULL;
    if (j->phase == PHASE_PENDING && now < from)
        return "start window";
    if (j->phase == PHASE_PENDING && is_awaited(store, j, now))
        return "trigger";
    if (j->phase == PHASE_QUEUED && turn_start(store, j, now / 1000, &start, &ignored) == 0 &&
        start != now / 1000)
        return "room";
    if (j->phase != PHASE_EXECUTING)
        return "worker";
    /* ended, or lost: a supervisor keeps its lock while it lives (decisions.md, "Supervisor") */
    own(str_fini) char *record = layout_attempt(store, j, "exit.json");
    own(str_fini) char *alive = layout_attempt(store, j, "alive");
    return path_exists(record) || !lock_is_held(alive) ? "worker" : NULL;
}

/* What became of callouts is told by the rows that were queued: nobody who steps the job waits for
 * them. */
static int add_failures(struct store *store, struct job *j, struct err *err)
{
    own(json_fini) json_t *texts = json_array();
    size_t i;
    json_t *text;
    if (json_array_size(json_object_get(j->doc, "callouts")) == 0)
        return 0;
    if (link_failures(store, j->id, texts, err) < 0)
        return -1;
    json_array_foreach (texts, i, text)
        act_message(j, "callout-failed", json_string_value(text));
    return 0;
}

json_t *query_job(struct store *store, const char *id, int64_t now, struct err *err)
{
    own(job_fini) struct job j = {0};
    if (store_job_get(store, id, &j, err) < 0)
        return NULL;
    own(json_fini) json_t *history = store_events(store, j.id, err);
    if (history && job_remote(&j))
        return follow_document(&j, history);
    if (add_failures(store, &j, err) < 0)
        return NULL;
    return history ? job_document(&j, history, waiting_for(store, &j, now)) : NULL;
}

static int owner_step(struct store *store, struct job *j, enum phase_event event, struct err *err)
{
    if (store_begin(store, true, err) < 0)
        return -1;
    int rc = store_job_step(store, j, event, BY_OWNER, clock_ms(), "owner", NULL, err);
    if (rc == 0)
        rc = err_set(err, CODE_TEMP, "job %s moved on meanwhile; try again", j->id);
    if (rc < 0) {
        store_rollback(store);
        return -1;
    }
    return store_commit(store, err);
}

/* The wish first: a worker in the middle of a transfer sees it and lets go of the job. */
static int change_abort(struct store *store, struct job *j, struct err *err)
{
    if (phase_terminal(j->phase))
        return err_set(err, CODE_CONFLICT, "job %s is %s already", j->id, phase_name(j->phase));
    if (store_begin(store, true, err) < 0)
        return -1;
    if (store_job_wish(store, j->id, "abort", err) < 0) {
        store_rollback(store);
        return -1;
    }
    if (store_commit(store, err) < 0)
        return -1;
    own(fd_fini) int lease = lease_take(store, j->id, PATIENCE_MS, err);
    if (lease < 0)
        return err_wrap(err, "the wish to abort is noted");
    own(job_fini) struct job now = {0};
    struct step step = {.store = store, .by = "owner"};
    if (store_job_get(store, j->id, &now, err) < 0)
        return -1;
    if (now.phase == PHASE_ABORTED)
        return 0; /* the worker did it */
    return step_abort(&step, &now, "aborted by its owner", err);
}

static int change_hold(struct store *store, struct job *j, struct err *err)
{
    return owner_step(store, j, EVENT_HOLD, err);
}

static int change_release(struct store *store, struct job *j, struct err *err)
{
    return owner_step(store, j, EVENT_RELEASE, err);
}

/* Jobs start by themselves; a held one is let go. */
static int change_run(struct store *store, struct job *j, struct err *err)
{
    if (j->phase == PHASE_HELD)
        return owner_step(store, j, EVENT_RELEASE, err);
    if (phase_terminal(j->phase))
        return err_set(err, CODE_CONFLICT, "job %s is %s already", j->id, phase_name(j->phase));
    return 0;
}

static int change_suspend(struct store *store, struct job *j, struct err *err)
{
    (void)store;
    return err_set(err, CODE_CONFLICT, "job %s: the driver %s cannot suspend jobs", j->id,
                   j->driver);
}

/* With the lease, and as it is now. */
static int take_over(struct store *store, const char *id, int *lease, struct job *j,
                     struct err *err)
{
    *lease = lease_take(store, id, PATIENCE_MS, err);
    return *lease < 0 ? -1 : store_job_get(store, id, j, err);
}

static int change_archive(struct store *store, struct job *j, struct err *err)
{
    own(fd_fini) int lease = -1;
    own(job_fini) struct job now = {0};
    /* a job that goes on is refused at once, not when its worker lets go of it */
    if (destroy_allowed(j, BY_OWNER, err) < 0 || take_over(store, j->id, &lease, &now, err) < 0)
        return -1;
    return destroy_job(store, &now, BY_OWNER, "owner", NULL, err);
}

static int change_delete(struct store *store, struct job *j, struct err *err)
{
    own(fd_fini) int lease = -1;
    own(job_fini) struct job now = {0};
    if (!phase_terminal(j->phase) && change_abort(store, j, err) < 0)
        return -1;
    if (take_over(store, j->id, &lease, &now, err) < 0 || destroy_files(store, &now, err) < 0 ||
        store_begin(store, true, err) < 0)
        return -1;
    if (store_job_delete(store, j->id, err) < 0) {
        store_rollback(store);
        return -1;
    }
    if (store_commit(store, err) < 0)
        return -1;
    /* a worker that looks on from now on makes the directory again, finds no job, and removes it */
    return destroy_directory(store, j->id, err);
}

const char *const query_verbs[] = {"run",    "abort",   "hold",   "release", "suspend",
                                   "resume", "archive", "delete", NULL};

int query_change(struct store *store, const char *id, const char *verb, struct err *err)
{
    static int (*const changes[])(struct store *, struct job *, struct err *) = {
        change_run,     change_abort,   change_hold,    change_release,
        change_suspend, change_suspend, change_archive, change_delete,
    };
    own(job_fini) struct job j = {0};
    for (size_t i = 0; query_verbs[i]; i++) {
        if (!str_same(query_verbs[i], verb))
            continue;
        if (store_job_get(store, id, &j, err) < 0)
            return -1;
        if (!job_remote(&j))
            return changes[i](store, &j, err);
        if (follow_change(store, &j, verb, err) < 0)
            return -1;
        return str_same(verb, "delete") ? destroy_directory(store, j.id, err) : 0;
    }
    return err_set(err, CODE_USAGE,
                   "a job can be asked to run, abort, hold, release, suspend, "
                   "resume, archive or delete, not to \"%s\"",
                   verb);
}
