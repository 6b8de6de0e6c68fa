#include "job/step.h"
#include "host/clock.h"
#include "job/destroy.h"
#include "job/follow.h"
#include "job/managed.h"
#include "job/layout.h"
#include "job/parts.h"
#include "job/trigger.h"
#include "job/turn.h"

#define CANCEL_S 30
#define RETRY_S 5 /* between two looks for room by a job that must not wait for its window */

/* The task as it was accepted, for the numbers and paths in it. */
static int parse_task(const struct step *s, const struct job *j, struct task *t, struct err *err)
{
    own(json_fini) json_t *doc =
        json_pack("{s:O,s:O}", "executable", json_object_get(j->doc, "executable"), "resources",
                  json_object_get(j->doc, "resources"));
    own(json_fini) json_t *whole = act_reveal(s, j, doc, err);
    return whole ? task_init(t, whole, err) : -1;
}

/* One that waits for its trigger has its storage from the window's opening on (EP-75). */
static bool wants_places(const struct step *s, const struct job *j)
{
    own(task_fini) struct task t = {0};
    struct err ignored;
    return json_is_true(json_object_get(act_private(j), "held")) &&
           clock_ms() >= json_int(act_private(j), "from", 0) * 1000 &&
           parse_task(s, j, &t, &ignored) == 0 && managed_wants(s->store, j, &t);
}

static int expire(struct step *s, struct job *j, struct err *err)
{
    act_error(j, "startwindow", "policy", false,
              "the start window closed before the job was started");
    return act_go(s, j, EVENT_EXPIRE, "the start window closed", err);
}

/* The window is open, and all its room held, but nobody has called (Planner 2.5.1). */
static int await_trigger(struct step *s, struct job *j, const char *names, int64_t *due,
                         struct err *err)
{
    *due = json_int(act_private(j), "to", 0) * 1000 + 1000;
    if (clock_ms() < *due)
        return 0;
    own(str_fini) char *text =
        str_print("the start window closed before the job was triggered: %s was not called", names);
    act_error(j, "startwindow", "policy", false, text);
    return act_go(s, j, EVENT_EXPIRE, "the start window closed untriggered", err);
}

/* PENDING: until the window opens, and whoever is to start it has called. */
static int step_pending(struct step *s, struct job *j, int64_t *due, struct err *err)
{
    int64_t now = clock_ms(), from = json_int(act_private(j), "from", 0) * 1000;
    if (now < from) {
        *due = from;
        return 0;
    }
    if (wants_places(s, j)) {
        own(task_fini) struct task t = {0};
        int rc = parse_task(s, j, &t, err) < 0 ? -1 : managed_make(s, j, &t, err);
        if (rc != 0)
            return rc < 0 ? -1 : act_go(s, j, EVENT_FAIL, act_reason(j), err);
    }
    err->code = CODE_OK;
    own(str_fini) char *names = trigger_awaited(s->store, j, err);
    if (err->code)
        return -1;
    return names ? await_trigger(s, j, names, due, err) : act_go(s, j, EVENT_OPEN, NULL, err);
}

/* In the transaction that takes the room. 1, or 0 when it is gone again. */
static int take_turn(struct step *s, struct job *j, int64_t now, int64_t *start, struct err *err)
{
    if (turn_start(s->store, j, now / 1000, start, err) < 0)
        return -1;
    if (*start != now / 1000)
        return 0;
    j->attempt++;
    json_object_set_new(j->doc, "turn", json_integer(now / 1000));
    return act_go_locked(s, j, EVENT_PREPARE, now, NULL, err);
}

/* QUEUED: until it is its turn, which comes sooner when others give room back: the event log says
 * so (roster.h). */
static int step_queued(struct step *s, struct job *j, int64_t *due, struct err *err)
{
    const int64_t now = clock_ms(), to = json_int(act_private(j), "to", 0);
    int64_t start = -1;
    if (!turn_in_time(j) && now / 1000 > to)
        return expire(s, j, err);
    int rc = turn_start(s->store, j, now / 1000, &start, err);
    if (rc == 0 && start == now / 1000) {
        if (store_begin(s->store, true, err) < 0)
            return -1;
        rc = take_turn(s, j, now, &start, err);
        if (rc > 0)
            return store_commit(s->store, err) < 0 ? -1 : 1;
        store_rollback(s->store);
    }
    /* without a turn in its window it is looked at when that closes; a retry waits for room */
    *due = (start >= 0 ? start : turn_in_time(j) ? now / 1000 + RETRY_S : to + 1) * 1000;
    if (rc == 0 && s->progress)
        s->progress(s->context, j, STEP_ROOM, -1, -1);
    return rc;
}

