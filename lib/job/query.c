#include "host/clock.h"
#include "host/lock.h"
#include "host/path.h"
#include "job/destroy.h"
#include "job/follow.h"
#include "job/layout.h"
#include "job/lease.h"
#include "job/act.h"
#include "job/query.h"
#include "job/step.h"
#include "job/trigger.h"
#include "job/turn.h"
#include "store/link.h"

#define PATIENCE_MS 40000 /* for a worker that is just at the job */
#define PAUSE_S 30

static bool is_awaited(struct store *store, const struct job *j, int64_t now)
{
    struct err ignored = {0};
    own(str_fini) char *names = trigger_awaited(store, j, &ignored);
    return names && !j->wish && now / 1000 <= json_int(json_object_get(j->doc, "private"), "to", 0);
}

static bool left_record(struct store *store, const struct job *j)
{
    own(str_fini) char *record = layout_attempt(store, j, EXIT_RECORD);
    return path_exists(record);
}

/* What the next step needs, when it is not under way. */
static const char *waiting_for(struct store *store, const struct job *j, int64_t now)
{
    struct err ignored;
    int64_t from = json_int(json_object_get(j->doc, "private"), "from", 0) * 1000, start = 0;
    if (phase_terminal(j->phase) || j->phase == PHASE_HELD)
        return j->phase == PHASE_HELD ? "release" : NULL;
    if (job_draft(j))
        return "run";
    if (lease_held(store, j->id))
        return NULL;
    if (j->phase == PHASE_PENDING && now < from)
        return "start window";
    if (j->phase == PHASE_PENDING && is_awaited(store, j, now))
        return "trigger";
    if (job_waits_there(j))
        return left_record(store, j) ? "worker" : "backend";
    if (j->phase == PHASE_QUEUED && turn_start(store, j, now / 1000, &start, &ignored) == 0 &&
        start != now / 1000)
        return "room";
    if (j->phase != PHASE_EXECUTING && j->phase != PHASE_SUSPENDED)
        return j->phase == PHASE_UNKNOWN ? "backend" : "worker";
    /* ended, or lost: a supervisor keeps its lock while it lives (decisions.md, "Supervisor") */
    own(str_fini) char *alive = layout_attempt(store, j, "alive");
    if (left_record(store, j) || lock_ask(alive) == LOCK_FREE)
        return "worker";
    return j->phase == PHASE_SUSPENDED ? "resume" : NULL;
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

/* When it will have ended, as far as that is known: when its room is no longer its own. */
static int add_quote(struct store *store, struct job *j, struct err *err)
{
    struct booking booked = {0};
    char text[WHEN_TEXT];
    const int rc = phase_terminal(j->phase) ? 0 : store_booking_get(store, j->id, &booked, err);
    if (rc > 0)
        json_object_set_new(j->doc, "quote", json_string(moment_print(booked.end * 1000, text)));
    json_decref(booked.room.parts);
    return rc;
}

json_t *query_read(struct store *store, struct job *j, int64_t now, struct err *err)
{
    own(json_fini) json_t *history = store_events(store, j->id, err);
    if (history && job_remote(j))
        return follow_document(j, history);
    if (add_failures(store, j, err) < 0 || add_quote(store, j, err) < 0)
        return NULL;
    return history ? job_document(j, history, waiting_for(store, j, now)) : NULL;
}

json_t *query_job(struct store *store, const char *id, int64_t now, struct err *err)
{
    own(job_fini) struct job j = {0};
    return store_job_get(store, id, &j, err) < 0 ? NULL : query_read(store, &j, now, err);
}

/* --- what an owner may ask --- */

struct verb {
    const char *name;
    int event; /* of the table of phases; -1: none, the verb has a rule of its own */
    int (*change)(struct store *store, struct job *j, const struct verb *verb, struct err *err);
};
#define VERBS 8
static const struct verb verbs[VERBS];

static bool may(const struct job *j, const struct verb *verb)
{
    if (verb->event == EVENT_HOLD && (job_waits_there(j) || job_draft(j)))
        return false; /* it would start all the same; the other does not start by itself */
    if (verb->event >= 0)
        return phase_step(j->phase, (enum phase_event)verb->event, BY_OWNER) >= 0;
    return str_same(verb->name, "delete") || !phase_terminal(j->phase);
}

/* Why not, and what could be asked instead. */
static int refuse(const struct job *j, const struct verb *verb, struct err *err)
{
    own(buf_fini) struct buf others = {0};
    for (size_t i = 0; i < VERBS; i++)
        if (may(j, &verbs[i]))
            buf_print(&others, "%s%s", others.len ? ", " : "", verbs[i].name);
    return err_set(err, CODE_CONFLICT, "job %s is %s, where %s is refused; it can be asked to %s",
                   j->id, phase_name(j->phase), verb->name, others.bytes);
}

static int owner_step(struct store *store, struct job *j, const struct verb *verb, struct err *err)
{
    if (store_begin(store, true, err) < 0)
        return -1;
    int rc = store_job_step(store, j, (enum phase_event)verb->event, BY_OWNER, clock_ms(), "owner",
                            NULL, err);
    if (rc == 0)
        rc = err_set(err, CODE_TEMP, "job %s moved on meanwhile; try again", j->id);
    if (rc < 0) {
        store_rollback(store);
        return -1;
    }
    return store_commit(store, err);
}

/* The wish first: a worker in the middle of a transfer sees it and lets go of the job. */
static int change_abort(struct store *store, struct job *j, const struct verb *verb,
                        struct err *err)
{
    (void)verb;
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

/* Jobs start by themselves; a held one is let go. */
static int change_run(struct store *store, struct job *j, const struct verb *verb, struct err *err)
{
    const struct verb release = {.name = verb->name, .event = EVENT_RELEASE};
    if (job_draft(j)) /* that is the service's, which asks the planner first */
        return err_set(err, CODE_CONFLICT,
                       "job %s was made over UWS and not planned yet: the service runs it "
                       "(PHASE=RUN)",
                       j->id);
    return j->phase == PHASE_HELD ? owner_step(store, j, &release, err) : 0;
}

/* Asks the driver. A driver need not be able to do it (driver.md: suspend and resume are `may`). */
static int ask_driver(struct store *store, const struct job *j, const char *verb, struct err *err)
{
    const struct step step = {.store = store};
    own(json_fini) json_t *lines = act_driver_line(&step, j);
    own(json_fini) json_t *replies = NULL;
    int rc = act_driver(j, verb, lines, PAUSE_S, &replies, err);
    const json_t *error = json_object_get(json_array_get(replies, 0), "error");
    const char *kind = json_text(error, "kind");
    if ((rc < 0 && err->code == CODE_USAGE) || str_same(kind, "unsupported"))
        return err_set(err, CODE_CONFLICT, "job %s: the driver %s cannot %s jobs", j->id, j->driver,
                       verb);
    if (error)
        return err_set(err, str_same(kind, "conflict") ? CODE_CONFLICT : CODE_TEMP, "job %s: %s",
                       j->id, json_text(error, "text"));
    return rc;
}

/* First it is so, and then it is said: a worker that finds a job suspended says it, too. */
static int change_pause(struct store *store, struct job *j, const struct verb *verb,
                        struct err *err)
{
    own(fd_fini) int lease = lease_take(store, j->id, PATIENCE_MS, err);
    own(job_fini) struct job now = {0};
    if (lease < 0 || store_job_get(store, j->id, &now, err) < 0)
        return -1;
    if (!may(&now, verb))
        return refuse(&now, verb, err);
    if (ask_driver(store, &now, verb->name, err) < 0)
        return -1;
    return owner_step(store, &now, verb, err);
}

/* With the lease, and as it is now. */
static int take_over(struct store *store, const char *id, int *lease, struct job *j,
                     struct err *err)
{
    *lease = lease_take(store, id, PATIENCE_MS, err);
    return *lease < 0 ? -1 : store_job_get(store, id, j, err);
}

static int change_archive(struct store *store, struct job *j, const struct verb *verb,
                          struct err *err)
{
    (void)verb;
    own(fd_fini) int lease = -1;
    own(job_fini) struct job now = {0};
    /* a job that goes on is refused at once, not when its worker lets go of it */
    if (destroy_allowed(j, BY_OWNER, err) < 0 || take_over(store, j->id, &lease, &now, err) < 0)
        return -1;
    return destroy_job(store, &now, BY_OWNER, "owner", NULL, err);
}

/* Through ARCHIVED, so that a deletion that was broken off leaves a job that is known not to have
 * files. */
static int change_delete(struct store *store, struct job *j, const struct verb *verb,
                         struct err *err)
{
    own(fd_fini) int lease = -1;
    own(job_fini) struct job now = {0};
    if (!phase_terminal(j->phase) && change_abort(store, j, verb, err) < 0)
        return -1;
    if (take_over(store, j->id, &lease, &now, err) < 0 ||
        (now.phase == PHASE_ARCHIVED
             ? destroy_files(store, &now, err)
             : destroy_job(store, &now, BY_OWNER, "owner", NULL, err)) < 0 ||
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

static const struct verb verbs[VERBS] = {
    {"run", -1, change_run},
    {"abort", EVENT_ABORT, change_abort},
    {"hold", EVENT_HOLD, owner_step},
    {"release", EVENT_RELEASE, owner_step},
    {"suspend", EVENT_SUSPEND, change_pause},
    {"resume", EVENT_RESUME, change_pause},
    {"archive", EVENT_ARCHIVE, change_archive},
    {"delete", -1, change_delete},
};

static const struct verb *verb_find(const char *name)
{
    for (size_t i = 0; i < VERBS; i++)
        if (str_same(verbs[i].name, name))
            return &verbs[i];
    return NULL;
}

int query_verb(const char *name, struct err *err)
{
    own(buf_fini) struct buf all = {0};
    if (verb_find(name))
        return 0;
    for (size_t i = 0; i < VERBS; i++)
        buf_print(&all, "%s%s", i ? ", " : "", verbs[i].name);
    return err_set(err, CODE_USAGE, "expected jobs and one of %s, found %s%s%s", all.bytes,
                   name ? "\"" : "", name ? name : "nothing", name ? "\"" : "");
}

int query_allowed(const struct job *j, const char *name, struct err *err)
{
    const struct verb *verb = verb_find(name);
    if (!verb)
        return query_verb(name, err);
    return job_remote(j) || may(j, verb) ? 0 : refuse(j, verb, err);
}

int query_change(struct store *store, const char *id, const char *name, struct err *err)
{
    const struct verb *verb = verb_find(name);
    own(job_fini) struct job j = {0};
    if (!verb)
        return query_verb(name, err);
    if (store_job_get(store, id, &j, err) < 0)
        return -1;
    if (job_remote(&j)) {
        if (follow_change(store, &j, name, err) < 0)
            return -1;
        return str_same(name, "delete") ? destroy_directory(store, j.id, err) : 0;
    }
    return may(&j, verb) ? verb->change(store, &j, verb, err) : refuse(&j, verb, err);
}