/* Which its driver may be busy with, and takes its time to end. */
static bool has_attempt(const struct job *j)
{
    return j->attempt > 0 && (j->phase != PHASE_QUEUED || job_waits_there(j));
}

int step_abort(struct step *s, struct job *j, const char *why, struct err *err)
{
    if (phase_terminal(j->phase))
        return err_set(err, CODE_CONFLICT, "job %s is %s already", j->id, phase_name(j->phase));
    if (has_attempt(j)) {
        own(json_fini) json_t *lines = act_driver_line(s, j);
        own(json_fini) json_t *replies = NULL;
        if (act_driver(j, "cancel", lines, CANCEL_S, &replies, err) < 0)
            return -1;
        const json_t *reply = json_array_get(replies, 0);
        const json_t *error = json_object_get(reply, "error");
        if (error)
            return err_set(err, CODE_TEMP, "%s", json_text(error, "text"));
        own(json_fini) json_t *results = json_array();
        part_own_result(s, j, results, "stdout");
        part_own_result(s, j, results, "stderr");
        json_object_set(j->doc, "results", results);
        if (json_object_get(reply, "reason"))
            part_record(j, reply);
    }
    act_error(j, "killed", "user", false, why);
    act_release_inputs(s, j);
    return act_go(s, j, EVENT_ABORT, why, err) < 0 ? -1 : 0;
}

static int abort_wished(struct step *s, struct job *j, struct err *err)
{
    own(str_fini) char *why = j->destruction && clock_ms() >= j->destruction
                                  ? str_new(DESTROY_WHY)
                                  : trigger_reason(s->store, j);
    return step_abort(s, j, why, err);
}

/* With the task as it was accepted. What was sealed and cannot be opened any more never can. */
static int with_task(struct step *s, struct job *j,
                     int (*part)(struct step *, struct job *, const struct task *, struct err *),
                     struct err *err)
{
    own(task_fini) struct task t = {0};
    struct err why = {0};
    if (parse_task(s, j, &t, &why) == 0)
        return part(s, j, &t, err);
    if (why.code == CODE_DATA || why.code == CODE_NOINPUT)
        return act_fail(s, j, "credential", "platform", false, why.text, err);
    *err = why;
    return -1;
}

static int step_phase(struct step *s, struct job *j, int64_t *due, struct err *err)
{
    switch (j->phase) {
    case PHASE_PENDING:
        return step_pending(s, j, due, err);
    case PHASE_QUEUED:
        return job_waits_there(j) ? part_execute(s, j, due, err) : step_queued(s, j, due, err);
    case PHASE_PREPARING:
        return with_task(s, j, part_prepare, err);
    case PHASE_EXECUTING:
    case PHASE_SUSPENDED:
    case PHASE_UNKNOWN:
        return part_execute(s, j, due, err);
    case PHASE_FINALIZING:
        return with_task(s, j, part_finalize, err);
    case PHASE_HELD: /* a later attempt has started in time */
        *due = j->attempt ? INT64_MAX : json_int(act_private(j), "to", 0) * 1000 + 1000;
        return clock_ms() < *due ? 0 : expire(s, j, err);
    default:
        *due = clock_ms() + POLL_MS;
        return 0;
    }
}

bool step_is_long(const struct step *s, const struct job *j)
{
    return j->phase == PHASE_PREPARING || j->phase == PHASE_FINALIZING ||
           (j->phase == PHASE_PENDING && wants_places(s, j));
}

/* Of many a short job there is nothing to store and nothing to clear away. */
static bool leaves_nothing(const struct step *s, const struct job *j)
{
    const json_t *resources = json_object_get(j->doc, "resources");
    return j->phase == PHASE_FINALIZING &&
           json_array_size(json_object_get(resources, "storage")) == 0 &&
           !layout_left_outputs(s->store, j);
}

int step_job(struct step *s, const char *id, struct job *j, int64_t *due, struct err *err)
{
    *due = 0;
    if (store_job_get(s->store, id, j, err) < 0)
        return -1;
    if (phase_terminal(j->phase))
        return 0;
    if (job_remote(j))
        return follow_step(s, j, due, err);
    if (job_draft(j) && !j->wish) {
        *due = INT64_MAX;
        return 0;
    }
    if (str_same(j->wish, "abort"))
        return s->brief && has_attempt(j) ? STEP_LONG : abort_wished(s, j, err) < 0 ? -1 : 1;
    if (s->brief && step_is_long(s, j) && !leaves_nothing(s, j))
        return STEP_LONG;
    int rc = step_phase(s, j, due, err);
    if (rc < 0 && err->code == CODE_TEMP) { /* work was broken off because of a new wish? */
        own(str_fini) char *wish = store_job_wished(s->store, id);
        if (wish)
            return 1;
    }
    return rc;
}
